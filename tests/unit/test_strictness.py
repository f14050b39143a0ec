"""Where a schema refuses what an older one took: keyword by keyword, and what keeps to it."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.review.effects.schema_diff import differences
from stepwell.review.effects.schema_limits import form_of


def reported(old: Any, new: Any) -> list[str]:
    return [
        f"{'stricter' if one.is_stricter else 'wider'} {one.pointer}: {one.reason}"
        for one in differences(old, new)
    ]


STRICTER: dict[str, tuple[Any, Any, str]] = {
    "a type is taken away": ({"type": ["string", "null"]}, {"type": "string"}, "#/type: must be string"),
    "any type becomes one": ({}, {"type": "object"}, "#/type: must be object"),
    "numbers become whole": ({"type": "number"}, {"type": "integer"}, "#/type: must be integer"),
    "a choice is taken away": ({"enum": ["a", "b"]}, {"enum": ["a"]}, '#/enum: no longer accepts "b"'),
    "anything becomes a choice": ({}, {"enum": ["a", 1]}, '#/enum: must be "a", 1'),
    "true is not 1": ({"const": True}, {"const": 1}, "#/const: no longer accepts true"),
    "a larger minimum": ({"minimum": 1}, {"minimum": 2}, "#/minimum: must be at least 2"),
    "a first maximum": ({}, {"maximum": 2}, "#/maximum: must be at most 2"),
    "an excluded bound": ({}, {"exclusiveMaximum": 2}, "#/exclusiveMaximum: must be less than 2"),
    "shorter texts": ({"maxLength": 9}, {"maxLength": 8}, "#/maxLength: must have at most 8 characters"),
    "more items": ({"minItems": 0}, {"minItems": 1}, "#/minItems: must have at least 1 items"),
    "another form": ({"pattern": "a"}, {"pattern": "b"}, "#/pattern: must match b"),
    "no item twice": ({}, {"uniqueItems": True}, "#/uniqueItems: must not repeat an item"),
    "a new required field": (
        {"required": ["a"]},
        {"required": ["a", "b"]},
        "#/required/b: must have a field `b`",
    ),
    "a field that is gone": (
        {"properties": {"a": {}}, "additionalProperties": False},
        {"properties": {}, "additionalProperties": False},
        "#/properties/a: no longer has a field `a`",
    ),
    "no other fields": (
        {"properties": {"a": {}}},
        {"properties": {"a": {}}, "additionalProperties": False},
        "#/additionalProperties: no longer accepts other fields",
    ),
    "a field with a meaning": (
        {},
        {"properties": {"a": {"type": "string"}}},
        "#/properties/a/type: must be string",
    ),
    "deep inside": (
        {"properties": {"a": {"items": {"properties": {"b/c": {"maximum": 5}}}}}},
        {"properties": {"a": {"items": {"properties": {"b/c": {"maximum": 4}}}}}},
        "#/properties/a/items/properties/b~1c/maximum: must be at most 4",
    ),
    "other fields": (
        {"additionalProperties": {"enum": ["a", "b"]}},
        {"additionalProperties": {"enum": ["a"]}},
        '#/additionalProperties/enum: no longer accepts "b"',
    ),
    "a definition": (
        {"$defs": {"a": {"maximum": 5}}},
        {"$defs": {"a": {"maximum": 4}}},
        "#/$defs/a/maximum: must be at most 4",
    ),
    "inside an alternative": (
        {"anyOf": [{"type": "string"}, {"maximum": 5}]},
        {"anyOf": [{"type": "string"}, {"maximum": 4}]},
        "#/anyOf/1/maximum: must be at most 4",
    ),
    "an alternative is gone": (
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"anyOf": [{"type": "string"}]},
        "#/anyOf: must match different alternatives",
    ),
    "one of exactly one alternatives": (
        {"oneOf": [{"type": "string"}, {"maximum": 5}]},
        {"oneOf": [{"type": "string"}, {"maximum": 4}]},
        "#/oneOf: must match different alternatives",
    ),
    "one more condition": (
        {"allOf": [{}]},
        {"allOf": [{}, {"type": "string"}]},
        "#/allOf: must match different alternatives",
    ),
    "another reference": ({"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}, "#/$ref: `$ref` changed"),
    "nothing": ({}, False, "#/not: no longer accepts any value"),
}


@pytest.mark.parametrize("what", STRICTER)
def test_less_is_taken_and_the_other_way_round_more(what: str) -> None:
    old, new, expected = STRICTER[what]
    assert reported(old, new) == [f"stricter {expected}"]
    back = differences(new, old)
    swaps = {"true is not 1", "another form", "another reference", "one of exactly one alternatives"}
    assert [one.is_stricter for one in back] == [what in swaps]


@pytest.mark.parametrize("what", STRICTER)
def test_nothing_differs_from_itself(what: str) -> None:
    assert [differences(one, one) for one in STRICTER[what][:2]] == [(), ()]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"description": "a", "title": "b", "default": 1, "examples": []}, {"description": "c"}),
        ({"additionalProperties": True}, {}),
        ({"required": []}, {}),
        ({"type": "integer"}, {"type": ["integer"]}),
        ({"items": {}}, {"items": True}),
        (
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
            {"anyOf": [{"type": "null"}, {"type": "string"}]},
        ),
    ],
)
def test_other_words_for_the_same_are_no_difference(old: Any, new: Any) -> None:
    assert differences(old, new) == ()


@pytest.mark.parametrize(
    ("old", "new", "document", "refused"),
    [
        ({}, {"required": ["a"]}, {"b": 1}, [()]),
        ({}, {"required": ["a"]}, {"a": 1}, []),
        ({}, {"properties": {"a": {"maximum": 3}}}, {"a": 4}, [("a",)]),
        ({}, {"properties": {"a": {"maximum": 3}}}, {"a": 3}, []),
        ({}, {"properties": {"a": {"exclusiveMinimum": 3}}}, {"a": 3}, [("a",)]),
        ({}, {"properties": {"a": {"maximum": 3}}}, {"a": True}, []),
        ({}, {"properties": {"a": {"items": {"enum": ["x"]}}}}, {"a": ("x", "y")}, [("a", 1)]),
        ({}, {"properties": {"a": {"prefixItems": [{}, {"type": "string"}]}}}, {"a": ("x", 1)}, [("a", 1)]),
        ({}, {"additionalProperties": {"type": "string"}}, {"a": "x", "b": 1}, [("b",)]),
        ({}, {"properties": {"a": {"uniqueItems": True}}}, {"a": (1, 1)}, [("a",)]),
        ({}, {"properties": {"a": {"uniqueItems": True}}}, {"a": (1, True)}, []),
        ({}, {"properties": {"a": {"pattern": "^[a-z]+$"}}}, {"a": "A"}, [("a",)]),
        ({}, {"properties": {"a": {"type": "integer"}}}, {"a": 1.0}, []),
        ({}, {"properties": {"a": {"type": "integer"}}}, {"a": True}, [("a",)]),
        ({}, {"properties": {"a": {"type": "integer"}}}, {"a": 1.5}, [("a",)]),
        ({}, {"properties": {"a": {"prefixItems": [{}], "items": {"type": "string"}}}}, {"a": (1, 2)}, []),
        (
            {},
            {"properties": {"a": {}}, "patternProperties": {"^x-": {}}, "additionalProperties": False},
            {"a": 1, "x-b": 1},
            [],
        ),
    ],
)
def test_what_a_document_does_not_keep_to_is_found_at_its_place(
    old: Any, new: Any, document: Any, refused: list[tuple[str | int, ...]]
) -> None:
    found = [
        way
        for one in differences(old, new)
        for way, value in one.values_in(document)
        if one.refuses is not None and one.refuses(value)
    ]
    assert found == refused


@pytest.mark.parametrize("pattern", ["(a+)+$", "[", "a" * 70 + "(?<n>a)", "(a|b)*c"])
def test_a_form_that_cannot_be_checked_against_a_text_is_reported_and_not_tried(pattern: str) -> None:
    (found,) = differences({}, {"properties": {"a": {"pattern": pattern}}})
    assert found.is_stricter
    assert found.refuses is None
    assert list(found.values_in({"a": "a" * 50})) == []


@pytest.mark.parametrize(
    "schema",
    [
        {"type": 1, "enum": 2, "required": "a", "properties": [], "items": 3, "anyOf": {}, "minimum": "x"},
        {"properties": {"a": 1, "b": None}, "patternProperties": {"[": 1}, "$defs": []},
        [],
        None,
    ],
)
def test_what_is_no_schema_at_all_raises_nothing(schema: Any) -> None:
    whole = {"type": "string", "properties": {"a": {}}, "required": ["b"], "minimum": 2, "anyOf": [{}]}
    assert all(
        one.pointer.startswith("#") for one in (*differences(schema, whole), *differences(whole, schema))
    )


def test_depth_is_no_trouble() -> None:
    old: dict[str, Any] = {"maximum": 2}
    new: dict[str, Any] = {"maximum": 1}
    for _ in range(300):
        old, new = {"properties": {"a": old}}, {"properties": {"a": new}}
    (found,) = differences(old, new)
    assert found.pointer == "#" + "/properties/a" * 300 + "/maximum"


@pytest.mark.parametrize(
    "keyword",
    [
        "$ref",
        "$dynamicRef",
        "not",
        "if",
        "then",
        "else",
        "contains",
        "minContains",
        "maxContains",
        "propertyNames",
        "dependentRequired",
        "dependentSchemas",
        "unevaluatedProperties",
        "unevaluatedItems",
        "multipleOf",
        "format",
    ],
)
def test_a_keyword_that_is_not_understood_is_stricter_unless_it_is_removed(keyword: str) -> None:
    pointer = keyword.replace("/", "~1")
    assert reported({}, {keyword: 1}) == [f"stricter #/{pointer}: `{keyword}` changed"]
    assert reported({keyword: 1}, {keyword: 2}) == [f"stricter #/{pointer}: `{keyword}` changed"]
    assert reported({keyword: 1}, {}) == [f"wider #/{pointer}: `{keyword}` was removed"]
    assert reported({keyword: 1}, {keyword: 1}) == []


def test_a_schema_that_accepts_nothing() -> None:
    [stricter] = differences({}, False)
    assert (stricter.pointer, stricter.reason) == ("#/not", "no longer accepts any value")
    assert stricter.refuses is not None
    assert stricter.refuses("anything")
    assert reported(False, {}) == ["wider #/not: accepts more values"]
    assert reported({"properties": {"a": True}}, {"properties": {"a": False}}) == [
        "stricter #/properties/a/not: no longer accepts any value"
    ]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (["string", "null", "array"], ["string", "array"], "stricter #/type: must be array or string"),
        ("string", [], "stricter #/type: must be nothing"),
        ("string", ["string", "null"], "wider #/type: accepts more types"),
        ("integer", "number", "wider #/type: accepts more types"),
    ],
)
def test_types(old: object, new: object, reason: str) -> None:
    assert reported({"type": old}, {"type": new}) == [reason]


def test_a_pattern_is_tried_on_the_first_1024_characters_if_it_repeats_at_most_four_times() -> None:
    [stricter] = differences({}, {"pattern": "b"})
    assert stricter.refuses is not None
    assert [stricter.refuses("a" * count + "b") for count in (1023, 1024)] == [False, True]
    assert form_of("a*b*c*d*") is not None
    assert form_of("a*b*c*d*e*") is None


def test_a_list_of_values_that_is_removed_is_wider() -> None:
    assert reported({"enum": ["a"]}, {}) == ["wider #/enum: accepts any value of its type"]
    assert reported({"const": "a"}, {}) == ["wider #/const: accepts any value of its type"]
