"""A parsed file: its text, its plain data and the span of every value."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, TypeVar, final

from stepwell.source.immutable import record

if TYPE_CHECKING:
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
    "respelt",
    "span_of",
    "thaw",
    "without",
]


Pointer = tuple[str | int, ...]
"""Path from the root of a document to a value: mapping keys and list indexes."""

Stretch = tuple[int, int]
"""Start and end (exclusive) in a text, in characters."""


@final
class Unreadable(Exception):
    """Syntax error of a parser; ``read_text`` converts it to a Diagnostic.

    Args:
        id: the rule, e.g. ``duplicate-key``.
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
    """Positions of all keys and values of a document."""

    keys: Mapping[Pointer, Stretch]
    values: Mapping[Pointer, Stretch]


_NO_PLACES: Final = TextMap(MappingProxyType({}), MappingProxyType({}))


def no_places(_: str) -> TextMap:
    """``locate`` of a document without a text."""
    return _NO_PLACES


@final
class Document(NamedTuple):
    """One parsed file.

    Args:
        path: relative to the project, with ``/``.
        text: the decoded text without a byte order mark.
        data: plain data, deeply read-only.
        locate: computes the positions of keys and values; called only when a position is needed.
    """

    path: str
    text: str
    data: Mapping[str, Any]
    locate: Callable[[str], TextMap]
    flat: bool = False

    def key_span(self, pointer: Pointer) -> Span:
        """Return the span of the key of a value, or of the value for a list item.

        For an unknown pointer, return the span of its nearest existing parent.
        """
        places = self.locate(self.text)
        while pointer:
            stretch = places.keys.get(pointer) or places.values.get(pointer)
            if stretch is not None:
                return span_of(self.path, self.text, stretch)
            pointer = pointer[:-1]
        return self.first_key_span(())

    def value_span(self, pointer: Pointer) -> Span:
        """Return the span of a value, or of its nearest existing parent."""
        stretch = self.locate(self.text).values.get(pointer)
        return (
            self.key_span(pointer)
            if stretch is None or not pointer
            else span_of(self.path, self.text, stretch)
        )

    def first_key_span(self, pointer: Pointer) -> Span:
        """Return the span of the first key in a mapping, at which missing keys are reported."""
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
        """Return whether an offset is inside a key or scalar, and thus not in a comment."""
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
    """Return the start offsets and the stretches of all keys and scalars in text order."""
    places = locate(text)
    holding = {pointer[:-1] for pointer in (*places.keys, *places.values) if pointer}
    leaves: list[tuple[Stretch, Pointer | None]] = [(stretch, None) for stretch in places.keys.values()]
    leaves += [(stretch, pointer) for pointer, stretch in places.values.items() if pointer not in holding]
    leaves.sort(key=lambda leaf: leaf[0])
    return [stretch[0] for stretch, _ in leaves], leaves


def _at(data: Any, pointer: Pointer) -> Any:
    for step in pointer:
        data = data[step]
    return data


def without(document: Document, pointers: Collection[Pointer]) -> Document:
    """Return a document without some of its values; the spans of all others remain."""
    if not pointers:
        return document
    removed = frozenset(pointers)
    data = _pruned(document.data, (), removed)
    return document._replace(data=data, locate=_LocateWithout(document.locate, removed))


def _pruned(value: Any, at: Pointer, removed: frozenset[Pointer]) -> Any:
    if isinstance(value, Mapping):
        pointers = ((key, (*at, key)) for key in value)
        return FrozenMapping(
            {key: _pruned(value[key], inner, removed) for key, inner in pointers if inner not in removed}
        )
    if isinstance(value, tuple):
        kept = ((item, (*at, place)) for place, item in enumerate(value))
        return tuple(_pruned(item, inner, removed) for item, inner in kept if inner not in removed)
    return value


@final
@record
class _LocateWithout:
    """``locate`` of a document without some values; equal for equal arguments."""

    locate: Callable[[str], TextMap]
    removed: frozenset[Pointer]

    def __call__(self, text: str) -> TextMap:
        return _locate_without(self.locate, self.removed, text)


def _locate_without(locate: Callable[[str], TextMap], removed: frozenset[Pointer], text: str) -> TextMap:
    """Return the positions of the remaining values; later items of a list move up."""
    gone: dict[Pointer, list[int]] = {}
    for pointer in sorted(pointer for pointer in removed if isinstance(pointer[-1], int)):
        gone.setdefault(pointer[:-1], []).append(int(pointer[-1]))

    def moved(pointer: Pointer) -> Pointer:
        return tuple(
            step - bisect_right(gone.get(pointer[:depth], ()), step) if isinstance(step, int) else step
            for depth, step in enumerate(pointer)
        )

    def remaining(places: Mapping[Pointer, Stretch]) -> dict[Pointer, Stretch]:
        return {
            moved(pointer): stretch
            for pointer, stretch in places.items()
            if not any(pointer[:depth] in removed for depth in range(1, len(pointer) + 1))
        }

    places = locate(text)
    return TextMap(remaining(places.keys), remaining(places.values))


def respelt(document: Document, names: Mapping[Pointer, str]) -> Document:
    """Return a document with other names for some of its keys; all spans remain."""
    if not names:
        return document
    data = _renamed(document.data, (), names)
    return document._replace(data=data, locate=_LocateRespelt(document.locate, FrozenMapping(names)))


def _renamed(value: Any, at: Pointer, names: Mapping[Pointer, str]) -> Any:
    if isinstance(value, Mapping):
        pointers = ((key, (*at, key)) for key in value)
        return FrozenMapping(
            {names.get(inner, key): _renamed(value[key], inner, names) for key, inner in pointers}
        )
    if isinstance(value, tuple):
        return tuple(_renamed(item, (*at, place), names) for place, item in enumerate(value))
    return value


@final
@record
class _LocateRespelt:
    """``locate`` of a document with other names for some keys; equal for equal arguments."""

    locate: Callable[[str], TextMap]
    names: FrozenMapping[Pointer, str]

    def __call__(self, text: str) -> TextMap:
        def respelt(places: Mapping[Pointer, Stretch]) -> dict[Pointer, Stretch]:
            return {
                tuple(
                    self.names.get(pointer[: depth + 1], step) for depth, step in enumerate(pointer)
                ): stretch
                for pointer, stretch in places.items()
            }

        places = self.locate(text)
        return TextMap(respelt(places.keys), respelt(places.values))


def span_of(path: str, text: str, stretch: Stretch) -> Span:
    """Convert a stretch to lines and columns.

    Lines end at LF, CRLF or CR only (YAML 1.2.2 section 5.4).
    """
    from stepwell.source.diagnostic import Span

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
    """Return one line; findings in the same line share the string."""
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
    """Read-only mapping that can be hashed, pickled and serialized as JSON.

    ``copy()`` returns a plain ``dict``.
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
    """Return an immutable copy of plain data with read-only mappings and tuples."""
    if isinstance(value, (dict, MappingProxyType)):
        return freeze_mapping(value)
    if isinstance(value, (list, tuple)):
        return tuple(map(freeze, value))
    return value


def freeze_mapping(value: Mapping[str, Any]) -> FrozenMapping[str, Any]:
    """Return ``freeze`` of a mapping with mostly scalar values."""
    return FrozenMapping({key: item if type(item) is str else freeze(item) for key, item in value.items()})


def thaw(value: Any) -> Any:
    """Return a mutable copy of frozen data, built from ``dict`` and ``list``."""
    if isinstance(value, (dict, MappingProxyType)):
        return {key: thaw(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [thaw(item) for item in value]
    return value
