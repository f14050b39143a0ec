"""Every output record survives a round trip through JSON, and fits the schema that is derived from it."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from stepwell.frontends.render.output.record import OutputRecord, encode
from stepwell.frontends.render.output.schemas import OUTPUTS, output_schemas, schema_name

pytestmark = pytest.mark.slow

SCHEMAS = output_schemas()
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)


def values(schema: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that fit a schema of the few keywords that the schemas of outputs have."""
    if "$ref" in schema:
        return values(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of(*(values(way, root) for way in schema["anyOf"]))
    kinds = schema.get("type")
    if kinds is None:
        return ANYTHING
    return st.one_of(
        *(of_kind(kind, schema, root) for kind in ([kinds] if isinstance(kinds, str) else kinds))
    )


def of_kind(kind: str, schema: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    if kind == "object" and "properties" in schema:
        fields = {name: values(field, root) for name, field in schema["properties"].items()}
        required = {name: fields.pop(name) for name in schema["required"]}
        return st.fixed_dictionaries(required, optional=fields)
    if kind == "object":
        more = schema.get("additionalProperties")
        return st.dictionaries(TEXT, values(more, root) if more else ANYTHING, max_size=2)
    if kind == "array":
        least, most = schema.get("minItems", 0), schema.get("maxItems", 2)
        return st.lists(values(schema["items"], root), min_size=least, max_size=max(least, most))
    if kind == "string":
        return st.from_regex(schema["pattern"], fullmatch=True) if "pattern" in schema else TEXT
    least, most = schema.get("minimum"), schema.get("maximum")
    if kind == "integer":
        return st.integers(-(2**53) if least is None else least, 2**53 if most is None else most)
    if kind == "number":
        return st.floats(least, most, allow_nan=False, allow_infinity=False)
    return {"boolean": st.booleans(), "null": st.none()}[kind]


@pytest.mark.parametrize("command", OUTPUTS)
@settings(max_examples=15)
@given(data=st.data())
def test_a_record_survives_json_and_fits_its_schema(command: str, data: st.DataObject) -> None:
    record: type[OutputRecord] = OUTPUTS[command]
    schema = SCHEMAS[schema_name(command)]
    drawn = data.draw(values(schema, schema))
    made = msgspec.convert(drawn, record)
    text = encode(made)
    assert msgspec.json.decode(text.encode(), type=record) == made
    assert jsonschema_rs.is_valid(schema, json.loads(text))


@pytest.mark.parametrize("command", OUTPUTS)
def test_a_record_cannot_be_changed(command: str) -> None:
    record = OUTPUTS[command]
    made = msgspec.convert(SCHEMAS[schema_name(command)]["examples"][0], record)
    with pytest.raises(AttributeError):
        made.version = 2  # type: ignore[misc, assignment]


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_derived_schema_is_valid_and_its_example_fits(name: str) -> None:
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"https://stepwell.dev/schemas/1/{name}.schema.json"
    for example in schema["examples"]:
        assert [error.message for error in Draft202012Validator(schema).iter_errors(example)] == []


def test_a_lone_surrogate_is_written_as_text_wherever_it_is() -> None:
    assert (
        encode({"a\udce9": ["\udce9", {"b": "é"}]}, indent=None)
        == '{"a\\\\udce9": ["\\\\udce9", {"b": "\\u00e9"}]}'
    )
