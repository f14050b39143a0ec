"""The pack of the old step types: its definitions are right, its code fits them, and its wheel holds both."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.ai_steps import DEFINITIONS, PACK, registry_of

from stepwell.model.step_type import faults_of, is_async
from stepwell.run.workflows.annotations import EVERY_STEP
from stepwell.run.workflows.check import OLD_TYPES
from stepwell.source.document import thaw

REGISTRY = registry_of(PACK)
STEPS = dict(REGISTRY.view(None).steps)
KINDS = {
    "prompt",
    "steps",
    "workflow",
    "expression",
    "formula",
    "variables",
    "source",
    "file",
    "input",
    "name",
    "data",
}
DEFAULTS = {
    "claude_model",
    "claude_options",
    "claude_output_format",
    "claude_preset",
    "gemini_model",
    "gemini_token_budget",
}


def schemas_in(schema: Any, name: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every schema inside a schema, with the property that it describes."""
    yield name, schema
    for key, inner in schema.get("properties", {}).items():
        yield from schemas_in(inner, key)
    if isinstance(schema.get("items"), Mapping):
        yield from schemas_in(schema["items"])


def test_the_definitions_are_right_and_there_are_sixteen() -> None:
    assert REGISTRY.diagnostics == ()
    assert sorted(alias for one in STEPS.values() for alias in one.aliases) == sorted(OLD_TYPES)
    assert len(OLD_TYPES) == len(STEPS) == 16
    assert sorted(REGISTRY.view(None).providers) == ["Anthropic", "Gemini"]


@pytest.mark.parametrize("name", STEPS)
def test_the_code_of_a_step_type_is_there_and_fits(name: str) -> None:
    module, _, attribute = str(STEPS[name].implementation).partition(":")
    implementation = getattr(importlib.import_module(module), attribute)
    assert faults_of(implementation) == ()
    assert is_async(implementation) is (name != "FileOps")  # which works with files, in a thread
    assert attribute in sys.modules[module].__all__


@pytest.mark.parametrize("name", STEPS)
def test_every_parameter_is_described_and_no_word_of_every_step_is_taken(name: str) -> None:
    parameters = thaw(STEPS[name].parameters)
    for key, schema in schemas_in(parameters):
        assert "type" in schema or key == "value", key
        assert not key or schema.get("description") or "enum" in schema or schema == {"type": "string"}, key
        assert schema.get("x-holds") in {None, *KINDS}
        assert schema.get("x-default") in {None, *DEFAULTS}
        assert ("properties" in schema) == ("additionalProperties" in schema), key
    assert set(parameters["properties"]) & set(EVERY_STEP) <= {"condition", "timeout_seconds"}


def test_what_several_types_share_is_the_same_in_each() -> None:
    """Each definition is complete, so only this test keeps them consistent."""
    for shared in ("claude_options", "preset", "token_budget", "steps"):
        stated = {
            json.dumps({**schema, "x-default": None}, sort_keys=True)
            for one in STEPS.values()
            for name, schema in schemas_in(thaw(one.parameters))
            if name == shared and "x-holds" in schema | {"x-holds": ""}
        }
        assert len(stated) == 1, shared


def test_the_wheel_holds_code_and_definitions(tmp_path: Path) -> None:
    source = shutil.copytree(
        PACK, tmp_path / "pack", ignore=shutil.ignore_patterns("__pycache__", ".stepwell")
    )
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "wheels")]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (wheel,) = (tmp_path / "wheels").iterdir()
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
        points = opened.read("stepwell_ai_steps-1.0.0.dist-info/entry_points.txt").decode()
    assert points.split() == ["[stepwell.steps]", "ai_steps", "=", "stepwell_ai_steps.definitions"]
    for path in (*DEFINITIONS.rglob("*.yaml"), *DEFINITIONS.parent.glob("*.py")):
        assert path.relative_to(DEFINITIONS.parent.parent).as_posix() in names
