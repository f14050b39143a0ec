"""Two JSON Schemas of one place, and what differs between them there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

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
]

Way = tuple[str | int | None, ...]
"""From a document to values in it: keys, places in lists, ``EVERY_FIELD`` and ``EVERY_ITEM``."""

EVERY_FIELD: Final = None
"""In a way: each value of a mapping."""

EVERY_ITEM: Final = -1
"""In a way: each item of a list."""

Refuses = Callable[[Any], bool]


@final
@dataclass(frozen=True, slots=True)
class Difference:
    """One keyword that takes less than before, or more.

    Args:
        pointer: where it stands in the newer schema, or stood in the older, as a URI fragment (RFC 6901);
            for ``required`` with the field that it speaks of.
        reason: what it asks now, in words.
        is_stricter: whether something that was taken may be refused; ``False`` where only more is taken.
        way: to the values that it is asked of; ``None`` where that depends on more than the place.
        refuses: whether it refuses a value there; ``None`` where that cannot be told.
    """

    pointer: str
    reason: str
    is_stricter: bool
    way: Way | None = None
    refuses: Refuses | None = None

    def values_in(self, data: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """The values of a document that it is asked of, each with the way to it.

        Args:
            data: plain data.
        """
        pending: list[tuple[tuple[str | int, ...], Any]] = [((), data)]
        for step in self.way or ():
            pending = [found for one in pending for found in _below(*one, step)]
        yield from pending if self.way is not None else ()


@final
@dataclass(frozen=True, slots=True)
class Pair:
    """Two schemas of the same place."""

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
"""A step to values that cannot be told by their place."""

NEVER: Final[Mapping[str, Any]] = {"not": {}}


def as_schema(said: Any) -> Mapping[str, Any]:
    if isinstance(said, Mapping):
        return said
    return NEVER if said is False else {}


def as_text(value: Any) -> str:
    """A value as JSON: equal texts for equal values, and ``1`` is not ``true``.

    Args:
        value: plain data, read-only or not.
    """
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
