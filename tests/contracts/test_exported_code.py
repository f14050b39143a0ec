"""Exports run the same steps, in the same order, with the code and parameters of a local run."""

from __future__ import annotations

import ast
import io
import json
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import stepwell
from stepwell.frontends import cli
from stepwell.run.pipelines import make_plan

pytestmark = pytest.mark.slow

Project = Callable[[Mapping[str, "str | bytes"]], Path]
OWNERS = ("", "alice", "bob")
PARAMETERS = {"depth": "6", "items": "a"}
INTERFACE = """\
interface:
  entry_point: work.py
  inputs:
    rows: {path: /opt/ml/processing/input/rows, required: false}
  outputs:
    rows:
      path: /opt/ml/processing/output
      property_path: properties.ProcessingOutputConfig.Outputs['rows'].S3Output.S3Uri
  arguments: {depth: {source: depth}}
"""


def files_of() -> dict[str, str]:
    """Return a project in which the core and two workspaces have a script of the same name."""
    files = {"stepwell.toml": '[components]\nsource = ["src"]\n', "src/shared.py": "LIMIT = 3\n"}
    for owner in OWNERS:
        home = f"workspaces/{owner}" if owner else ""
        step = f"{home}/local/steps" if owner else "registry.d/steps"
        title = f"{owner.title()}Work"
        files[f"{step}/{f'{owner}_work' if owner else 'work'}.yaml"] = (
            f"name: {title}\nsagemaker_step_type: Processing\ndescription: Work.\n{INTERFACE}"
        )
        files[f"{home}/src/scripts/work.py".lstrip("/")] = f"import shared\nprint({owner!r})\n"
        if owner:
            files[f"{home}/workspace.yaml"] = ""
    return files


@st.composite
def pipelines(draw: st.DrawFn) -> str:
    steps = []
    for number in range(draw(st.integers(1, 6))):
        owner = draw(st.sampled_from(OWNERS))
        word = f"{owner}:{owner.title()}Work" if owner else "Work"
        earlier = st.sampled_from([f"n{each}" for each in range(number)] or [""])
        depends_on = draw(st.lists(earlier, max_size=2, unique=True)) if number else []
        source = f", inputs: {{rows: {draw(earlier)}.rows}}" if number and draw(st.booleans()) else ""
        depth = draw(st.sampled_from(["${depth}", "${items}", "7"]))
        steps.append(
            f"  - {{id: n{number}, step: '{word}', config: {{depth: '{depth}'}}, "
            f"depends_on: {json.dumps(depends_on)}{source}}}\n"
        )
    text = "".join(steps)
    values = ", ".join(f"{name}: {value}" for name, value in PARAMETERS.items() if f"${{{name}}}" in text)
    return f"name: Mixed\ndescription: A.\nparameters: {{{values}}}\nsteps:\n{text}"


@pytest.fixture
def sagemaker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    import boto3
    from moto import mock_aws

    with mock_aws():
        yield boto3.client("sagemaker", region_name="us-east-1")


def exported(root: Path, system: str, *more: str) -> str:
    target = root / "out" / system
    target.parent.mkdir(exist_ok=True)
    words = ["pipeline", "export", "Mixed", "--to", system, "-o", str(target), "--force", "-q", *more]
    assert cli.run([*words, "--project", str(root)]) == 0
    return target.read_text()


def from_sagemaker(text: str, client: Any) -> dict[str, Any]:
    """Return needs, code path and parameter by step, as SageMaker stores them."""
    name = f"P{len(client.list_pipelines()['PipelineSummaries'])}"
    role = "arn:aws:iam::123456789012:role/any"
    client.create_pipeline(
        PipelineName=name, PipelineDefinition=text, ClientRequestToken="t" * 32, RoleArn=role
    )
    steps = json.loads(client.describe_pipeline(PipelineName=name)["PipelineDefinition"])["Steps"]
    result = {}
    for step in steps:
        request = step["Arguments"]
        sources = {one["InputName"]: one["S3Input"]["S3Uri"] for one in request["ProcessingInputs"]}
        folder = sources.pop("code")["Std:Join"]["Values"][1]
        script = request["AppSpecification"]["ContainerEntrypoint"][1].rpartition("/")[2]
        needs = {one["Get"].split(".")[1] for one in sources.values()} | set(step.get("DependsOn", ()))
        argument = request["AppSpecification"]["ContainerArguments"][1]
        argument = argument["Std:Join"]["Values"][0] if "Std:Join" in argument else argument
        depth = f"${{{argument['Get'].removeprefix('Parameters.')}}}" if "Get" in argument else argument
        path = folder if folder.endswith(".py") else f"{folder}/{script}"
        result[step["Name"]] = (needs, path, depth)
    return result


def from_argo(text: str) -> dict[str, Any]:
    """Return the same by Argo's models."""
    import yaml
    from hera.workflows.models import Workflow

    spec = Workflow.model_validate(yaml.safe_load(text)).spec
    templates = {one.name: one for one in spec.templates}
    result = {}
    for task in templates[spec.entrypoint].dag.tasks:
        container = templates[task.template].container
        depth = re.sub(r"\{\{workflow\.parameters\.(\w+)\}\}", r"${\1}", container.args[2])
        path = container.args[0].partition("}}/")[2]
        result[task.name] = (set(task.dependencies or ()), path, depth)
    return result


def from_airflow(text: str) -> dict[str, Any]:
    """Return the needs and the step by task."""
    tree = ast.parse(text)
    tasks, edges = {}, {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            fields = {one.arg: one.value for one in node.value.keywords}
            environment = ast.literal_eval(fields["env"])
            name = node.targets[0].id  # type: ignore[attr-defined]
            tasks[name] = (environment["STEPWELL_STEP"], environment)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.RShift):
            edges.setdefault(node.right.id, set()).add(node.left.id)  # type: ignore[attr-defined]
    return {
        step: ({tasks[one][0] for one in edges.get(name, ())}, env) for name, (step, env) in tasks.items()
    }


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=pipelines())
def test_every_exporter_keeps_steps_order_code_and_parameters(
    project: Project, sagemaker: Any, text: str
) -> None:
    root = project({**files_of(), "registry.d/pipelines/mixed.yaml": text})
    registry = stepwell.open(root)
    pipeline = registry.pipeline("Mixed")
    plan = make_plan(registry, pipeline)
    assert plan.diagnostics == ()
    bundle = root / "bundle"
    for more in ((), ("--bundle", str(bundle))):
        for system in ("sagemaker", "argo"):
            output = exported(root, system, *more)
            result = from_sagemaker(output, sagemaker) if system == "sagemaker" else from_argo(output)
            assert [*result] == [*plan.value.steps]
            for node_id, (needs, path, depth) in result.items():
                step = plan.value.steps[node_id]
                assert (needs, depth) == (set(step.needs), pipeline.nodes[node_id].config["depth"])
                owner = f"workspaces/{step.developer}/" if step.developer else ""
                if more:
                    assert (bundle / path).read_bytes() == Path(step.script.path).read_bytes()
                    assert (bundle / path).with_name("shared.py").read_text() == "LIMIT = 3\n"
                else:
                    assert path == f"{owner}work.py"
    airflow = from_airflow(exported(root, "airflow"))
    assert {name: needs for name, (needs, _) in airflow.items()} == {
        name: set(step.needs) for name, step in plan.value.steps.items()
    }
    for _, environment in airflow.values():
        for name in pipeline.parameters:
            assert environment[f"STEPWELL_SET_{name}"] == f"{{{{ params['{name}'] | tojson }}}}"


ONE = "name: Mixed\ndescription: A.\nsteps: [{id: a, step: Work}, {id: b, step: Other}]\n"


def test_different_scripts_under_one_path_are_rejected(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    step = f"name: Other\nsagemaker_step_type: Training\ndescription: A.\n{INTERFACE}"
    step = step.replace("/opt/ml/processing/input/rows", "/opt/ml/input/data/rows")
    files = {
        **files_of(),
        "registry.d/pipelines/mixed.yaml": ONE,
        "registry.d/steps/other.yaml": f"{step}components: {{script: src/other/work.py}}\n",
        "src/other/work.py": "print(2)\n",
    }
    root = project(files)
    words = ["pipeline", "export", "Mixed", "--to", "sagemaker", "--project", str(root)]
    assert cli.run(words) == 1
    assert (
        "`b` runs src/other/work.py, but `a` runs src/scripts/work.py under the same path `work.py`"
        in capsys.readouterr().err
    )
    definition = json.loads(exported(root, "sagemaker", "--bundle", str(root / "bundle")))
    told = definition["Steps"][1]["Arguments"]["HyperParameters"]
    archive = told["sagemaker_submit_directory"]["Std:Join"]["Values"][1]
    assert json.loads(told["sagemaker_program"]) == "work.py"
    with tarfile.open(fileobj=io.BytesIO((root / "bundle" / archive).read_bytes())) as packed:
        script = packed.extractfile("work.py")
        assert script is not None
        assert script.read() == b"print(2)\n"
    manifest = json.loads((root / "bundle" / "bundle.json").read_text())
    assert manifest["steps"]["b"] == f"{archive.partition('.')[0]}/work.py"
    assert cli.run([*words[:3], "--to", "airflow", "--bundle", "x", "--project", str(root)]) == 2
