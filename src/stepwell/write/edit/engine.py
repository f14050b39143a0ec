"""Edits of one YAML or TOML file that change only the bytes that must change.

Every edit proposes texts, from the smallest change to larger ones. The first text that reads as exactly the
intended data and still has every comment is the result, so quotes, escapes and indentation are correct.
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, final

from stepwell.source.diagnostic import Diagnostic, Span
from stepwell.source.document import Document, FrozenMapping, Pointer, no_places, thaw
from stepwell.source.read import read_text
from stepwell.write.edit import toml_text, yaml_text
from stepwell.write.edit.text import Change, Remove, Rename, Set, Text, comments_in

__all__ = ["Change", "EditRefused", "Remove", "Rename", "Set", "at", "edited", "rewritten"]

_ANCHOR: Final = re.compile(r"&([^\s,\[\]{}]+)")


@final
class EditRefused(Exception):
    """A file cannot be edited as requested; it is unchanged.

    Args:
        span: the value that prevents the edit.
    """

    def __init__(self, message: str, span: Span) -> None:
        super().__init__(f"{span.path}:{span.line}: {message}")
        self.message = message
        self.span = span


def edited(path: str, content: bytes, changes: Iterable[Change], order: Sequence[str] = ()) -> bytes:
    """Return the content of a file after some changes.

    Args:
        path: relative to the project; its suffix selects the format.
        order: top-level keys in their usual order; new keys are inserted accordingly.

    Raises:
        EditRefused: the file is invalid, or the format cannot represent a change.
    """
    document = _read(path, content)
    for change in changes:
        document = _apply(document, _with_parents(document, change), order)
    return _bytes(content, document.text)


def rewritten(path: str, content: bytes, data: Mapping[str, Any], order: Sequence[str] = ()) -> bytes:
    """Return the content of a file after the smallest changes that result in the given data.

    Raises:
        EditRefused: the file is invalid, or the format cannot represent the data.
    """
    document = _read(path, content)
    for change in _between(thaw(document.data), thaw(data), ()):
        document = _apply(document, change, order)
    return _bytes(content, document.text)


def _bytes(before: bytes, text: str) -> bytes:
    mark = b"\xef\xbb\xbf" if before.startswith(b"\xef\xbb\xbf") else b""
    return mark + text.encode()


def _read(path: str, content: bytes) -> Document:
    document = read_text(path, content)
    if isinstance(document, Document):
        return document
    if document.id == "empty-file":
        return Document(path, content.decode().removeprefix("\ufeff"), FrozenMapping(), no_places)
    raise EditRefused(f"the file cannot be edited: {document.message}", document.span or Span(path))


def at(data: Any, pointer: Pointer) -> Any:
    """Return the value at a pointer.

    Raises:
        LookupError: there is none.
    """
    for step in pointer:
        if not isinstance(data, (Mapping, list, tuple)):
            raise KeyError(step)
        data = data[step]  # type: ignore[index]
    return data


def _with_parents(document: Document, change: Change) -> Change:
    """Return a change whose parent exists: a value inside missing mappings becomes a nested value."""
    if not isinstance(change, Set):
        return change
    pointer, value = change.pointer, change.value
    for depth in range(1, len(pointer)):
        try:
            holder = at(document.data, pointer[:depth])
        except LookupError:
            holder = None
        if not isinstance(holder, (Mapping, tuple)):
            for step in reversed(pointer[depth:]):
                value = {step: value}
            return Set(pointer[:depth], value)
    return change


def _between(now: Any, wanted: Any, pointer: Pointer) -> Iterator[Change]:
    """Yield the changes from one value to another, as small as possible."""
    if isinstance(now, dict) and isinstance(wanted, dict):
        for key in now:
            if key not in wanted:
                yield Remove((*pointer, key))
        for key, value in wanted.items():
            if key not in now:
                yield Set((*pointer, key), value)
            else:
                yield from _between(now[key], value, (*pointer, key))
    elif isinstance(now, list) and isinstance(wanted, list):
        yield from _between_lists(now, wanted, pointer)
    elif not is_same(now, wanted):
        yield Set(pointer, wanted)


def _between_lists(now: list[Any], wanted: list[Any], pointer: Pointer) -> Iterator[Change]:
    start = 0
    while start < min(len(now), len(wanted)) and is_same(now[start], wanted[start]):
        start += 1
    end = 0
    while end < min(len(now), len(wanted)) - start and is_same(now[-1 - end], wanted[-1 - end]):
        end += 1
    shared = min(len(now), len(wanted)) - start - end
    for index in range(start, start + shared):
        yield from _between(now[index], wanted[index], (*pointer, index))
    for index in reversed(range(start + shared, len(now) - end)):
        yield Remove((*pointer, index))
    for index in range(start + shared, len(wanted) - end):
        yield Set((*pointer, index), wanted[index], is_new=True)


def _apply(document: Document, change: Change, order: Sequence[str]) -> Document:
    """Return the document after a change, or after rewriting the smallest enclosing value."""
    data = thaw(document.data)
    wanted = _changed(data, change, document)
    if is_same(data, wanted) and not isinstance(change, Rename):
        return document
    parts = _parts_of(document, change)
    if parts:
        try:
            result = document
            for part in parts:
                result = _apply(result, part, order)
        except EditRefused:
            pass  # the value is rewritten as a whole
        else:
            return result
    for start in (document, _without_aliases(document, change.pointer)):
        smallest = None if start is None else _smallest(start, change, wanted, order)
        if smallest is not None:
            return smallest
    raise EditRefused(_reason(document, change), document.key_span(change.pointer))


def _smallest(document: Document, change: Change, wanted: Any, order: Sequence[str]) -> Document | None:
    """Return the document after a change of the value, or of the smallest enclosing value."""
    while True:
        result = _first_correct(document, change, wanted, order)
        outer = change.pointer[:-1]
        if result is not None or not outer:
            return result
        change = Set(outer, at(wanted, outer))


def _without_aliases(document: Document, pointer: Pointer) -> Document | None:
    """Return a YAML document with the aliases of a value written out; ``None`` without any."""
    values = document.locate(document.text).values
    start, end = values.get(pointer[:1], (0, 0))
    anchors = {f"*{name}" for name in _ANCHOR.findall(document.text[start:end])}
    aliases = [key for key, stretch in values.items() if document.text[slice(*stretch)] in anchors]
    if document.path.endswith(".toml") or not aliases:
        return None
    data = thaw(document.data)
    result: Document | None = document
    for alias in aliases:
        result = result and _first_correct(result, Set(alias, at(data, alias)), data, ())
    return result


def _reason(document: Document, change: Change) -> str:
    name = ".".join(map(str, change.pointer))
    if document.path.endswith(".toml") and isinstance(change, Set) and _has_null(change.value):
        return f"`{name}` cannot be null: TOML has no null"
    return f"`{name}` cannot be changed here without rewriting the file; edit it by hand"


def _has_null(value: Any) -> bool:
    if isinstance(value, (dict, list)):
        return any(map(_has_null, value.values() if isinstance(value, dict) else value))
    return value is None


def _parts_of(document: Document, change: Change) -> list[Change]:
    """Return smaller changes with the same result as setting a mapping or list, if there are any."""
    if not isinstance(change, Set) or change.is_new:
        return []
    try:
        now = thaw(at(document.data, change.pointer))
    except LookupError:
        return []
    parts = list(_between(now, change.value, change.pointer))
    return parts if parts != [change] and _keeps_something(now, change.value) else []


def _keeps_something(now: Any, wanted: Any) -> bool:
    """Return whether a collection keeps a key or an item."""
    if isinstance(now, dict) and isinstance(wanted, dict):
        return bool(now.keys() & wanted.keys())
    return isinstance(now, list) and isinstance(wanted, list) and bool(now and wanted)


def _changed(data: Any, change: Change, document: Document) -> Any:
    data = copy.deepcopy(data)
    *above, last = change.pointer
    try:
        holder = at(data, tuple(above))
        if isinstance(change, Set):
            if isinstance(holder, list) and (change.is_new or last == len(holder)):
                holder.insert(int(last), copy.deepcopy(change.value))
            else:
                holder[last] = copy.deepcopy(change.value)
        elif isinstance(change, Remove):
            del holder[last]
        else:
            if change.name in holder and change.name != last:
                message = f"`{change.name}` already exists"
                raise EditRefused(message, document.key_span((*above, change.name)))
            items = [(change.name if key == last else key, value) for key, value in holder.items()]
            if last not in holder:
                raise KeyError(last)
            holder.clear()
            holder.update(items)
    except (LookupError, TypeError, AttributeError):
        name = ".".join(map(str, change.pointer))
        raise EditRefused(f"there is no `{name}`", document.key_span(change.pointer)) from None
    return data


def _first_correct(document: Document, change: Change, wanted: Any, order: Sequence[str]) -> Document | None:
    """Return the first proposed text that reads as the intended data and keeps all comments."""
    form = toml_text if document.path.endswith(".toml") else yaml_text
    places = document.locate(document.text)
    text = Text(document.text, places.keys, places.values, document.data)
    kept = Counter(comments_in(document))
    tried: set[str] = set()
    for proposed in form.proposals(text, change, order, document):
        if proposed in tried:
            continue
        tried.add(proposed)
        result = read_text(document.path, proposed.encode("utf-8", "surrogatepass"))
        if isinstance(result, Diagnostic):
            if result.id != "empty-file" or wanted:
                continue
            result = Document(document.path, proposed, FrozenMapping(), no_places)
        if is_same(thaw(result.data), wanted) and not kept - Counter(comments_in(result)):
            return result
    return None


def is_same(left: Any, right: Any) -> bool:
    """Return whether two values are equal, with equal types."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(is_same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(is_same, left, right))
    return bool(left == right)
