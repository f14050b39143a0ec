"""DAG files: byte for byte those that a real Airflow parsed, and nothing in them is more than a text."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.model import StepDefinition
from stepwell.run.pipelines import Node, OutputOf, Pipeline
from stepwell.write.export import find_exporter

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "airflow"


def step(name: str, description: str) -> StepDefinition:
    interface = {
        "entry_point": "work.py",
        "inputs": {"rows": {"path": "/opt/ml/in", "required": False}},
        "outputs": {"rows": {"path": "/opt/ml/out"}},
    }
    return StepDefinition(
        MappingProxyType({"name": name, "description": description, "interface": interface})
    )


def pipeline(name: str, description: str, parameters: Mapping[str, Any], **more: Any) -> Pipeline:
    work = step("Work", description)
    nodes = [
        Node("load-rows", "Work", definition=work),
        Node("load_rows", "Work", definition=work, inputs={"rows": OutputOf("load-rows", "rows")}),
        Node("import", "Work", definition=work, depends_on=("load_rows", "load-rows")),
        Node("DAG", "Work", definition=work, inputs={"rows": OutputOf("import", "rows")}),
        Node("s" * 128, "Work", definition=work),
    ]
    return Pipeline(name, description, parameters, {one.id: one for one in nodes}, **more)


EVIL = '"""\n\'); import os; os.abort() #\'\\ {{ ti.log_url }} {% raw %} \u2028 \U0001f600 $(reboot) `id`'
CASES = {
    "plain": pipeline(
        "Nightly",
        "Load, and fit.",
        {"rows": 400, "eta": 0.3, "noisy": True, "label": "y", "where": None},
        workspace="alice",
    ),
    "hostile": pipeline("Hostile", EVIL, {"a": EVIL, "b": {EVIL: [EVIL, None, 1e300]}, "c": (1, "x")}),
}
TYPES = {
    "plain": {
        "rows": "integer",
        "eta": "number",
        "noisy": "boolean",
        "label": "string",
        "where": "string",
    },
    "hostile": {"a": "string", "b": "object", "c": "array"},
}


def exported(made: Pipeline) -> str:
    text = find_exporter("airflow")(made)
    assert text.diagnostics == ()
    return text.value


def test_every_golden_has_its_pipeline() -> None:
    assert sorted(CASES) == sorted(path.stem for path in GOLDEN.glob("*.dag"))


@pytest.mark.parametrize("name", CASES)
def test_the_file_is_the_one_that_airflow_parsed(name: str) -> None:
    assert exported(CASES[name]) == (GOLDEN / f"{name}.dag").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
def test_airflow_saw_the_pipeline_and_its_texts_as_they_are(name: str) -> None:
    seen = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    made = CASES[name]
    assert seen["parsed_by"].startswith("apache-airflow 3.")
    assert (seen["dag_id"], seen["description"]) == (made.name, made.description)
    defaults = {key: param["value"] for key, param in seen["params"].items()}
    assert defaults == json.loads(json.dumps(dict(made.parameters)))
    assert {key: param["type"] for key, param in seen["params"].items()} == TYPES[name]
    assert {one: task["downstream"] for one, task in seen["tasks"].items()} == {
        "load-rows": ["import", "load_rows"],
        "load_rows": ["import"],
        "import": ["DAG"],
        "DAG": [],
        "s" * 128: [],
    }
    commands = {task["bash_command"] for task in seen["tasks"].values()}
    assert len(commands) == 1
    assert commands.pop().split(" --set ")[0] == (
        'stepwell pipeline run "$STEPWELL_PIPELINE" --only "$STEPWELL_STEP" --workspace "$STEPWELL_WORKSPACE"'
    )
    for one, task in seen["tasks"].items():
        assert task["doc"] == made.description
        asked = {
            f"STEPWELL_SET_{key}": f"{{{{ params['{key}']{'' if kind == 'string' else ' | tojson'} }}}}"
            for key, kind in TYPES[name].items()
        }
        assert task["env"] == {
            "STEPWELL_PIPELINE": made.name,
            "STEPWELL_STEP": one,
            "STEPWELL_WORKSPACE": made.workspace or "",
            **asked,
        }


@pytest.mark.parametrize("name", CASES)
def test_the_file_is_formatted_and_has_no_faults_that_ruff_knows(name: str, tmp_path: Path) -> None:
    file = tmp_path / "dag.py"
    shutil.copyfile(GOLDEN / f"{name}.dag", file)
    for words in (("check", "--select=E4,E7,E9,F,I"), ("format", "--check", "--diff")):
        ruff = [sys.executable, "-m", "ruff", words[0], "--isolated", "--no-cache", *words[1:], str(file)]
        done = subprocess.run(ruff, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


def calls(text: str) -> list[str]:
    tree = ast.parse(text)
    return [node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call)]  # type: ignore[attr-defined]


@settings(max_examples=30)
@given(st.text(max_size=60), st.recursive(st.none() | st.booleans() | st.text(max_size=20), st.lists))
def test_a_text_is_a_literal_whatever_it_holds(text: str, default: Any) -> None:
    made = exported(pipeline("Any", text, {"a": text, "b": [default]}))
    assert calls(made) == ["DAG", *["BashOperator"] * 5, "Param", "Param"]
    literals = {node.value for node in ast.walk(ast.parse(made)) if isinstance(node, ast.Constant)}
    assert text in literals


def test_a_pipeline_without_steps_is_rejected() -> None:
    found = find_exporter("airflow")(Pipeline("Empty")).diagnostics
    assert [one.message for one in found] == ["`Empty` has no steps"]
