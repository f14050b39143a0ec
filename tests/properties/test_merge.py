"""Merging is RFC 7396, shares what it does not touch, and changes nothing that it is given."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.source.document import freeze, thaw
from stepwell.source.merge_patch import merge_patch, patch_between

pytestmark = pytest.mark.slow

# RFC 7396, appendix A: original, patch, result.
APPENDIX_A: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]

KEYS = st.sampled_from(["a", "b", "c", "x-d"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["", "a", "b"]), st.just(0.5)
)
PLAIN = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=12,
)
MAPPINGS = st.dictionaries(KEYS, PLAIN, max_size=4)


def reference(target: Any, patch: Any) -> Any:
    """The pseudo code of RFC 7396 section 2, line by line."""
    if isinstance(patch, dict):
        if not isinstance(target, dict):
            target = {}
        target = dict(target)
        for name, value in patch.items():
            if value is None:
                if name in target:
                    del target[name]
            else:
                target[name] = reference(target.get(name), value)
        return target
    return patch


@pytest.mark.parametrize(("original", "patch", "result"), APPENDIX_A)
def test_every_row_of_the_appendix_of_the_rfc(original: Any, patch: Any, result: Any) -> None:
    assert thaw(merge_patch(freeze(original), freeze(patch))) == result


@given(PLAIN, PLAIN)
def test_it_is_the_algorithm_of_the_rfc(target: Any, patch: Any) -> None:
    assert thaw(merge_patch(freeze(target), freeze(patch))) == reference(target, patch)


@given(MAPPINGS, MAPPINGS)
def test_what_is_merged_is_read_only_all_the_way_down(target: Any, patch: Any) -> None:
    merged = merge_patch(freeze(target), freeze(patch))
    assert merged == freeze(thaw(merged))
    for value in _all_inside(merged):
        assert type(value) not in (dict, list)


def _all_inside(value: Any) -> Any:
    yield value
    if hasattr(value, "items"):
        for item in value.values():
            yield from _all_inside(item)
    elif isinstance(value, tuple):
        for item in value:
            yield from _all_inside(item)


@given(MAPPINGS, MAPPINGS)
def test_neither_side_is_changed_and_untouched_values_are_shared(target: Any, patch: Any) -> None:
    below, above = freeze(target), freeze(patch)
    merged = merge_patch(below, above)
    assert thaw(below) == target
    assert thaw(above) == patch
    for key in target.keys() - patch.keys():
        assert merged[key] is below[key]


@given(MAPPINGS, MAPPINGS)
def test_applying_a_patch_twice_is_applying_it_once(target: Any, patch: Any) -> None:
    once = merge_patch(freeze(target), freeze(patch))
    assert merge_patch(once, freeze(patch)) == once


@given(MAPPINGS, st.lists(st.tuples(KEYS, PLAIN), max_size=4), st.randoms())
def test_the_order_of_a_patch_s_keys_does_not_matter(target: Any, patch: list[Any], random: Any) -> None:
    ordered = dict(patch)
    shuffled = list(ordered.items())
    random.shuffle(shuffled)
    assert merge_patch(freeze(target), freeze(ordered)) == merge_patch(freeze(target), freeze(dict(shuffled)))


LEAVES = st.one_of(st.integers(0, 3), st.lists(st.integers(0, 3), max_size=2))
SAME_SHAPE = st.dictionaries(
    st.sampled_from(["m", "n"]), st.dictionaries(st.sampled_from(["a", "b"]), LEAVES, max_size=2), max_size=2
).flatmap(lambda nested: st.dictionaries(KEYS, LEAVES, max_size=3).map(lambda flat: {**flat, **nested}))


@given(SAME_SHAPE, SAME_SHAPE, SAME_SHAPE)
def test_patches_that_remove_nothing_are_associative(low: Any, middle: Any, high: Any) -> None:
    below, between, above = freeze(low), freeze(middle), freeze(high)
    stepwise = merge_patch(merge_patch(below, between), above)
    assert stepwise == merge_patch(below, merge_patch(between, above))


WITHOUT_NULL = st.recursive(
    st.one_of(st.booleans(), st.integers(-1, 2), st.sampled_from(["", "a"])),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)
COMPLETE = st.dictionaries(KEYS, WITHOUT_NULL, max_size=4)


@given(COMPLETE, COMPLETE)
def test_a_patch_between_two_mappings_leads_from_one_to_the_other(target: Any, wanted: Any) -> None:
    patch = patch_between(freeze(target), freeze(wanted))
    result = thaw(merge_patch(freeze(target), freeze(patch)))
    assert json.dumps(result, sort_keys=True) == json.dumps(wanted, sort_keys=True)  # 1 is not true
    assert patch_between(freeze(wanted), freeze(wanted)) == {}


@pytest.mark.parametrize(
    ("target", "wanted", "patch"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "c": 3}, {"b": None, "c": 3}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, {"a": {"c": 3}}),
        ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": None}}),
        ({"a": {"b": 1}}, {"a": 1}, {"a": 1}),
        ({"a": 1}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": 1}, {"a": True}, {"a": True}),
        ({"a": {"b": 1}}, {"a": {"b": 1}}, {}),
    ],
)
def test_a_patch_between_has_only_differences(target: Any, wanted: Any, patch: Any) -> None:
    assert patch_between(freeze(target), freeze(wanted)) == patch
