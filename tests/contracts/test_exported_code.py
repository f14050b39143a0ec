"""Exports run the same steps, in the same order, with the code and parameters of a local run."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contracts.test_docs import REPOSITORY, steps

import stepwell
from stepwell.frontends import cli
from stepwell.frontends.cli.pipeline.options import values_of
from stepwell.run.pipelines import make_plan
from stepwell.source.diagnostic import Severity
from stepwell.source.document import thaw
from stepwell.write.export import find_exporter
from stepwell.write.export.jobs import with_declared_settings, with_scripts, written

pytestmark = pytest.mark.slow

Project = Callable[[Mapping[str, "str | bytes"]], Path]
OWNERS = ("", "alice", "bob")
PARAMETERS = {
    "depth": "6",
    "items": "a",
    "keys": "'",
    "update": '"',
    "get": "$(x) `y` \\\\",
    "class": "c d",
    "__init__": "{ x }",
    "params": "",
    "self": "*",
}
IDS = ("a", "a-b", "a_b", "class", "DAG", "RUN", "pipeline", "Get", "__init__")
"""Ids of steps, some of which have a meaning in another system or differ only in its names."""
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
    ids = draw(st.permutations(IDS))[: draw(st.integers(1, 6))]
    steps = []
    for number, name in enumerate(ids):
        owner = draw(st.sampled_from(OWNERS))
        word = f"{owner}:{owner.title()}Work" if owner else "Work"
        earlier = st.sampled_from(ids[:number] or ids)
        depends_on = draw(st.lists(earlier, max_size=2, unique=True)) if number else []
        source = f", inputs: {{rows: {draw(earlier)}.rows}}" if number and draw(st.booleans()) else ""
        depth = draw(st.sampled_from([*(f"${{{parameter}}}" for parameter in PARAMETERS), "7"]))
        steps.append(
            f"  - {{id: {name}, step: '{word}', config: {{depth: '{depth}'}}, "
            f"depends_on: {json.dumps(depends_on)}{source}}}\n"
        )
    text = "".join(steps)
    values = {name: value for name, value in PARAMETERS.items() if f"${{{name}}}" in text}
    return f"name: Mixed\ndescription: A.\nparameters: {json.dumps(values)}\nsteps:\n{text}"


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


class Exported(NamedTuple):
    """A step as another system reads it.

    Args:
        needs: positions of the steps before it.
        code: path of the script; empty if the system runs no script for the step.
        arguments: of the script.
    """

    needs: frozenset[int]
    code: str = ""
    arguments: Mapping[str, str] = MappingProxyType({})
    environment: Mapping[str, str] = MappingProxyType({})


def pairs(words: Sequence[str]) -> dict[str, str]:
    return dict(zip(words[::2], words[1::2], strict=True))


def from_sagemaker(text: str, values: Mapping[str, str], client: Any) -> list[Exported]:
    """Return the steps as SageMaker stores them."""
    name = f"P{len(client.list_pipelines()['PipelineSummaries'])}"
    role = "arn:aws:iam::123456789012:role/any"
    client.create_pipeline(
        PipelineName=name, PipelineDefinition=text, ClientRequestToken="t" * 32, RoleArn=role
    )
    definition = json.loads(client.describe_pipeline(PipelineName=name)["PipelineDefinition"])
    own = {each["Name"]: str(each.get("DefaultValue", "")) for each in definition["Parameters"]}
    assert {name for name in own if "-" not in name} == set(values)

    def plain(value: Any) -> str:
        if isinstance(value, dict) and "Get" in value:
            parameter = value["Get"].removeprefix("Parameters.")
            return values.get(parameter, own.get(parameter, ""))
        if isinstance(value, dict):
            return value["Std:Join"]["On"].join(map(plain, value["Std:Join"]["Values"]))
        return str(value)

    order = [step["Name"] for step in definition["Steps"]]
    result = []
    for step in definition["Steps"]:
        request = step["Arguments"]
        read = re.findall(r'"Get": "Steps\.([A-Za-z0-9_-]+)\.', json.dumps(request))
        needs = frozenset(order.index(each) for each in (*read, *step.get("DependsOn", ())))
        environment = {key: plain(value) for key, value in request.get("Environment", {}).items()}
        if step["Type"] == "Training":
            given = {key: plain(value) for key, value in request.get("HyperParameters", {}).items()}
            code = json.loads(given.pop("sagemaker_program", '""'))
            folder = given.pop("sagemaker_submit_directory", "").lstrip("/")
            code = f"{folder.partition('.tar.gz')[0]}/{code}" if ".tar.gz" in folder else code
            kept = {key: value for key, value in given.items() if not key.startswith("sagemaker_")}
            texts = set(values.values())
            arguments = {
                f"--{key}": value if value in texts else str(json.loads(value)) for key, value in kept.items()
            }
            result.append(Exported(needs, code, arguments, environment))
        elif step["Type"] == "Processing":
            sources = {each["InputName"]: each["S3Input"]["S3Uri"] for each in request["ProcessingInputs"]}
            script = request["AppSpecification"]["ContainerEntrypoint"][1].rpartition("/")[2]
            folder = plain(sources["code"]).lstrip("/")
            words = [plain(word) for word in request["AppSpecification"].get("ContainerArguments", ())]
            code = folder if folder.endswith(".py") else f"{folder}/{script}"
            result.append(Exported(needs, code, pairs(words), environment))
        else:
            result.append(Exported(needs))
    return result


def from_argo(text: str, values: Mapping[str, str]) -> list[Exported]:
    """Return the steps as Argo's models read them."""
    import yaml
    from hera.workflows.models import Workflow

    spec = Workflow.model_validate(yaml.safe_load(text)).spec
    templates = {each.name: each for each in spec.templates}
    assert {each.name for each in spec.arguments.parameters or () if "-" not in each.name} == set(values)

    def plain(value: str) -> str:
        return re.sub(r"\{\{workflow\.parameters\.(\w+)\}\}", lambda match: values[match[1]], value)

    tasks = templates[spec.entrypoint].dag.tasks
    order = [task.name for task in tasks]
    result = []
    for task in tasks:
        container = templates[task.template].container
        needs = frozenset(order.index(each) for each in task.dependencies or ())
        for artifact in (task.arguments and task.arguments.artifacts) or ():
            assert order.index(artifact.from_.split(".")[1]) in needs
        environment = {each.name: plain(each.value) for each in container.env or ()}
        code, *words = container.args
        result.append(Exported(needs, code.partition("}}/")[2], pairs([*map(plain, words)]), environment))
    return result


class Dag(NamedTuple):
    """A DAG file as Airflow reads it: needs, command and environment of each task by its id."""

    tasks: Mapping[str, tuple[frozenset[str], str, Mapping[str, str]]]
    parameters: Mapping[str, Any]


def from_airflow(text: str) -> Dag:
    """Return a DAG from the syntax tree; `test_airflow_reads_every_example` compares with Airflow."""
    tree = ast.parse(text)
    names, edges, tasks = {}, {}, {}
    (command,) = (ast.literal_eval(each.value) for each in tree.body if isinstance(each, ast.Assign))
    parameters: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "DAG":
            given = {each.arg: each.value for each in node.keywords}.get("params")
            for key, value in zip(given.keys, given.values, strict=True) if given is not None else ():
                parameters[ast.literal_eval(key)] = ast.literal_eval(value.args[0]) if value.args else None
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            fields = {each.arg: each.value for each in node.value.keywords}
            names[node.targets[0].id] = ast.literal_eval(fields["task_id"])  # type: ignore[attr-defined]
            tasks[ast.literal_eval(fields["task_id"])] = ast.literal_eval(fields["env"])
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.RShift):
            edges.setdefault(node.right.id, set()).add(node.left.id)  # type: ignore[attr-defined]
    needs = {names[name]: frozenset(names[each] for each in before) for name, before in edges.items()}
    return Dag({key: (needs.get(key, frozenset()), command, env) for key, env in tasks.items()}, parameters)


def words_of(
    command: str, environment: Mapping[str, str], values: Mapping[str, Any], folder: Path
) -> list[str]:
    """Return the arguments of `stepwell` in a task's command, as Bash passes them."""
    import jinja2

    program = folder / "stepwell"
    if not program.exists():
        program.write_text("#!/bin/bash\nprintf '%s\\0' \"$@\"\n")
        program.chmod(0o755)
    rendered = {
        key: jinja2.Environment(autoescape=False).from_string(value).render(params=values)  # noqa: S701
        for key, value in environment.items()
    }
    path = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", command], env={**rendered, **path}, capture_output=True, check=True)
    return done.stdout.decode().split("\0")[:-1]


def compare(
    root: Path, name: str, workspace: str | None, client: Any, folder: Path
) -> dict[str, list[str]] | None:
    """Compare the exports of a pipeline with its local run, and return reasons of rejections by system."""
    registry = stepwell.open(root)
    pipeline = registry.pipeline(name, workspace=workspace)
    values = {key: "s3://any/place" for key, default in pipeline.parameters.items() if default is None}
    planned = make_plan(registry, pipeline, parameters=values, make_up=True)
    if any(finding.severity is Severity.ERROR for finding in planned.diagnostics):
        return None  # does not run here
    plan = planned.value
    texts = {key: written(value) for key, value in plan.parameters.items()}
    order = [*plan.steps]
    rejected = {}
    filled = with_declared_settings(registry, pipeline)
    for system, is_bundled in (("sagemaker", False), ("sagemaker", True), ("argo", False), ("argo", True)):
        scripts = with_scripts(registry, filled, bundle=is_bundled)
        exported_pipeline, files = scripts.value
        output = find_exporter(system)(exported_pipeline)
        findings = (*scripts.diagnostics, *output.diagnostics)
        if findings:
            rejected[system] = [each.message for each in findings]
            continue
        result = (
            from_sagemaker(output.value, texts, client)
            if system == "sagemaker"
            else from_argo(output.value, texts)
        )
        assert len(result) == len(order)
        for step, read in zip(plan.steps.values(), result, strict=True):
            assert read.needs == {order.index(need) for need in step.needs}
            if not read.code:
                assert step.definition.sagemaker_step_type not in ("Processing", "Training")
                continue
            given = pairs(step.arguments)
            if system == "sagemaker" and step.definition.sagemaker_step_type == "Training":
                more = pipeline.config_of(step.node.id, plan.parameters).get("hyperparameters") or {}
                given = {**{f"--{key}": written(value) for key, value in more.items()}, **given}
                given = {f"--{key.lstrip('-')}": value for key, value in given.items()}
            assert (read.arguments, read.environment) == (given, step.environment)
            if is_bundled:
                assert files[read.code] == Path(step.script.path).read_bytes()
                beside = read.code.rpartition("/")[0] + "/"
                bundled = {path.removeprefix(beside) for path in files if path.startswith(beside)}
                assert bundled == {*step.files}
            else:
                entry = (step.definition.interface or {})["entry_point"]
                workspaces = registry.project.settings.workspaces
                owner = f"{workspaces}/{step.script.workspace}/" if step.script.workspace else ""
                assert read.code == f"{owner}{entry}"
    dag = from_airflow(find_exporter("airflow")(filled).value)
    assert dag.parameters == {key: thaw(default) for key, default in pipeline.parameters.items()}
    assert [*dag.tasks] == order
    for key, (needs, command, environment) in dag.tasks.items():
        assert needs == set(plan.steps[key].needs)
        words = words_of(command, environment, plan.parameters, folder)
        start = ["pipeline", "run", name, "--only", key, "--workspace", workspace or ""]
        assert words[: len(start)] == start
        assert words[len(start) :: 2] == ["--set"] * len(pipeline.parameters)
        assert values_of(pipeline, tuple(words[len(start) + 1 :: 2])) == plan.parameters
    return rejected


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=pipelines())
def test_every_exporter_keeps_steps_order_code_and_parameters(
    project: Project, sagemaker: Any, tmp_path: Path, text: str
) -> None:
    root = project({**files_of(), "registry.d/pipelines/mixed.yaml": text})
    assert compare(root, "Mixed", None, sagemaker, tmp_path) == {}


def examples(folder: Path) -> Iterator[Path]:
    """Yield the projects of this repository, its pages and its generators."""
    yield REPOSITORY

    def initialized(name: str, *commands: Sequence[str]) -> Path:
        root = folder / name
        root.mkdir()
        for words in (("init", str(root)), *((*words, "--project", str(root), "-q") for words in commands)):
            assert cli.run([*words]) == 0
        return root

    titles = stepwell.open(REPOSITORY).view(None).pipelines
    yield initialized("catalog", *(("pipeline", "new", f"My{title}", "--from", title) for title in titles))
    step = ("pipeline", "new", "Mine", "--workspace", "alice", "--step", "AliceRowCount")
    yield initialized("generated", ("workspace", "new", "alice"), step)
    for page in ("run-pipelines", "export-pipelines"):
        root = initialized(page)
        for block in steps((REPOSITORY / f"docs/how-to/{page}.md").read_text()):
            if block.file and "odd" not in block.file:  # what cannot be exported
                (root / block.file).parent.mkdir(parents=True, exist_ok=True)
                (root / block.file).write_text(block.content)
        for path in root.rglob("stepwell.toml"):
            if any(path.parent.glob("registry.d/pipelines/*")):
                yield path.parent


def test_every_example_is_exported_as_it_runs(sagemaker: Any, tmp_path: Path) -> None:
    checked, rejected = 0, {}
    for root in examples(tmp_path):
        registry = stepwell.open(root)
        for workspace in (None, *registry.workspaces):
            for name in registry.view(workspace).pipelines:
                reasons = compare(root, name, workspace, sagemaker, tmp_path)
                checked += reasons is not None
                if reasons:
                    rejected[name] = reasons
    assert checked > 30
    unconnected = [
        "`alice_row_count` needs the input `table`, which is not connected"
    ]  # synthetic in a local run
    untyped = [
        f"`{name}` uses `{step}` without a `sagemaker_step_type`"
        for name, step in (("make", "MakeRows"), ("total", "AddUp"))
    ]
    assert rejected == {
        "Sums": {"sagemaker": untyped},
        "Mine": {"sagemaker": unconnected, "argo": unconnected},
    }


AIRFLOW = Path(os.environ.get("STEPWELL_AIRFLOW", REPOSITORY / ".venv/airflow/bin/python"))


@pytest.mark.skipif(not AIRFLOW.exists(), reason="Airflow is not installed: `make airflow`")
def test_airflow_reads_every_example(project: Project, tmp_path: Path) -> None:
    lines = (
        f"  - {{id: {name}, step: Work, config: {{depth: '${{{parameter}}}'}}, depends_on: [{before}]}}\n"
        for name, before, parameter in zip(IDS, ("", *IDS), PARAMETERS, strict=False)
    )
    text = f"name: Mixed\ndescription: A.\nparameters: {json.dumps(PARAMETERS)}\nsteps:\n{''.join(lines)}"
    root = project({**files_of(), "registry.d/pipelines/mixed.yaml": text})
    (tmp_path / "dags").mkdir()
    for place in (root, *examples(tmp_path)):
        registry = stepwell.open(place)
        for name in registry.view(None).pipelines:
            exported_dag = find_exporter("airflow")(registry.pipeline(name))
            if not exported_dag.diagnostics:
                (tmp_path / f"dags/{name}.dag").write_text(exported_dag.value)
    parse = REPOSITORY / "tests/golden/airflow/parse.py"
    done = subprocess.run([AIRFLOW, parse, tmp_path / "dags"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    paths = sorted((tmp_path / "dags").glob("*.dag"))
    assert len(paths) > 10
    for path in paths:
        expected, read = from_airflow(path.read_text()), json.loads(path.with_suffix(".json").read_text())
        assert {key: each["value"] for key, each in read["params"].items()} == expected.parameters
        assert {
            key: (
                {other for other, each in read["tasks"].items() if key in each["downstream"]},
                task["bash_command"],
                task["env"],
            )
            for key, task in read["tasks"].items()
        } == expected.tasks


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
