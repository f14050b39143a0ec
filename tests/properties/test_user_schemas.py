"""Any JSON Schema and any value: a verdict, a location, and no crash."""

from __future__ import annotations

import random
from typing import Any

import pytest

from stepwell.model import schema_errors
from stepwell.model.schema import compiled
from stepwell.model.validator import InvalidSchema, SchemaError
from stepwell.source.document import Document, no_places

pytestmark = pytest.mark.slow

PATTERNS = [
    "^a",
    "^(a+)+$",
    r"\p{L}+",
    "(?=a)b",
    "(?<=a)b",
    "[a-z",
    r"\d{1,1000}",
    "a{1000}{1000}",
    r"^\w+$",
    "$^",
    "(?P<n>a)(?P=n)",
    r"\1(a)",
    "[[:alpha:]]",
    r"\Z",
    r"\z",
    "(?i)a",
    r"\p{Foo}",
    "(a|b|)*c",
    "^([a-z0-9]+-?)+$",
]
NAMES = ["a", "b", "c", "mode", "x-y", "", "$ref", "~/%"]
BOUNDS = [0, 1, 2, 3.0, 100, 2**64, 10**30]
TEXTS = ["", "a", "abc", "fast", "é\U0001f600", "\0", "2020-01-01", "a" * 50 + "!", "1e5"]
NUMBERS = [0, 1, -1, 3, 2**63 - 1, 2**64, -(2**63), 10**30, 1.5, 1e308, -0.0, 0.1]


def a_value(draw: random.Random, depth: int = 0) -> Any:
    kind = draw.choice(["number", "text", "constant", "mapping", "list"] if depth < 4 else ["number", "text"])
    if kind == "number":
        return draw.choice(NUMBERS)
    if kind == "text":
        return draw.choice(TEXTS)
    if kind == "constant":
        return draw.choice([None, True, False])
    inside = [a_value(draw, depth + 1) for _ in range(draw.randint(0, 4))]
    return inside if kind == "list" else dict(zip(draw.sample(NAMES, len(inside)), inside, strict=True))


def a_schema(draw: random.Random, depth: int = 0) -> Any:
    if depth > 4 or draw.random() < 0.08:
        return draw.choice([True, False, {}])

    def nested() -> Any:
        return a_schema(draw, depth + 1)

    def mapping(keys: list[str]) -> dict[str, Any]:
        return {draw.choice(keys): nested() for _ in range(draw.randint(0, 3))}

    made: dict[str, Any] = {}
    makers = {
        **dict.fromkeys(
            ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), lambda: draw.choice(NUMBERS)
        ),
        **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), lambda: draw.choice(BOUNDS)),
        **dict.fromkeys(("minContains", "maxContains", "minProperties"), lambda: draw.choice(BOUNDS)),
        **dict.fromkeys(("contains", "items", "additionalProperties", "propertyNames", "not"), nested),
        **dict.fromkeys(("unevaluatedProperties", "unevaluatedItems", "if", "then", "else"), nested),
        **dict.fromkeys(
            ("prefixItems", "anyOf", "allOf", "oneOf"), lambda: [nested() for _ in range(draw.randint(1, 3))]
        ),
        **dict.fromkeys(("properties", "$defs", "dependentSchemas"), lambda: mapping(NAMES)),
        "patternProperties": lambda: mapping(PATTERNS),
        "type": lambda: draw.choice(
            ["string", "integer", "number", "object", ["string", "null"], "boolean", "array"]
        ),
        "enum": lambda: [a_value(draw, 2) for _ in range(draw.randint(1, 3))],
        "const": lambda: a_value(draw, 1),
        "multipleOf": lambda: draw.choice([1, 2, 0.1, 1e-308, 10**30]),
        "pattern": lambda: draw.choice(PATTERNS),
        "uniqueItems": lambda: True,
        "required": lambda: draw.sample(NAMES, draw.randint(0, 3)),
        "dependentRequired": lambda: {"a": ["b"]},
        "$ref": lambda: draw.choice(
            ["#", "#/$defs/a", "#/properties/a", "#nope", "#/anyOf/0", "#/not", "other"]
        ),
        "$dynamicRef": lambda: draw.choice(["#", "#foo"]),
        "$anchor": lambda: "foo",
        "format": lambda: draw.choice(["email", "date", "regex", "uri"]),
    }
    for keyword in draw.sample(sorted(makers), draw.randint(1, 5)):
        made[keyword] = makers[keyword]()
    return made


@pytest.mark.parametrize("seed", range(8))
def test_any_schema_and_any_value_have_a_verdict_and_a_location(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - reproducible, not secret
    explained = 0
    for _ in range(800):
        schema, value = a_schema(draw), a_value(draw)
        document = Document("registry.d/steps/a.yaml", "config: 1\n", {"config": value}, no_places)
        about_schema = list(schema_errors.explain_schema(schema, lambda _, d=document: d, ("config",)))
        try:
            fits = compiled(schema).is_valid(value)
        except InvalidSchema:
            assert about_schema, schema
            continue
        assert not about_schema, schema
        findings = list(
            schema_errors.explain_by(schema, "the step `A`", value, lambda _, d=document: d, ("config",))
        )
        assert fits is not bool(findings), (schema, value)
        for finding in findings:
            assert finding.id in schema_errors.SCHEMA_IDS
            assert finding.message.isprintable(), (schema, value)
            assert finding.span is not None
            help_text = finding.help or ""
            assert help_text.isprintable(), (schema, value)
            assert finding.id != "wrong-type" or help_text.startswith(("write ", "quote ")), (schema, value)
        explained += len(findings)
    assert explained > 100


CASES: list[tuple[Any, Any, list[str]]] = [
    ({"properties": {"mode": {"const": "fast"}}}, {"mode": 3}, ["`mode` must be `fast`, got `3`"]),
    ({"pattern": r"^\p{L}+$"}, "1", [r"the step `A` must match `^\p{L}+$`, got `1`"]),
    ({"not": {"$ref": "#"}}, 1, ['the step `A` must not match `{"$ref": "#"}`, got `1`']),
    ({"not": {"type": "string"}}, "x", ["the step `A` must not be text, got text"]),
    ({"type": ["string", "null"]}, 1, ["the step `A` must be text or null, got the number 1"]),
    ({"exclusiveMinimum": 0}, 0, ["the step `A` must be greater than 0, got 0"]),
    ({"multipleOf": 5}, 7, ["the step `A` must be a multiple of 5, got 7"]),
    ({"minProperties": 1}, {}, ["the step `A` must have at least 1 field, got 0"]),
    ({"minLength": 2}, "x", ["the step `A` must have at least 2 characters, got 1"]),
    (
        {"propertyNames": {"pattern": "^a"}},
        {"b": 1},
        ['the step `A` has the key `b`, keys must match `{"pattern": "^a"}`'],
    ),
    (
        {"contains": {"type": "string"}},
        [1],
        ['the step `A` must have at least 1 item that matches `{"type": "string"}`'],
    ),
    ({"uniqueItems": True}, [1, 1.0, True], ["the step `A` contains `1.0` twice"]),
    ({"additionalProperties": False}, {"b": 1}, ["the step `A` has no field `b`"]),
    ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, ["the step `A` requires the field `b`"]),
    ({"items": False}, [1], ["`[0]` is not allowed by its schema"]),
    (
        {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        [],
        ["the step `A` must be text or a whole number, got a list"],
    ),
    (
        {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        {},
        ["the step `A` matches none of 2 alternatives"],
    ),
    (
        {"oneOf": [{"minimum": 0}, {"type": "number"}]},
        3,
        ["the step `A` must match exactly one alternative, matches 1 and 2"],
    ),
    (
        {
            "oneOf": [
                {"properties": {"kind": {"const": "s3"}, "key": {"type": "string"}}},
                {"properties": {"kind": {"const": "file"}, "path": {"type": "string"}}},
            ]
        },
        {"kind": "file", "path": 3},
        ["`path` must be text, got the number 3"],
    ),
    (
        {"oneOf": [{"const": "fast"}, {"enum": ["slow", "exact"]}]},
        "fats",
        ["`fats` is not an allowed value of the step `A`"],
    ),
    ({"pattern": "^(a|a)*(?=b)$"}, "a" * 60, ["the step `A` takes too long to match `^(a|a)*(?=b)$`"]),
]


@pytest.mark.parametrize(("schema", "value", "messages"), CASES)
def test_a_users_schema_is_explained_in_its_own_terms(schema: Any, value: Any, messages: list[str]) -> None:
    assert list(schema_errors.reasons(schema, "the step `A`", value)) == messages


@pytest.mark.parametrize(
    ("schema", "value"), [(schema, value) for schema, value, _ in CASES if "pattern" not in schema]
)
def test_the_reference_validator_reports_the_same(
    schema: Any, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_wheel(errors: tuple[SchemaError, ...]) -> list[tuple[object, ...]]:
        return sorted((error.pointer, error.keyword, len(error.branches)) for error in errors)

    fast = compiled(schema).errors(value)
    monkeypatch.setitem(__import__("sys").modules, "jsonschema_rs", None)
    slow = compiled.__globals__["validator"](schema).errors(value)
    if schema not in ({"items": False}, {"not": {"$ref": "#"}}):  # endless in Python; named differently
        assert without_wheel(fast) == without_wheel(slow)
    assert slow


INVALID: list[tuple[dict[str, Any], list[str]]] = [
    ({"type": "strin"}, ["`strin` is not an allowed value of `type`"]),
    (
        {"properties": {"a": {"type": ["string", "nul"]}}},
        ["`nul` is not an allowed value of `properties.a.type[1]`"],
    ),
    (
        {"examples": 3, "description": 4, "minLength": -1, "properties": {"a": None}},
        [
            "`description` must be text, got the number 4",
            "`examples` must be a list, got the number 3",
            "`minLength` must be at least 0, got -1",
            "`properties.a` must be ",
        ],
    ),
    ({"$defs": 3, "if": {"$ref": "#/$defs/a"}}, ["`#/$defs/a` does not exist", "`$defs` must be a mapping"]),
    ({"$defs": {"a": {"$id": "urn:a", "$defs": {"b": True}, "$ref": "#/$defs/b"}}}, []),
    (
        {"pattern": "(", "patternProperties": {"[": True}},
        [
            "`pattern` must be a regular expression, got `(`",
            "`patternProperties` has the key `[`, keys must be regular expressions",
        ],
    ),
    (
        {"$defs": {"text": {"$ref": "#/$defs/txt"}}, "items": {"$ref": "#here"}, "not": {"$ref": "x.json"}},
        [
            "`#/$defs/txt` does not exist in the schema",
            "`#here` does not exist in the schema",
            "`x.json` is an external reference, which is not supported",
        ],
    ),
    ({"$schema": "urn:other"}, ["the dialect must be https://json-schema.org/draft/2020-12/schema"]),
    ({"$defs": {"a/b": {"$anchor": "c"}}, "allOf": [{"$ref": "#/$defs/a~1b"}, {"$ref": "#c"}]}, []),
    ({"const": {"$ref": "x.json"}, "properties": {"$ref": {"type": "string"}}}, []),
]


@pytest.mark.parametrize("has_wheel", [True, False])
@pytest.mark.parametrize(("schema", "messages"), INVALID)
def test_every_error_of_a_users_schema_is_explained(
    schema: dict[str, Any], messages: list[str], has_wheel: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled.__globals__["_compiled"].cache_clear()
    if not has_wheel:
        monkeypatch.setitem(__import__("sys").modules, "jsonschema_rs", None)
    document = Document("registry.d/steps/a.yaml", "parameters: 1\n", {"parameters": schema}, no_places)
    findings = list(schema_errors.explain_schema(schema, lambda _: document, ("parameters",)))
    compiled.__globals__["_compiled"].cache_clear()
    written = sorted(finding.message for finding in findings)
    assert len(written) == len(messages)
    assert all(text.startswith(start) for text, start in zip(written, sorted(messages), strict=True))
    assert all(finding.span is not None for finding in findings)
