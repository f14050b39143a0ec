"""SageMaker pipeline definitions: what the SageMaker SDK renders, and ``create_pipeline`` takes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from stepwell.model import StepDefinition
from stepwell.run.pipelines import Node, OutputOf, Pipeline
from stepwell.source.diagnostic import Severity
from stepwell.write.export import find_exporter

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "sagemaker"
GOLDENS = sorted(path.stem for path in GOLDEN.glob("*.json"))
CHANNEL = "/opt/ml/input/data/CHANNEL"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/steps:1"
ROLE = "arn:aws:iam::123456789012:role/pipelines"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:prepare"
WHERE = {"role": ROLE, "image_uri": IMAGE, "instance_type": "ml.m5.xlarge"}

Steps = Mapping[str, StepDefinition]


def step(name: str, kind: str, description: str, **interface: Any) -> StepDefinition:
    said = {"name": name, "sagemaker_step_type": kind, "description": description, "interface": interface}
    return StepDefinition(MappingProxyType(said))


def output(path: str | None, property_path: str) -> dict[str, Any]:
    return {"path": path, "type": "processing_output", "property_path": f"properties.{property_path}"}


PREPARE = step(
    "TabularPreprocessing",
    "Processing",
    "Split a table.",
    entry_point="prepare.py",
    inputs={
        "DATA": {"path": "/opt/ml/processing/input/data", "type": "processing_output"},
        "SIGNATURE": {"path": "/opt/ml/processing/input/signature", "type": "schema", "required": False},
    },
    outputs={
        "processed_data": output(
            "/opt/ml/processing/output", "ProcessingOutputConfig.Outputs['processed_data'].S3Output.S3Uri"
        )
    },
    arguments={"job_type": {"flag": "--job_type", "source": "job_type", "required": True}},
    env={"optional": {"LABEL_FIELD": ""}},
)
MODEL_OUTPUT = {"model_output": output("/opt/ml/model", "ModelArtifacts.S3ModelArtifacts")}
CHANNELS = {"path": "/opt/ml/input/data", "type": "training_data", "channels": ("train", "val")}
TRAIN = step(
    "Training",
    "Training",
    "Fit a model.",
    inputs={"input_path": CHANNELS},
    outputs=MODEL_OUTPUT,
    env={"required": ["NOISY"]},
)
PLAIN = step("Plain", "Training", "Fit a model.", inputs={"input_path": CHANNELS}, outputs=MODEL_OUTPUT)
SCRIPT = step(
    "Script",
    "Training",
    "Fit a model.",
    entry_point="train.py",
    inputs={"input_path": CHANNELS},
    outputs=MODEL_OUTPUT,
    arguments={"job_type": {"flag": "--job_type", "source": "job_type"}},
)
TOLD = step(
    "Told",
    "Training",
    "Fit a model.",
    inputs={"hyperparameters": {"path": "/opt/ml/input/data/hyperparameters", "type": "hyperparameters"}},
    outputs=MODEL_OUTPUT,
)
ARTIFACTS = {"model_data": {"type": "model_artifacts"}}
CREATE = step(
    "Model",
    "CreateModel",
    "Create a model.",
    inputs=ARTIFACTS,
    outputs={"model_name": output(None, "ModelName")},
    env={"optional": {"WORKERS": "1"}},
)
SCORE = step(
    "BatchTransform",
    "Transform",
    "Score a table.",
    inputs={"model_name": {"type": "custom_property"}, "processed_data": {"type": "processing_output"}},
    outputs={"transform_output": output(None, "TransformOutput.S3OutputPath")},
    compute={"accept": "text/csv", "assemble_with": "Line"},
)
REGISTER = step("Register", "RegisterModel", "Register a model.", inputs=ARTIFACTS)
HYPERPARAMETERS = step(
    "HyperparameterPrep",
    "Lambda",
    "Write hyperparameters.",
    inputs={"rows": {"type": "data"}},
    outputs={"hyperparameters_s3_uri": output(None, "OutputParameters['hyperparameters_s3_uri']")},
    arguments={"depth": {}},
)


def prepared(**config: Any) -> Node:
    said = {
        **WHERE,
        "instance_type": "ml.m5.2xlarge",
        "instance_count": 2,
        "volume_size": 50,
        "max_runtime_seconds": 3600,
        "label_field": "label",
        "code_uri": "s3://bucket/code/prepare.py",
    }
    return node("prepare", PREPARE, {**said, **config}, given={"DATA": "rows"}, job_type="training")


def node(id_: str, definition: StepDefinition, config: Mapping[str, Any], **more: Any) -> Node:
    if "inputs" in more:
        more["inputs"] = {name: OutputOf(*source.split(".")) for name, source in more["inputs"].items()}
    return Node(id_, definition.name, definition=definition, config=config, **more)


FED = {"inputs": {"input_path": "prepare.processed_data"}}
ROWS = {"rows": None}


def pipeline(*nodes: Node, **parameters: Any) -> Pipeline:
    return Pipeline("Small", "A small one.", {**ROWS, **parameters}, {one.id: one for one in nodes})


CASES: dict[str, Pipeline] = {
    "processing": pipeline(prepared()),
    "processing-that-asks": pipeline(
        node(
            "prepare",
            PREPARE,
            {"code_uri": "s3://bucket/code/prepare.py"},
            given={"DATA": "rows"},
            job_type="training",
        )
    ),
    "training": pipeline(
        prepared(),
        node(
            "train",
            TRAIN,
            {
                **WHERE,
                "noisy": "${noisy}",
                "hyperparameters": {"eta": "${eta}", "depth": "${depth}", "objective": "binary:logistic"},
            },
            **FED,
        ),
        eta=0.3,
        depth=6,
        noisy=True,
    ),
    "training-with-a-script": pipeline(
        prepared(),
        node(
            "train",
            SCRIPT,
            {
                **WHERE,
                "code_uri": "s3://bucket/code/source.tar.gz",
                "region": "us-east-1",
                "hyperparameters": {"rounds": 10},
            },
            job_type="training",
            **FED,
        ),
    ),
    "model-and-transform": pipeline(
        prepared(),
        node("train", PLAIN, WHERE, **FED),
        node("model", CREATE, {**WHERE, "WORKERS": 2}, inputs={"model_data": "train.model_output"}),
        node(
            "score",
            SCORE,
            {**WHERE, "content_type": "text/csv", "split_type": "Line"},
            inputs={"model_name": "model.model_name", "processed_data": "prepare.processed_data"},
            depends_on=("train",),
        ),
    ),
    "registration": pipeline(
        prepared(),
        node("train", PLAIN, WHERE, **FED),
        node(
            "catalog-RegisterModel",
            REGISTER,
            {
                **WHERE,
                "model_package_group_name": "fraud",
                "inference_instances": ("ml.m5.large",),
                "approval_status": "Approved",
            },
            inputs={"model_data": "train.model_output"},
        ),
    ),
    "lambda": pipeline(
        node(
            "hyperparameters",
            HYPERPARAMETERS,
            {"function_arn": FUNCTION, "depth": 6},
            given={"rows": "rows"},
        ),
        node("train", TOLD, WHERE, inputs={"hyperparameters": "hyperparameters.hyperparameters_s3_uri"}),
    ),
}


def exported(made: Pipeline) -> dict[str, Any]:
    given = find_exporter("sagemaker")(made)
    assert given.diagnostics == ()
    definition: dict[str, Any] = json.loads(given.value)
    return definition


def test_every_golden_has_its_pipeline() -> None:
    assert sorted(CASES) == GOLDENS


@pytest.mark.parametrize("name", GOLDENS)
def test_the_definition_is_what_the_sdk_renders(name: str) -> None:
    rendered = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    assert rendered["made_by"].startswith("sagemaker 2.")
    wanted, told = rendered["definition"], exported(CASES[name])
    for definition in (wanted, told):  # the order of parameters does not matter
        definition["Parameters"].sort(key=lambda one: one["Name"])
    assert told == wanted


@pytest.fixture
def sagemaker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The client of a service that moto plays, without an account."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    import boto3  # a second, which collection need not wait for
    from moto import mock_aws

    with mock_aws():
        yield boto3.client("sagemaker", region_name="us-east-1")


def test_create_pipeline_takes_and_keeps_it(sagemaker: Any) -> None:
    for name, made in CASES.items():
        text = find_exporter("sagemaker")(made).value
        sagemaker.create_pipeline(
            PipelineName=name, PipelineDefinition=text, ClientRequestToken="t" * 32, RoleArn=ROLE
        )
        assert sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"] == text


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if value.keys() == {"Get"}:
            yield value["Get"]
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


@pytest.mark.parametrize("name", GOLDENS)
def test_every_reference_leads_to_a_parameter_or_an_earlier_step(name: str) -> None:
    definition = exported(CASES[name])
    known = {f"Parameters.{one['Name']}" for one in definition["Parameters"]}
    known.add("Execution.PipelineExecutionId")
    earlier: list[str] = []
    for one in definition["Steps"]:
        for reference in references(one):
            assert reference in known or reference.startswith(tuple(earlier)), reference
        earlier.append(f"Steps.{one['Name']}.")


def refusals(*nodes: Node, **parameters: Any) -> list[str]:
    found = find_exporter("sagemaker")(pipeline(*nodes, **parameters)).diagnostics
    assert {(one.id, one.severity) for one in found} <= {("cannot-export", Severity.ERROR)}
    return [one.message for one in found]


def test_what_sagemaker_cannot_express_is_reported() -> None:
    odd = step("Waiting", "Tuning", "Wait.", inputs={})
    elsewhere = step("Odd", "Training", "Fit.", inputs={"data": {"path": "/opt/ml/code/x", "type": "t"}})
    vague = step("Vague", "Processing", "Give.", outputs={"out": {"path": "/opt/ml/out", "type": "t"}})
    evil = step("Evil", "Processing", "Give.", outputs={"out": output("/o", "A.B'] + Parameters.role-arn")})
    assert refusals(node("wait", odd, {})) == [
        "`wait` uses `Waiting` of type `Tuning`, which SageMaker pipelines do not support"
    ]
    assert refusals(node("fit", elsewhere, WHERE, given={"data": "rows"})) == [
        f"`fit` reads `data` from `/opt/ml/code/x`, but inputs of a training job are in `{CHANNEL}`"
    ]
    told = node("fit", TOLD, WHERE, inputs={"hyperparameters": "give.out"})
    assert refusals(node("give", vague, WHERE), told) == [
        "`fit` reads `give.out`, which has no property path"
    ]
    assert refusals(node("give", evil, WHERE), told) == [
        "`fit` reads `give.out`, which has the invalid property path `A.B'] + Parameters.role-arn`"
    ]
    assert refusals(node("p" * 65, PREPARE, {"job_type": "training"}, given={"DATA": "rows"})) == [
        f"`{'p' * 65}` has an id of more than 64 characters, the limit of SageMaker"
    ]
    assert refusals(node("prepare", PREPARE, {})) == [
        "`prepare` needs a value for argument `--job_type`",
        "`prepare` needs the input `DATA`, which is not connected",
    ]
    assert refusals(node("train", TRAIN, WHERE, given={"input_path": "lines"})) == [
        "`train` uses the parameter `lines`, which is not in the pipeline",
        "`train` needs a value for environment variable `NOISY`",
    ]
