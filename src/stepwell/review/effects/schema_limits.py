"""JSON Schema keywords that limit a single value: type, choices, size and pattern."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from stepwell.source.wording import listed

__all__ = [
    "EVERY_FIELD",
    "EVERY_ITEM",
    "NEVER",
    "UNKNOWN",
    "Difference",
    "Pair",
    "Refuses",
    "as_schema",
    "as_text",
    "bounds",
    "form_of",
]


Way = tuple[str | int | None, ...]
"""Path from a document to values: keys, indexes, ``EVERY_FIELD`` and ``EVERY_ITEM``."""

EVERY_FIELD: Final = None
"""Path element for each value of a mapping."""

EVERY_ITEM: Final = -1
"""Path element for each item of a list."""

Refuses = Callable[[Any], bool]


@final
@dataclass(frozen=True, slots=True)
class Difference:
    """Keyword that accepts less or more than before.

    Args:
       pointer: location in the newer schema, or in the older one if removed, as a URI fragment (RFC 6901).
       is_stricter: whether previously valid values may be rejected.
       way: path to the affected values; ``None`` if it depends on more than the location.
       refuses: whether a value is rejected; ``None`` if undecidable.
    """

    pointer: str
    reason: str
    is_stricter: bool
    way: Way | None = None
    refuses: Refuses | None = None

    def values_in(self, data: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """Yield the affected values of a document (plain data) with their paths."""
        pending: list[tuple[tuple[str | int, ...], Any]] = [((), data)]
        for step in self.way or ():
            pending = [value for item in pending for value in _below(*item, step)]
        yield from pending if self.way is not None else ()


@final
@dataclass(frozen=True, slots=True)
class Pair:
    """Two schemas of the same location."""

    old: Mapping[str, Any]
    new: Mapping[str, Any]
    pointer: str
    way: Way | None

    def under(
        self, keyword: str, key: str | int | None, old: Any, new: Any, *steps: str | int | None
    ) -> Pair:
        way = None if self.way is None or UNKNOWN in steps else (*self.way, *steps)
        return Pair(as_schema(old), as_schema(new), self._at(keyword, key), way)

    def stricter(
        self, keyword: str, reason: str, refuses: Refuses | None = None, key: str | None = None
    ) -> Difference:
        way = self.way if refuses is not None else None
        return Difference(self._at(keyword, key), reason, True, way, refuses)

    def wider(self, keyword: str, reason: str, key: str | None = None) -> Difference:
        return Difference(self._at(keyword, key), reason, False)

    def _at(self, keyword: str, key: str | int | None) -> str:
        steps = [keyword] if key is None else [keyword, str(key)]
        return "/".join([self.pointer, *(step.replace("~", "~0").replace("/", "~1") for step in steps)])


UNKNOWN: Final = "\n"
"""Path element for values without a fixed location."""

NEVER: Final[Mapping[str, Any]] = {"not": {}}


def as_schema(schema: Any) -> Mapping[str, Any]:
    if isinstance(schema, Mapping):
        return schema
    return NEVER if schema is False else {}


def as_text(value: Any) -> str:
    """Return canonical JSON of plain data."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _below(way: tuple[str | int, ...], value: Any, step: str | int | None) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, Mapping) and not isinstance(step, int):
        keys = list(value) if step is EVERY_FIELD else [step] if step in value else []
        yield from (((*way, key), value[key]) for key in keys)
    elif isinstance(value, (list, tuple)) and isinstance(step, int):
        places = range(len(value)) if step == EVERY_ITEM else range(step, min(step + 1, len(value)))
        yield from (((*way, place), value[place]) for place in places)


def bounds(pair: Pair) -> Iterator[Difference]:
    """Yield differences of keywords that limit the value itself."""
    yield from _types(pair)
    yield from _listed(pair)
    yield from _limits(pair)
    yield from _patterns(pair)


def _types(pair: Pair) -> Iterator[Difference]:
    old, new = _kinds(pair.old.get("type")), _kinds(pair.new.get("type"))
    lost, won = _covered(old) - _covered(new), _covered(new) - _covered(old)
    if lost:
        words = " or ".join(sorted(new)) or "nothing"
        yield pair.stricter("type", f"must be {words}", lambda value: not _is_any(value, new))
    elif won:
        yield pair.wider("type", "accepts more types")


_TYPES: Final = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})


def _kinds(kinds: Any) -> frozenset[str]:
    if isinstance(kinds, str):
        return frozenset({kinds})
    return frozenset(item for item in kinds if isinstance(item, str)) if isinstance(kinds, list) else _TYPES


def _covered(kinds: frozenset[str]) -> frozenset[str]:
    return kinds | {"integer"} if "number" in kinds else kinds


def _is_any(value: Any, kinds: frozenset[str]) -> bool:
    return any(_IS[kind](value) for kind in kinds if kind in _IS)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_IS: Final[Mapping[str, Refuses]] = {
    "array": lambda value: isinstance(value, (list, tuple)),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and value == value // 1,
    "null": lambda value: value is None,
    "number": _is_number,
    "object": lambda value: isinstance(value, Mapping),
    "string": lambda value: isinstance(value, str),
}


def _listed(pair: Pair) -> Iterator[Difference]:
    """Yield differences of ``enum`` and ``const``."""
    for keyword in ("enum", "const"):
        old, new = _choices(pair.old, keyword), _choices(pair.new, keyword)
        if new is None:
            if old is not None:
                yield pair.wider(keyword, "accepts any value of its type")
            continue
        lost = None if old is None else sorted(old - new)
        if lost is None or lost:
            reason = f"must be {_some(new)}" if lost is None else f"no longer accepts {_some(lost)}"
            yield pair.stricter(keyword, reason, _not_among(new))
        elif old is not None and new - old:
            yield pair.wider(keyword, f"also accepts {_some(new - old)}")


def _not_among(choices: frozenset[str]) -> Refuses:
    return lambda value: as_text(value) not in choices


def _some(texts: Iterable[str]) -> str:
    return listed(sorted(texts), 5) or "nothing"


def _choices(schema: Mapping[str, Any], keyword: str) -> frozenset[str] | None:
    if keyword not in schema:
        return None
    value = schema[keyword]
    many = value if keyword == "enum" and isinstance(value, list) else [value]
    return frozenset(map(as_text, many))


_LIMITS: Final[Mapping[str, tuple[str, Any]]] = {
    "minimum": ("must be at least {}", (int, float)),
    "exclusiveMinimum": ("must be more than {}", (int, float)),
    "maximum": ("must be at most {}", (int, float)),
    "exclusiveMaximum": ("must be less than {}", (int, float)),
    "minLength": ("must have at least {} characters", str),
    "maxLength": ("must have at most {} characters", str),
    "minItems": ("must have at least {} items", (list, tuple)),
    "maxItems": ("must have at most {} items", (list, tuple)),
    "minProperties": ("must have at least {} fields", Mapping),
    "maxProperties": ("must have at most {} fields", Mapping),
}
"""Message of each limit and the types it applies to."""


def _limits(pair: Pair) -> Iterator[Difference]:
    for keyword, (words, _) in _LIMITS.items():
        old, new = pair.old.get(keyword), pair.new.get(keyword)
        if old == new or not (new is None or _is_number(new)):
            continue
        if new is None:
            yield pair.wider(keyword, f"no longer has the limit {old}")
        elif not _is_number(old) or (new > old) is _is_lower(keyword):
            yield pair.stricter(keyword, words.format(new), _outside(keyword, new))
        else:
            yield pair.wider(keyword, f"{words.format(new)} (was {old})")


def _is_lower(keyword: str) -> bool:
    return keyword.startswith(("min", "exclusiveMin"))


def _outside(keyword: str, bound: float) -> Refuses:
    kind, sign = _LIMITS[keyword][1], 1 if _is_lower(keyword) else -1

    def refuses(value: Any) -> bool:
        if not isinstance(value, kind) or isinstance(value, bool):
            return False
        above = ((value if _is_number(value) else len(value)) - bound) * sign
        return above <= 0 if keyword.startswith("exclusive") else above < 0

    return refuses


def _patterns(pair: Pair) -> Iterator[Difference]:
    old, new = pair.old.get("pattern"), pair.new.get("pattern")
    if old != new:
        if not isinstance(new, str):
            yield pair.wider("pattern", "accepts any form")
        else:
            yield pair.stricter("pattern", f"must match {new}", _unlike(new))
    was, now = pair.old.get("uniqueItems") is True, pair.new.get("uniqueItems") is True
    if now and not was:
        yield pair.stricter("uniqueItems", "must not repeat an item", _repeats)
    elif was and not now:
        yield pair.wider("uniqueItems", "may repeat items")


def _unlike(pattern: str) -> Refuses | None:
    form = form_of(pattern)
    if form is None:
        return None
    return lambda value: isinstance(value, str) and form.search(value[:_LONGEST]) is None


_LONGEST: Final = 1024


def form_of(pattern: str) -> re.Pattern[str] | None:
    """Compile a pattern that Python supports and that cannot backtrack catastrophically, else ``None``."""
    if _REPEATED_GROUP.search(pattern) or len(_REPEATING.findall(pattern)) > 4:
        return None
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return None


_REPEATED_GROUP: Final = re.compile(r"\)[*+{]")
_REPEATING: Final = re.compile(r"[*+{]")


def _repeats(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(set(map(as_text, value))) < len(value)
