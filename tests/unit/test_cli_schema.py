"""``stepwell schema``: the schemas as they are shipped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    from tests.conftest import RunStepwell

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).resolve().parents[2] / "schemas"
NAMES = sorted(path.name.removesuffix(".schema.json") for path in FOLDER.iterdir())


def test_all_are_listed_outside_any_project(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    ran = run_stepwell("schema", cwd=tmp_path)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.split("\n") == [*NAMES, ""]
    assert set(NAMES) >= {"step", "step-override", "hyperparameter", "workspace", "project", "diagnostics"}


@pytest.mark.parametrize("name", NAMES)
def test_each_is_printed_byte_for_byte(run_stepwell: RunStepwell, tmp_path: Path, name: str) -> None:
    ran = run_stepwell("schema", name, cwd=tmp_path)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.encode() == (FOLDER / f"{name}.schema.json").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_each_names_itself_and_is_described(name: str) -> None:
    schema = json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"https://stepwell.dev/schemas/1/{name}.schema.json"
    assert schema["title"].startswith("Stepwell ")
    assert schema["description"].endswith(".")
    validator = Draft202012Validator(schema)
    for example in schema.get("examples", ()):
        assert list(validator.iter_errors(example)) == []


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("output-")])
def test_every_field_of_an_output_is_described_and_shown(name: str) -> None:
    schema = json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    assert schema["examples"]
    fields = [
        (path, field)
        for path, holder in [("", schema), *schema.get("$defs", {}).items()]
        for path, field in ((f"{path}.{key}", field) for key, field in holder["properties"].items())
    ]
    assert len(fields) > 2
    assert [path for path, field in fields if not field["description"].endswith((".", "`", ";"))] == []
    assert [
        path
        for path, field in fields
        if not field.keys() & {"examples", "enum", "const", "$ref", "properties"}
    ] == []


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("stepp", "unknown schema `stepp` (did you mean `step`?)"),
        ("steps", "unknown schema `steps` (did you mean `step`?)"),
        ("../step", "unknown schema `../step` (run `stepwell schema` for a list)"),
        ("", "unknown schema `` (run `stepwell schema` for a list)"),
    ],
)
def test_an_unknown_kind_is_one_line(
    run_stepwell: RunStepwell, tmp_path: Path, kind: str, message: str
) -> None:
    ran = run_stepwell("schema", kind, cwd=tmp_path)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (2, "", f"error: {message}\n")


@pytest.mark.parametrize("name", NAMES)
def test_on_a_console_without_unicode_it_is_the_same_schema(
    run_stepwell: RunStepwell, tmp_path: Path, name: str
) -> None:
    ran = run_stepwell("schema", name, cwd=tmp_path, env={"PYTHONIOENCODING": "ascii"})
    assert ran.stdout.isascii()
    assert json.loads(ran.stdout) == json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
