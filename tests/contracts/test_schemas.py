"""The schemas are good for editors: described, with examples, and with errors that people can read."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from jsonschema import Draft202012Validator

REPOSITORY = Path(__file__).resolve().parents[2]
CONTRACTS = ("step", "hyperparameter", "provider", "pipeline", "workspace", "project")
OVERRIDES = {
    "step-override": "step",
    "hyperparameter-override": "hyperparameter",
    "provider-override": "provider",
    "pipeline-override": "pipeline",
}
SCHEMAS = {
    name: json.loads((REPOSITORY / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))
    for name in (*CONTRACTS, *OVERRIDES)
}

IDENTIFIER = r"^[A-Za-z_][A-Za-z0-9_]*$(?!\n)"
DOTTED = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$(?!\n)"
INK = r"[^\u0000-\u0020\u007F-\u00A0\u2028\u2029]"
LINE = rf"^{INK}([^\u0000-\u001F\u007F-\u009F\u2028\u2029]*{INK})?$(?!\n)"
WORKSPACE_ID = r"^[A-Za-z0-9][A-Za-z0-9_-]*$(?!\n)"
WORKSPACE_ID_OR_EMPTY = r"^([A-Za-z0-9][A-Za-z0-9_-]*)?$(?!\n)"
WORD = r"^[A-Za-z0-9_]+$(?!\n)"
WORD_OR_EMPTY = r"^[A-Za-z0-9_]*$(?!\n)"
STEP_ID = r"^[A-Za-z_][A-Za-z0-9_-]*$(?!\n)"
STEP_WORD = r"^([A-Za-z0-9_-]*:)?[A-Za-z_][A-Za-z0-9_]*(:[A-Za-z0-9_-]*)?$(?!\n)"
FED = (
    r"^([A-Za-z_][A-Za-z0-9_-]*\.[^\u0000-\u0020\u007F-\u00A0\u2028\u2029]+"
    r"|\$\{[A-Za-z_][A-Za-z0-9_]*\})$(?!\n)"
)
DATE = r"^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$(?!\n)"

PYTHON_FILE = (
    r"^(?![/ ])(?!(.*/)?\.{0,2}/)[^\u0000-\u001F\u007F-\u009F\u2028\u2029:\\]*"
    r"[^\u0000-\u001F\u007F-\u009F\u2028\u2029:\\/]\.py"
)
NAME_IN_A_FILE = PYTHON_FILE + r":[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$(?!\n)"
FILE_PERHAPS_A_NAME = PYTHON_FILE + r"(:[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*)?$(?!\n)"
A_DOTTED_NAME = r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*"
NAME_IN_A_MODULE = rf"^{A_DOTTED_NAME}:{A_DOTTED_NAME}$(?!\n)"
NAME_IN_A_FILE_OR_MODULE = rf"^({PYTHON_FILE[1:]}|{A_DOTTED_NAME}):{A_DOTTED_NAME}$(?!\n)"
KIND_OF_FAILURE = r"^(timeout|provider|error|[A-Z][A-Za-z0-9_]*)$(?!\n)"
NOT_INSIDE = ("/a.py:B", "./a.py:B", "../a.py:B", "a/../b.py:C", "a//b.py:C", "C:/a.py:B", "a\\b.py:C")

FILE_PATTERN = r"^[^/\u0000-\u0020\u007F-\u00A0\u2028\u2029]+$(?!\n)"
NAME = r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*"
IMPLEMENTATION = rf"^([a-z][a-z0-9_]*|{NAME}:{NAME}|{PYTHON_FILE[1:]}:{NAME})$(?!\n)"
REFERENCE = (
    r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:(?!(.*/)?\.\.(/|$))[^\u0000-\u001F\u007F-\u009F\u2028\u2029]+)$(?!\n)"
)

URL = r"^[A-Za-z][A-Za-z0-9+.-]*://[^\u0000-\u0020\u007F-\u00A0\u2028\u2029]+$(?!\n)"
VARIABLE_PATTERN = r"^[A-Za-z_*][A-Za-z0-9_*]*$(?!\n)"

PATTERNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    URL: (
        ("s3://bucket", "file:///a/b", "S3+x.y-z://a?b=c"),
        ("", "s3:/a", "://a", "3s://a", "s3://", "s3://a b", "s3://a\n"),
    ),
    VARIABLE_PATTERN: (
        ("HTTP_PROXY", "AWS_*", "*_proxy", "_", "*"),
        ("", "1A", "A-B", "A B", "A\n", "é", "${A}"),
    ),
    NAME_IN_A_FILE: (
        ("a.py:B", "a/b.py:B.C", "..a/b.py:C", "é ü/b.py:C"),
        (*NOT_INSIDE, "a.py", "a.py:", "a.txt:B", "a.py:B\n", ".py:A", "a/.py:A", " a.py:A", "a\x00.py:B"),
    ),
    FILE_PERHAPS_A_NAME: (
        ("a.py", "a/b.py", "a/b.py:main"),
        (*NOT_INSIDE, "../a.py", "a", "a.py:", "a.txt", "a.py\n", ".py"),
    ),
    FILE_PATTERN: (
        ("a.csv", "*.csv", "part-*", "é"),
        ("", "a/b", "a b", "a\n", "a\u00a0"),
    ),
    NAME_IN_A_MODULE: (
        ("a:B", "a.b:C.d"),
        ("a", "a:", ":B", "a/b.py:C", "a b:C", "a:B:C", "a.:B", "1a:B", "é:B", "a:B\n"),
    ),
    NAME_IN_A_FILE_OR_MODULE: (
        ("a.py:B", "a/b.py:B.C", "é ü/b.py:C", "a:B", "a.b:C.d"),
        (
            *NOT_INSIDE[:5],
            NOT_INSIDE[6],
            "a.py",
            "a:",
            ":B",
            "a/b:C",
            "a-b:C",
            "a.txt/b:C",
            "a.py:B\n",
            " a:B",
        ),
    ),
    KIND_OF_FAILURE: (
        ("timeout", "provider", "error", "ConnectionError", "E1"),
        ("", "Timeout error", "errors", "a", "_E", "a.E", "É", "timeout\n"),
    ),
    IMPLEMENTATION: (
        ("echo", "openai_compatible", "a.b:C", "a.b:C.d", "a/b.py:C", "a b/c.py:D"),
        ("Echo", "echo:", "a.b", "a-b", "../a.py:B", "/a.py:B", "a/b.py", "echo\n", "a.b:C\n", ""),
    ),
    REFERENCE: (
        ("env:A", "env:_a1", "file:/run/secrets/key", "file:keys/a b", "file:a..b"),
        (
            "A",
            "env:",
            "env:A-B",
            "env:A\n",
            "file:",
            "file:../a",
            "file:a/../b",
            "file:..",
            "ENV:A",
            "file:a\n",
        ),
    ),
    IDENTIFIER: (
        ("A", "_a1", "XGBoostTraining"),
        ("", "1a", "a-b", "a b", "a.b", "é", "\u0410", "a\u0663", "a\n", "\na"),
    ),
    DOTTED: (("a", "src.steps._b1"), ("", ".", "a.", ".a", "a..b", "a.1", "a b", "a.é", "a.b\n", "a\n.b")),
    INK: (
        ("a", " a ", "a\nb", '"""', "{{ }}", "\\", "é", "\u3000", "😀", "a\u2028"),
        ("", " ", "\n", "\t \r\n", "\u00a0"),
    ),
    LINE: (
        ("a", "a b", "a-b>=1.0", "é", "😀", "'\"\\", "a\u00a0b"),
        (
            "",
            " ",
            " a",
            "a ",
            "a\n",
            "\na",
            "a\nb",
            "a\tb",
            "a\u2028b",
            "a\u0085b",
            "a\x00",
            "a\x7f",
            "\u00a0a",
        ),
    ),
    WORKSPACE_ID: (("a", "9", "a-b_c"), ("", "-a", "_a", "..", "a/b", "a.b", "é", "\u0663", "a\n")),
    WORKSPACE_ID_OR_EMPTY: (("", "a", "all"), ("-a", "..", "a/b", "\u0663", "\n", "a\n")),
    WORD: (("a", "_", "1a"), ("", "a-b", "a b", "é", "\u0663", "a\n")),
    WORD_OR_EMPTY: (("", "XGBoost", "a_1"), ("a-b", " ", "é", "\u0663", "\n", "a\n")),
    STEP_ID: (("a", "_a-1", "Load_training"), ("", "1a", "-a", "a.b", "a b", "a:b", "é", "a\n")),
    STEP_WORD: (
        ("A", "A:training", "alice:A", "9-a:A:b-c", ":A:b", "a:A:", "A:"),
        ("", ":", "::", "a:b:c:d", "a:1b:c", "a b", "a:é", "A\n", ":A:b\n"),
    ),
    FED: (
        ("a.b", "a-b.c.d", "a.é", "${a}", "${_b1}"),
        ("", "a", "a.", ".b", "a.b c", "${}", "${1}", "${a} ", "$a", "a.b\n", "${a}\n", "1a.b"),
    ),
    DATE: (
        ("2027-06-30", "1999-12-31"),
        (
            "2027-6-30",
            "2027-13-01",
            "2027-00-01",
            "2027-06-32",
            "0999-01-01",
            "\u0662027-06-30",
            "2027-06-30\n",
            "27-06-30",
        ),
    ),
}


def accepted(schema: dict[str, Any], data: Any) -> tuple[bool, bool]:
    """What the reference validator and the fast validator say, in this order."""
    return Draft202012Validator(schema).is_valid(data), jsonschema_rs.Draft202012Validator(schema).is_valid(
        data
    )


def subschemas(schema: dict[str, Any], place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every subschema that applies to a value of a document, with its position."""
    yield place, schema
    for key, below in schema.get("properties", {}).items():
        yield from subschemas(below, f"{place}.{key}")
    for key, below in schema.get("patternProperties", {}).items():
        yield from subschemas(below, f"{place}.<{key}>")
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            yield from subschemas(schema[keyword], f"{place}.{keyword}")


EVERY = [
    pytest.param(below, id=f"{name}{place}")
    for name, schema in SCHEMAS.items()
    for place, below in subschemas(schema)
]
EVERY_OF_CONTRACTS = [param for param in EVERY if "-override" not in str(param.id)]
EVERY_PROPERTY = [
    pytest.param(field, id=f"{name}{place}.{key}")
    for name, schema in SCHEMAS.items()
    for place, below in subschemas(schema)
    for key, field in below.get("properties", {}).items()
]


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid_and_names_itself(name: str) -> None:
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    jsonschema_rs.meta.validate(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"https://stepwell.dev/schemas/1/{name}.schema.json"
    assert schema["title"].startswith("Stepwell ")
    assert schema["examples"]


@pytest.mark.parametrize("schema", EVERY)
def test_everything_is_described_in_whole_sentences(schema: dict[str, Any]) -> None:
    assert schema["description"][0].isupper()
    assert schema["description"][-1] in ".:`"


@pytest.mark.parametrize("field", EVERY_PROPERTY)
def test_a_field_has_no_title_and_shows_what_it_may_hold(field: dict[str, Any]) -> None:
    assert "title" not in field
    assert field.keys() & {"examples", "default", "enum", "const"}


@pytest.mark.parametrize("schema", EVERY)
def test_examples_and_defaults_are_what_the_schema_requests(schema: dict[str, Any]) -> None:
    shown = [*schema.get("examples", ()), *([schema["default"]] if "default" in schema else ())]
    assert [value for value in shown if accepted(schema, value) != (True, True)] == []


@pytest.mark.parametrize("schema", EVERY_OF_CONTRACTS)
def test_only_keywords_whose_errors_can_be_read(schema: dict[str, Any]) -> None:
    unreadable = {
        "oneOf",
        "anyOf",
        "allOf",
        "not",
        "if",
        "then",
        "else",
        "format",
        "$ref",
        "dependentSchemas",
    }
    if "steps" in schema.get("properties", {}) and "extends" in schema["properties"]:
        unreadable -= {"if", "else"}  # only a pipeline that extends another may remove something
    assert not schema.keys() & unreadable
    if "type" in schema:  # only an `x-` key may hold anything
        kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        assert len([kind for kind in kinds if kind != "null"]) == 1
    else:
        assert schema.keys() == {"description"}
    if schema.get("type") == "object":
        assert "additionalProperties" in schema


def test_every_pattern_is_one_of_the_table() -> None:
    used = {
        below["pattern"]
        for schema in SCHEMAS.values()
        for _, below in subschemas(schema)
        if "pattern" in below
    }
    assert used == set(PATTERNS)
    free = {
        key
        for schema in SCHEMAS.values()
        for _, below in subschemas(schema)
        for key in below.get("patternProperties", {})
    }
    assert free == {"^x-"}


@pytest.mark.parametrize("schema", EVERY)
def test_a_pattern_has_a_length_and_words_for_people(schema: dict[str, Any]) -> None:
    if "pattern" in schema:
        assert schema["patternErrorMessage"].startswith("must ")
        assert schema["maxLength"] <= 1024


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_means_the_same_to_both_validators(pattern: str) -> None:
    assert not re.search(r"\\[dDwWsSbBpPAZz]", pattern)
    fits, does_not = PATTERNS[pattern]
    schema = {"pattern": pattern}
    assert [text for text in fits if accepted(schema, text) != (True, True)] == []
    assert [text for text in does_not if accepted(schema, text) != (False, False)] == []


@pytest.mark.parametrize(("name", "patched"), OVERRIDES.items())
def test_an_override_has_the_fields_of_what_it_patches_and_null_where_one_can_go(
    name: str, patched: str
) -> None:
    def removable(field: dict[str, Any]) -> dict[str, Any]:
        field = {key: value for key, value in field.items() if key not in ("default", "convention")}
        if "type" in field:  # what has none may hold anything, null too
            field["type"] = [field["type"], "null"]
        if "enum" in field:
            field["enum"] = [*field["enum"], None]
        if "properties" in field:
            field["properties"] = {key: removable(below) for key, below in field["properties"].items()}
        if isinstance(field.get("additionalProperties"), dict):
            field["additionalProperties"] = removable(field["additionalProperties"])
        return field

    base = copy.deepcopy(SCHEMAS[patched])
    override = SCHEMAS[name]
    kept = {"$schema", *base["required"]}
    expected = {key: field if key in kept else removable(field) for key, field in base["properties"].items()}
    assert list(override["properties"]) == [*expected, "based_on"]
    for key in expected.keys() - {"$schema", "name"}:
        assert override["properties"][key] == expected[key]
    assert override["required"] == ["name"]
    assert override["additionalProperties"] is False
    assert override["patternProperties"] == base["patternProperties"]
    assert override["description"].startswith("An override")
