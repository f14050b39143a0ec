"""Both validators return one verdict on any document, the one that the formats specify.

Stepwell uses the fast one with shorter patterns, so its verdict is compared as well.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from stepwell.model import schema

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
CONTRACTS = ("step", "hyperparameter", "workspace", "project")
SCHEMAS = {
    name: json.loads((REPOSITORY / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))
    for name in CONTRACTS
}


def accepted(name: str, data: Any) -> tuple[bool, bool, bool]:
    """What the reference validator, the fast validator and Stepwell say, in this order."""
    reference = Draft202012Validator(SCHEMAS[name])
    fast = jsonschema_rs.Draft202012Validator(SCHEMAS[name])
    return reference.is_valid(data), fast.is_valid(data), schema.fits(name, data)


STEP = {"name": "Foo", "description": "Do it."}
HYPERPARAMETER = {"name": "Foo", "module_path": "a.b", "description": "Hold it."}
VERDICTS: list[tuple[str, Any, bool]] = [
    ("step", STEP, True),
    ("step", {"name": "Foo"}, False),
    ("step", {"description": "Do it."}, False),
    ("step", {**STEP, "bulider_step_name": "FooStepBuilder"}, False),
    ("step", {**STEP, "x-team": {"any": [1, None, True]}}, True),
    ("step", {**STEP, "implementation": "a.b:C"}, True),
    ("step", {**STEP, "implementation": "a.b"}, False),
    ("step", {**STEP, "timeout": 0}, False),
    ("step", {**STEP, "timeout": 0.5, "retry": {"attempts": 3, "on": ["timeout", "OSError"]}}, True),
    ("step", {**STEP, "retry": {"attempts": 0}}, False),
    ("step", {**STEP, "parameters": {"type": "strin", "whatever": [None]}}, True),
    ("step", {**STEP, "framework": None}, False),
    ("step", {**STEP, "priority": 0}, True),
    ("step", {**STEP, "priority": 1000}, True),
    ("step", {**STEP, "priority": 1001}, False),
    ("step", {**STEP, "priority": -1}, False),
    ("step", {**STEP, "priority": 75.0}, True),
    ("step", {**STEP, "priority": 75.5}, False),
    ("step", {**STEP, "priority": True}, False),
    ("step", {**STEP, "priority": "75"}, False),
    ("step", {**STEP, "priority": 10**400}, False),
    ("step", {**STEP, "priority": float("nan")}, False),
    ("step", {**STEP, "name": "F" * 128}, True),
    ("step", {**STEP, "name": "F" * 129}, False),
    ("step", {**STEP, "description": "😀" * 1000}, True),
    ("step", {**STEP, "description": "😀" * 1001}, False),
    ("step", {**STEP, "description": 'a\n"""\\{{ }}\u2028'}, True),
    ("step", {**STEP, "aliases": ["Old", "Old"]}, False),
    ("step", {**STEP, "aliases": "Old"}, False),
    ("step", {**STEP, "aliases": ["Old\n"]}, False),
    ("step", {**STEP, "conflict_resolution_strategy": "workspace_priority\n"}, False),
    ("step", {**STEP, "deprecated": {}}, True),
    (
        "step",
        {
            **STEP,
            "deprecated": {"remove_after": "2027-06-30", "since": "1.4", "note": "x", "replaced_by": "Bar"},
        },
        True,
    ),
    ("step", {**STEP, "deprecated": {"since": 1.4}}, False),
    ("step", {**STEP, "deprecated": {"reason": "old"}}, False),
    ("step", {**STEP, "deprecated": True}, False),
    ("step", [], False),
    ("hyperparameter", HYPERPARAMETER, True),
    ("hyperparameter", {**HYPERPARAMETER, "model_type": None}, False),
    ("hyperparameter", {**HYPERPARAMETER, "module_path": "a/b"}, False),
    ("hyperparameter", {**HYPERPARAMETER, "class_name": "Foo"}, False),
    ("workspace", {}, True),
    ("workspace", {"version": 1.0}, False),
    ("workspace", {"developer_id": ".."}, False),
    ("workspace", {"dependencies": ["bob", "pandas>=2"]}, True),
    ("workspace", {"conflict_tolerance": "none"}, False),
    ("project", {}, True),
    ("project", {"schema_version": 1}, True),
    ("project", {"schema_version": 2}, False),
    ("project", {"schema_version": True}, False),
    ("project", {"schema_version": "1"}, False),
    ("project", {"vocabulary": {"frameworks": []}}, True),
    ("project", {"rules": {"shadows-core": "off"}}, True),
    ("project", {"rules": {"shadows-core": "of"}}, False),
    ("project", {"rules": {"shadows-core": False}}, False),
    ("project", {"naming": {"abbreviations": {"mims": ""}}}, True),
    ("project", {"naming": {"abbreviations": {"mims": '"'}}}, False),
    ("project", {"freeze": [{"output": "a.py", "workspace": "all", "first": ["Base"]}]}, True),
    ("project", {"freeze": [{"workspace": "all"}]}, False),
    ("project", {"freeze": {"output": "a.py"}}, False),
    ("project", {"x-team": "fraud"}, False),
]


@pytest.mark.parametrize(
    ("name", "data", "verdict"), VERDICTS, ids=[str(number) for number in range(len(VERDICTS))]
)
def test_a_document_is_accepted_or_rejected_by_both(name: str, data: Any, verdict: bool) -> None:
    assert accepted(name, data) == (verdict, verdict, verdict)


LOOK_ALIKES = str.maketrans(
    {"a": "\u0430", "e": "\u0435", "o": "\u03bf", "1": "\u0661", "0": "\uff10", "2": "\u0968"}
)
# No NaN: JSON has none, the readers refuse it, and the two validators take it differently.
STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 1000, 1001, 1.0, -0.0, 75.5, 1e3, 1e300, 2**63, 2**64, -(10**30), 10**400),
    *(float("inf"), "", " ", "\n", "a\n", "\na", "a\r\n", "a\u2028", "a\u0085", "\u00a0"),
    *("\u0661", "\uff41", "é", "e\u0301", "😀", "\x00", "x\x7f", "medium\n", "error "),
    *("2027-02-30", "2027-06-30\n", "2027-06-30T00:00:00"),
    *("a" * 64, "a" * 65, "a" * 128, "a" * 129, "😀" * 128, "a" * 1000, "a" * 1025, "a" * 300 + "\n"),
    *([], [[]], ["a", "a"], ["a", "a\n"], ["a", None], ["\u00e9", "e\u0301"], [1, 1.0, True]),
    *({}, {"a": "b"}, {"a": "a\n"}, {"": ""}, {"output": "a"}, [{"output": "a"}] * 2),
)
STRANGE_KEYS = (
    *("", " name", "name\n", "Name", "n\u0430me", "implementation", "$schema"),
    *("x-", "x-\n", "X-a", "\nx-a", "x_a", "a x-"),
)


def texts(schema: dict[str, Any]) -> st.SearchStrategy[str]:
    """Texts that a schema accepts."""
    if "enum" in schema:
        return st.sampled_from([str(word) for word in schema["enum"]])
    if "pattern" not in schema:
        return st.text(min_size=schema.get("minLength", 0), max_size=50)
    longest: int = schema["maxLength"]
    pattern = re.compile(schema["pattern"])
    generated = st.from_regex(pattern).filter(
        lambda text: bool(pattern.search(text)) and len(text) <= longest
    )
    shown: list[str] = schema.get("examples", [])
    return st.sampled_from(shown) | generated if shown else generated


def fitting(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a schema accepts."""
    kind = schema.get("type")
    if isinstance(kind, list):  # what may also be null, where another pipeline is extended
        kind = kind[0]
    if kind == "string":
        return texts(schema)
    if kind == "integer":
        if "const" in schema:
            return st.sampled_from([schema["const"], float(schema["const"])])
        whole = st.integers(schema["minimum"], schema["maximum"])
        return whole | whole.map(float)
    if kind == "number":
        return st.floats(schema["minimum"], schema["maximum"]) | st.integers(
            math.ceil(schema["minimum"]), int(schema["maximum"])
        )
    if kind == "boolean":
        return st.booleans()
    if kind == "array":
        unique = str if schema.get("uniqueItems") else None
        return st.lists(fitting(schema["items"]), max_size=4, unique_by=unique)
    if kind == "object":
        return mappings(schema)
    return st.sampled_from(STRANGE)


def mappings(schema: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Mappings that a schema accepts, with keys of the user's own where it lets them be."""
    fields = {key: fitting(below) for key, below in schema.get("properties", {}).items()}
    required = {key: fields.pop(key) for key in schema.get("required", ())}
    known = st.fixed_dictionaries(required, optional=fields)
    own = st.text(max_size=8)
    if isinstance(schema["additionalProperties"], dict):
        free = st.dictionaries(own, fitting(schema["additionalProperties"]), max_size=3)
    elif "patternProperties" in schema:
        free = st.dictionaries(own.map(lambda text: f"x-{text}"), st.sampled_from(STRANGE), max_size=2)
    else:
        return known
    return st.builds(lambda first, last: {**first, **last}, free, known)


def broken(value: Any) -> st.SearchStrategy[Any]:
    """Values near an accepted one, and some far from it."""
    far = st.sampled_from(STRANGE)
    if isinstance(value, str):
        near = [f"{value}{end}" for end in ("\n", "\r", "\u2028", " ")]
        near += [f"\n{value}", f" {value}", value.upper(), value.translate(LOOK_ALIKES), value * 40]
        return st.sampled_from(near) | far
    if isinstance(value, list) and value:
        places = st.integers(0, len(value) - 1)
        item = places.flatmap(
            lambda at: broken(value[at]).map(lambda new: [*value[:at], new, *value[at + 1 :]])
        )
        return item | st.just([*value, value[0]]) | far
    if isinstance(value, dict):
        unknown = st.tuples(st.sampled_from(STRANGE_KEYS), far).map(lambda pair: {**value, pair[0]: pair[1]})
        if not value:
            return unknown | far
        key = st.sampled_from(sorted(value))
        without = key.map(lambda gone: {left: kept for left, kept in value.items() if left != gone})
        field = key.flatmap(lambda at: broken(value[at]).map(lambda new: {**value, at: new}))
        return field | field | field | unknown | without | far
    return far


@pytest.mark.parametrize("name", CONTRACTS)
def test_both_validators_accept_whatever_fits(name: str) -> None:
    @settings(max_examples=60)
    @given(fitting(SCHEMAS[name]))
    def both_accept(data: Any) -> None:
        assert accepted(name, data) == (True, True, True)

    both_accept()


@pytest.mark.parametrize("name", CONTRACTS)
def test_both_validators_return_one_verdict_on_any_document(name: str) -> None:
    reference = Draft202012Validator(SCHEMAS[name])
    fast = jsonschema_rs.Draft202012Validator(SCHEMAS[name])
    near = fitting(SCHEMAS[name]).flatmap(broken)

    @settings(max_examples=250)
    @given(near | near.flatmap(broken))
    @example({**STEP, "name": "Foo\n"})
    def both_agree(data: Any) -> None:
        assert reference.is_valid(data) == fast.is_valid(data) == schema.fits(name, data)

    both_agree()
