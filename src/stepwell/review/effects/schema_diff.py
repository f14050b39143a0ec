"""Differences between two JSON Schemas (draft 2020-12) by keyword, with their strictness."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from stepwell.review.effects.schema_limits import (
    EVERY_FIELD,
    EVERY_ITEM,
    NEVER,
    UNKNOWN,
    Difference,
    Pair,
    Refuses,
    as_schema,
    as_text,
    bounds,
    form_of,
)

__all__ = ["Difference", "differences"]


def differences(old: Any, new: Any) -> tuple[Difference, ...]:
    """Return the differences in what two schemas accept, ordered by pointer.

    Undecidable changes count as stricter: replaced patterns, conditions and references. ``$ref`` is not
    followed; ``$defs`` is compared in place.
    """
    differences: list[Difference] = []
    pending = [Pair(as_schema(old), as_schema(new), "#", ())]
    while pending:
        pair = pending.pop()
        if as_text(pair.old) == as_text(pair.new):
            continue
        for item in _compared(pair):
            if isinstance(item, Pair):
                pending.append(item)
            else:
                differences.append(item)
    return tuple(sorted(differences, key=lambda difference: (difference.pointer, difference.reason)))


def _compared(pair: Pair) -> Iterator[Difference | Pair]:
    if pair.new is NEVER:
        yield pair.stricter("not", "no longer accepts any value", lambda _: True)
        return
    if pair.old is NEVER:
        yield pair.wider("not", "accepts more values")
        return
    yield from bounds(pair)
    yield from _required(pair)
    yield from _properties(pair)
    yield from _items(pair)
    yield from _branches(pair)
    yield from _others(pair)


def _required(pair: Pair) -> Iterator[Difference]:
    old, new = _words(pair.old.get("required")), _words(pair.new.get("required"))
    for key in sorted(new - old):

        def refuses(value: Any, key: str = key) -> bool:
            return isinstance(value, Mapping) and key not in value

        yield pair.stricter("required", f"must have a field `{key}`", refuses, key)
    for key in sorted(old - new):
        yield pair.wider("required", f"no longer requires the field `{key}`", key)


def _words(values: Any) -> frozenset[str]:
    return (
        frozenset(item for item in values if isinstance(item, str))
        if isinstance(values, list)
        else frozenset()
    )


def _properties(pair: Pair) -> Iterator[Difference | Pair]:
    old, new = _mapping(pair.old, "properties"), _mapping(pair.new, "properties")
    others_old, others_new = (item.get("additionalProperties", True) for item in (pair.old, pair.new))
    forms = _mapping(pair.new, "patternProperties")
    for key in sorted(old.keys() | new.keys()):
        free = any(_matches(form, key) for form in forms)
        if key not in new and others_new is False and not free:

            def refuses(value: Any, key: str = key) -> bool:
                return isinstance(value, Mapping) and key in value

            yield pair.stricter("properties", f"no longer has a field `{key}`", refuses, key)
        elif key not in old and others_old is False and not free:
            yield pair.wider("properties", f"has a new field `{key}`", key)
        else:
            was, now = old.get(key, others_old), new.get(key, True if free else others_new)
            yield pair.under("properties", key, was, now, key)
    for form in sorted(_mapping(pair.old, "patternProperties").keys() | forms.keys()):
        was = _mapping(pair.old, "patternProperties").get(form, others_old)
        yield pair.under("patternProperties", form, was, forms.get(form, others_new), UNKNOWN)
    if others_new is False and others_old is not False:
        yield pair.stricter("additionalProperties", "no longer accepts other fields", _has_others(new, forms))
    elif others_old is False and others_new is not False:
        yield pair.wider("additionalProperties", "accepts other fields")
    else:
        yield pair.under("additionalProperties", None, others_old, others_new, *_others_way(new))


def _others_way(properties: Mapping[str, Any]) -> tuple[str | None]:
    return (UNKNOWN,) if properties else (EVERY_FIELD,)


def _has_others(known: Mapping[str, Any], forms: Mapping[str, Any]) -> Refuses:
    def refuses(value: Any) -> bool:
        if not isinstance(value, Mapping):
            return False
        return any(key not in known and not any(_matches(form, key) for form in forms) for key in value)

    return refuses


def _matches(form: str, key: str) -> bool:
    expected = form_of(form)
    return expected is None or expected.search(key) is not None


def _mapping(schema: Mapping[str, Any], keyword: str) -> Mapping[str, Any]:
    value = schema.get(keyword)
    return value if isinstance(value, Mapping) else {}


def _items(pair: Pair) -> Iterator[Pair]:
    heads = _lists(pair, "prefixItems")
    rest_old, rest_new = pair.old.get("items", True), pair.new.get("items", True)
    for place in range(max(map(len, heads))):
        was, now = (
            head[place] if place < len(head) else rest
            for head, rest in zip(heads, (rest_old, rest_new), strict=True)
        )
        yield pair.under("prefixItems", place, was, now, place)
    yield pair.under("items", None, rest_old, rest_new, *((UNKNOWN,) if any(heads) else (EVERY_ITEM,)))


def _lists(pair: Pair, keyword: str) -> tuple[list[Any], list[Any]]:
    old, new = pair.old.get(keyword), pair.new.get(keyword)
    return old if isinstance(old, list) else [], new if isinstance(new, list) else []


def _branches(pair: Pair) -> Iterator[Difference | Pair]:
    for keyword in ("$defs", "definitions"):
        old, new = _mapping(pair.old, keyword), _mapping(pair.new, keyword)
        for key in sorted(old.keys() & new.keys()):
            yield pair.under(keyword, key, old[key], new[key], UNKNOWN)
    for keyword in ("anyOf", "oneOf", "allOf"):
        old_list, new_list = _lists(pair, keyword)
        old_texts, new_texts = list(map(as_text, old_list)), list(map(as_text, new_list))
        gone = [place for place, text in enumerate(old_texts) if text not in new_texts]
        came = [place for place, text in enumerate(new_texts) if text not in old_texts]
        if sorted(old_texts) == sorted(new_texts):
            continue
        if len(gone) == len(came) and keyword != "oneOf":  # with ``oneOf``, more matches can mean failure
            for was, now in zip(gone, came, strict=True):
                steps = () if keyword == "allOf" else (UNKNOWN,)
                yield pair.under(keyword, now, old_list[was], new_list[now], *steps)
        elif not new_list or not (came if keyword == "allOf" else gone or not old_list or keyword == "oneOf"):
            yield pair.wider(keyword, "requires less")
        else:
            yield pair.stricter(keyword, "must match different alternatives")


_OTHERS: Final = (
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
)


def _others(pair: Pair) -> Iterator[Difference]:
    for keyword in _OTHERS:
        texts = [as_text(item[keyword]) if keyword in item else None for item in (pair.old, pair.new)]
        if texts[0] == texts[1]:
            continue
        if keyword not in pair.new:
            yield pair.wider(keyword, f"`{keyword}` was removed")
        else:
            yield pair.stricter(keyword, f"`{keyword}` changed")
