"""Argo workflows: valid by models that are generated from Argo's published schema, and nothing injected."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest

from stepwell.model import StepDefinition
from stepwell.run.pipelines import Node, OutputOf, Pipeline
from stepwell.source.document import Document, thaw
from stepwell.source.read import read_text
from stepwell.write.export import find_exporter

pytestmark = pytest.mark.slow


def step(name: str, description: str = "Work.", **interface: Any) -> StepDefinition:
    return StepDefinition(
        MappingProxyType({"name": name, "description": description, "interface": interface})
    )


PREPARE = step(
    "Prepare",
    entry_point="prepare.py",
    inputs={"DATA": {"path": "/opt/ml/in"}, "EXTRA": {"path": "/opt/ml/extra", "required": False}},
    outputs={"rows": {"path": "/opt/ml/out", "aliases": ("table",)}, "count": {}},
    arguments={"job_type": {"source": "job_type"}, "depth": {}},
    env={"required": ["LABEL"]},
)
TRAIN = step("Train", entry_point="src/train.py", inputs={"rows": {"path": "/opt/ml/in"}}, outputs={})


def small(config: Mapping[str, Any], **more: Any) -> Pipeline:
    said = {"label": "y", **config}
    nodes = [
        Node("pre_pare", "Prepare", None, "training", PREPARE, said, given={"DATA": "data"}),
        Node("pre-pare", "Train", None, None, TRAIN, {}, {"rows": OutputOf("pre_pare", "table")}),
        Node("pipeline", "Train", definition=TRAIN, given={"rows": "data"}, depends_on=("pre-pare",)),
    ]
    said = {"parameters": {"data": None, "depth": 6}, "description": "Prepare, then train.", **more}
    return Pipeline("PrepareAndTrain", nodes={one.id: one for one in nodes}, **said)


def workflow(pipeline: Pipeline) -> dict[str, Any]:
    from hera.workflows.models import Workflow  # a second, which collection need not wait for

    given = find_exporter("argo")(pipeline)
    assert given.diagnostics == ()
    document = read_text("workflow.yaml", given.value.encode())
    assert isinstance(document, Document)
    data: dict[str, Any] = thaw(document.data)
    # A field that the schema does not have would be lost or rejected.
    assert Workflow.model_validate(data).model_dump(by_alias=True, exclude_unset=True) == data
    return data


def test_the_workflow_is_what_argo_runs() -> None:
    assert workflow(small({"depth": "${depth}"})) == {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {
            "generateName": "prepare-and-train-",
            "annotations": {
                "workflows.argoproj.io/title": "PrepareAndTrain",
                "workflows.argoproj.io/description": "Prepare, then train.",
            },
        },
        "spec": {
            "entrypoint": "pipeline-2",
            "arguments": {
                "parameters": [
                    {"name": "data"},
                    {"name": "depth", "value": "6"},
                    {
                        "name": "code-folder",
                        "description": "Folder of the scripts in the images.",
                        "value": "/opt/ml/code",
                    },
                    {"name": "step-image", "description": "Default image for steps without one."},
                ]
            },
            "templates": [
                {
                    "name": "pipeline-2",
                    "dag": {
                        "tasks": [
                            {"name": "pre-pare", "template": "pre-pare"},
                            {
                                "name": "pre-pare-2",
                                "template": "pre-pare-2",
                                "dependencies": ["pre-pare"],
                                "arguments": {
                                    "artifacts": [
                                        {
                                            "name": "rows",
                                            "from": "{{tasks.pre-pare.outputs.artifacts.rows}}",
                                        }
                                    ]
                                },
                            },
                            {"name": "pipeline", "template": "pipeline", "dependencies": ["pre-pare-2"]},
                        ]
                    },
                },
                {
                    "name": "pre-pare",
                    "metadata": {
                        "annotations": {"stepwell.dev/step": "Prepare", "stepwell.dev/description": "Work."}
                    },
                    "inputs": {
                        "artifacts": [
                            {
                                "name": "DATA",
                                "path": "/opt/ml/in",
                                "s3": {"key": "{{workflow.parameters.data}}"},
                            }
                        ]
                    },
                    "outputs": {"artifacts": [{"name": "rows", "path": "/opt/ml/out"}]},
                    "container": {
                        "image": "{{workflow.parameters.step-image}}",
                        "command": ["python"],
                        "args": [
                            "{{workflow.parameters.code-folder}}/prepare.py",
                            "--job_type",
                            "training",
                            "--depth",
                            "{{workflow.parameters.depth}}",
                        ],
                        "env": [{"name": "LABEL", "value": "y"}],
                    },
                },
                {
                    "name": "pre-pare-2",
                    "metadata": {
                        "annotations": {"stepwell.dev/step": "Train", "stepwell.dev/description": "Work."}
                    },
                    "inputs": {"artifacts": [{"name": "rows", "path": "/opt/ml/in"}]},
                    "container": {
                        "image": "{{workflow.parameters.step-image}}",
                        "command": ["python"],
                        "args": ["{{workflow.parameters.code-folder}}/src/train.py"],
                    },
                },
                {
                    "name": "pipeline",
                    "metadata": {
                        "annotations": {"stepwell.dev/step": "Train", "stepwell.dev/description": "Work."}
                    },
                    "inputs": {
                        "artifacts": [
                            {
                                "name": "rows",
                                "path": "/opt/ml/in",
                                "s3": {"key": "{{workflow.parameters.data}}"},
                            }
                        ]
                    },
                    "container": {
                        "image": "{{workflow.parameters.step-image}}",
                        "command": ["python"],
                        "args": ["{{workflow.parameters.code-folder}}/src/train.py"],
                    },
                },
            ],
        },
    }


@pytest.mark.parametrize(
    "value",
    [
        "y\nimage: evil",
        "'; rm -rf / #",
        '"}]}',
        "}} no opening",
        "&a *a",
        "\u2028- evil",
        "no",
        "{x: 1}",
    ],
)
def test_a_value_stays_a_value(value: str) -> None:
    made = workflow(small({"label": value, "image_uri": value}, description=value))
    assert made["metadata"]["annotations"]["workflows.argoproj.io/description"] == value
    container = made["spec"]["templates"][1]["container"]
    assert container["env"] == [{"name": "LABEL", "value": value}]
    assert container["image"] == value
    assert [one["name"] for one in made["spec"]["templates"]] == [
        "pipeline-2",
        "pre-pare",
        "pre-pare-2",
        "pipeline",
    ]


def test_a_value_that_argo_would_read_as_an_expression_is_rejected() -> None:
    evil = "{{=sprig.env('X')}}"
    found = find_exporter("argo")(small({"label": evil}, parameters={"data": evil, "depth": 6})).diagnostics
    assert [one.message for one in found] == [
        f"the parameter `data` has the default `{evil}`, and Argo interprets `{{{{` as an expression",
        f"`pre_pare` has the text `{evil}`, and Argo interprets `{{{{` as an expression",
    ]


def test_what_argo_cannot_run_is_reported() -> None:
    value = step("Value", entry_point="v.py", outputs={"number": {}})
    reads = step("Reads", entry_point="r.py", inputs={"number": {}, "more/less": {"path": "/x"}})
    model = step("Model", inputs={}, outputs={})
    nodes = [
        Node("value", "Value", definition=value),
        Node("reads", "Reads", definition=reads, inputs={"number": OutputOf("value", "number")}),
        Node("model", "Model", definition=model),
        Node("none", "None"),
        Node("bare", "Bare", definition=StepDefinition({"name": "Bare", "description": "Do."})),
    ]
    found = find_exporter("argo")(Pipeline("Odd", nodes={one.id: one for one in nodes})).diagnostics
    assert [one.message for one in found] == [
        "`none` uses the unknown step `None`",
        "`bare` uses `Bare`, which has no interface",
        "`value` produces `number`, which is not a file",
        "`model` has no script, which Argo needs",
        "`reads` reads `number`, which is not a file",
        "`reads` has the interface name `more/less`, which is not a valid artifact name",
        "`reads` needs the input `more/less`, which is not connected",
    ]


def test_steps_in_a_cycle_are_reported() -> None:
    nodes = {
        "a": Node("a", "Train", definition=TRAIN, depends_on=("b", "c")),
        "b": Node("b", "Train", definition=TRAIN, depends_on=("a",)),
    }
    found = find_exporter("argo")(Pipeline("Round", nodes=nodes)).diagnostics
    assert [one.message for one in found] == [
        "`a` depends on `c`, which is not in the pipeline",
        "steps of `Round` depend on each other in a cycle: `a` → `b` → `a`",
    ]
