"""The Document: one file's text, its plain data, and on demand the span of any value in it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, NoReturn, TypeVar, final

from stepwell.source.diagnostic import Span

__all__ = [
    "Document",
    "FrozenMapping",
    "Pointer",
    "Stretch",
    "TextMap",
    "Unreadable",
    "freeze",
    "freeze_mapping",
    "no_places",
    "span_of",
    "thaw",
]


Pointer = tuple[str | int, ...]
"""The way from the root of a document to a value: mapping keys and list indexes."""

Stretch = tuple[int, int]
"""Start and end (exclusive) of a piece of a text, in characters from its beginning."""


@final
class Unreadable(Exception):
    """A text that a format's reader refuses; ``read_text`` turns it into a Diagnostic.

    Args:
        id: the rule, e.g. ``duplicate-key``.
        stretch: where in the text.
    """

    def __init__(
        self,
        id: str,  # noqa: A002 - the field's name in Diagnostic
        message: str,
        stretch: Stretch,
        help: str | None = None,  # noqa: A002
        related: tuple[tuple[str, Stretch], ...] = (),
    ) -> None:
        super().__init__(message)
        self.id = id
        self.message = message
        self.stretch = stretch
        self.help = help
        self.related = related


@final
class TextMap(NamedTuple):
    """Where every key and value of a document stands in its text."""

    keys: Mapping[Pointer, Stretch]
    values: Mapping[Pointer, Stretch]


_NO_PLACES: Final = TextMap(MappingProxyType({}), MappingProxyType({}))


def no_places(_: str) -> TextMap:
    """``locate`` of a document whose data was not read from a text."""
    return _NO_PLACES


@final
class Document(NamedTuple):
    """One file as it was read.

    Args:
        path: relative to the project, with ``/``.
        text: the decoded text without a byte order mark.
        data: its plain data, read-only all the way down.
        locate: finds every key and value in the text; asked only when somebody needs a place.
    """

    path: str
    text: str
    data: Mapping[str, Any]
    locate: Callable[[str], TextMap]
    flat: bool = False

    def key_span(self, pointer: Pointer) -> Span:
        """The span of the key that introduces a value; of the value itself for a list item.

        A pointer that leads nowhere gives the span of the nearest thing on its way that exists.
        """
        places = self.locate(self.text)
        while pointer:
            found = places.keys.get(pointer) or places.values.get(pointer)
            if found is not None:
                return span_of(self.path, self.text, found)
            pointer = pointer[:-1]
        return self.first_key_span(())

    def value_span(self, pointer: Pointer) -> Span:
        """The span of a value; of the nearest thing on the way when the pointer leads nowhere."""
        found = self.locate(self.text).values.get(pointer)
        return (
            self.key_span(pointer) if found is None or not pointer else span_of(self.path, self.text, found)
        )

    def first_key_span(self, pointer: Pointer) -> Span:
        """The span of the first key inside a mapping: where a missing key is told."""
        depth = len(pointer)
        inside = [
            stretch
            for key, stretch in self.locate(self.text).keys.items()
            if len(key) == depth + 1 and key[:depth] == pointer
        ]
        if inside:
            return span_of(self.path, self.text, min(inside))
        return self.key_span(pointer) if pointer else span_of(self.path, self.text, (0, 0))

    def holds(self, offset: int) -> bool:
        """Whether a place in the text lies inside a scalar value or a key, so is not a comment."""
        starts, leaves = _leaves(self.text, self.locate)
        place = bisect_right(starts, offset) - 1
        if place < 0:
            return False
        (_, end), pointer = leaves[place]
        if offset >= end:
            return False
        return pointer is None or not isinstance(_at(self.data, pointer), (Mapping, tuple))


@lru_cache(maxsize=64)
def _leaves(
    text: str, locate: Callable[[str], TextMap]
) -> tuple[list[int], list[tuple[Stretch, Pointer | None]]]:
    """Every key, and every value that holds no other, in the order of the text; and where each starts."""
    places = locate(text)
    holding = {pointer[:-1] for pointer in (*places.keys, *places.values) if pointer}
    found: list[tuple[Stretch, Pointer | None]] = [(stretch, None) for stretch in places.keys.values()]
    found += [(stretch, pointer) for pointer, stretch in places.values.items() if pointer not in holding]
    found.sort(key=lambda leaf: leaf[0])
    return [stretch[0] for stretch, _ in found], found


def _at(data: Any, pointer: Pointer) -> Any:
    for step in pointer:
        data = data[step]
    return data


def span_of(path: str, text: str, stretch: Stretch) -> Span:
    """A stretch of a text in lines and columns.

    Lines end at LF, CRLF or CR (YAML 1.2.2 section 5.4); no other character ends one.
    """
    starts = _line_starts(text)
    start, end = stretch
    line = bisect_right(starts, start)
    end_line = bisect_right(starts, max(start, end))
    begin = starts[line - 1]
    stop = starts[line] if line < len(starts) else len(text)
    return Span(
        path=path,
        line=line,
        column=start - begin + 1,
        end_line=end_line,
        end_column=max(start, end) - starts[end_line - 1] + 1,
        text=_line_text(text, begin, stop),
    )


@lru_cache(maxsize=256)
def _line_text(text: str, begin: int, stop: int) -> str:
    """One line; the findings of a line share it, however long it is."""
    return text[begin:stop].rstrip("\r\n")


@lru_cache(maxsize=64)
def _line_starts(text: str) -> tuple[int, ...]:
    starts = [0]
    at = 0
    for piece in text.splitlines(keepends=True) if "\r" in text else ():
        at += len(piece)
        if piece.endswith(("\n", "\r")):
            starts.append(at)
    if "\r" not in text:
        at = text.find("\n")
        while at >= 0:
            starts.append(at + 1)
            at = text.find("\n", at + 1)
    return tuple(starts)


K = TypeVar("K")
V = TypeVar("V")


@final
class FrozenMapping(dict[K, V]):
    """A mapping that cannot be changed; it can be hashed, pickled and written as JSON.

    ``copy()`` gives a plain ``dict``.
    """

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("this mapping is read-only; change a copy of it, made by its method copy()")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[type[FrozenMapping[K, V]], tuple[dict[K, V]]]:
        return FrozenMapping, (self.copy(),)


def freeze(value: Any) -> Any:
    """An immutable copy of plain data: mappings become read-only, lists become tuples."""
    if isinstance(value, (dict, MappingProxyType)):
        return freeze_mapping(value)
    if isinstance(value, (list, tuple)):
        return tuple(map(freeze, value))
    return value


def freeze_mapping(value: Mapping[str, Any]) -> FrozenMapping[str, Any]:
    """As ``freeze``, for a mapping whose values are mostly scalars."""
    return FrozenMapping({key: item if type(item) is str else freeze(item) for key, item in value.items()})


def thaw(value: Any) -> Any:
    """A changeable copy of what ``freeze`` gave, made of ``dict`` and ``list`` only."""
    if isinstance(value, (dict, MappingProxyType)):
        return {key: thaw(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [thaw(item) for item in value]
    return value
