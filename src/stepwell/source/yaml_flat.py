"""Fast reader for flat YAML: one ``key: value`` per line, the usual form of definitions.

libyaml creates three objects per event, which costs more than the rest of a check. This reader parses a small
grammar line by line and caches lines, because definitions share many of them. Other texts are left to
libyaml, so this reader never reports errors (docs/decisions/0003-flat-reader.md). A property test compares
both readers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from string import ascii_letters
from typing import Any, Final, final

from stepwell.source.document import Pointer, Stretch, TextMap
from stepwell.source.scalars import WORDS

__all__ = ["load", "locate"]

_RUN: Final = r"[^\x00-\x1f\x7f#:]"
_ITEM: Final = r"[A-Za-z_][A-Za-z0-9_.-]*"
_KEY_TEXT: Final = r"[A-Za-z_$][A-Za-z0-9_$-]{0,127}"
_VALUE: Final = re.compile(
    rf"""
    [ ]*
    (?:
      ([A-Za-z_/]{_RUN}*(?::(?![ ]|\Z){_RUN}*)*)         # 1  plain text
    | (0|[1-9][0-9]{{0,14}})                             # 2  integer
    | "([^\x00-\x1f\x7f"\\]*)"                           # 3  double quoted, nothing escaped
    | '([^\x00-\x1f\x7f']*)'                             # 4  single quoted, nothing escaped
    | \[[ ]*((?:{_ITEM}(?:[ ]*,[ ]*{_ITEM})*)?)[ ]*\]    # 5  flow list of words
    )[ ]*(?:(?<=[ ])\#[^\x00-\x08\x0a-\x1f\x7f]*)?
    """,
    re.VERBOSE,
).fullmatch
_KEYLESS: Final = re.compile(
    rf"""
    ([ ]*)-[ ]+({_ITEM})                                 # 1  indentation and 2  word of a block list
    | \#[^\x00-\x08\x0a-\x1f\x7f]*
    """,
    re.VERBOSE,
).fullmatch
_A_KEY: Final = re.compile(_KEY_TEXT).fullmatch
_WORDS: Final = re.compile(_ITEM).finditer
_WORD: Final = re.compile(_ITEM).findall
_PLAIN, _INTEGER, _FLOW = 1, 2, 5
_LETTERS: Final = frozenset(ascii_letters)
_NOT_TEXT: Final = frozenset(WORDS)
_LONG: Final = 200
"""Maximum characters of a cached line."""
_MANY: Final = 4096
"""Maximum number of cached lines; the cache is then cleared."""

_OPENS_LIST: Final = object()
_OUTSIDE: Final = object()
_NOTHING: Final = ("", None)
_REFUSED: Final = ("", _OUTSIDE)

_Entry = tuple[str, Any]
"""A key and its value; a list item has no key, but its indentation and value."""


def load(text: str) -> dict[str, Any] | None:
    """Return the data of a flat document with lists as tuples, or ``None`` if it needs a YAML parser."""
    # What prints is text to YAML too; of the rest, some characters break lines and some are forbidden.
    if not text.isascii() and not text.replace("\n", "").isprintable():
        return None
    lines = text.removeprefix("---\n").split("\n")
    data: dict[str, Any] = {}
    without_key = 0
    items: list[str] | None = None
    indentation = None
    lists: list[str] = []
    for key, value in map(_entry_of, lines):
        if key:
            if value is _OPENS_LIST:
                value = items = []
                indentation = None
                lists.append(key)
            else:
                items = None
            data[key] = value
            continue
        without_key += 1
        if value is None:
            continue
        if items is None or value is _OUTSIDE or indentation not in (None, value[0]):
            return None
        indentation, word = value
        items.append(word)
    if len(data) + without_key != len(lines):
        return None  # a key is repeated
    for key in lists:
        if not data[key]:
            return None
        data[key] = tuple(data[key])
    return data or None


@final
class _Remembered(dict[str, _Entry]):
    """Cache of parsed lines; missing lines are parsed on access."""

    def __missing__(self, line: str) -> _Entry:
        entry = _read(line) or _REFUSED
        if len(line) <= _LONG:
            if len(self) >= _MANY:
                self.clear()
            self[line] = entry
        return entry


_entry_of: Final = _Remembered().__getitem__


def _read(line: str) -> _Entry | None:
    key, _, value = line.partition(": ")
    if value and _is_key(key):
        # A name or a sentence, as most values that are new in a file are; ``_VALUE`` takes these and more.
        if value.isidentifier() or (
            value[0] in _LETTERS
            and "#" not in value
            and ":" not in value
            and value.isprintable()
            and value[-1] != " "
        ):
            return None if value in _NOT_TEXT else (key, value)
        return _stated(key, value)
    if line[-1:] == ":" and _is_key(line[:-1]):
        return line[:-1], _OPENS_LIST
    if not line:
        return _NOTHING
    match = _KEYLESS(line)
    if match is None:
        return None
    indentation, word = match.groups()
    if word is None:
        return _NOTHING  # a comment
    return None if word in _NOT_TEXT else ("", (indentation, word))


def _stated(key: str, value: str) -> _Entry | None:
    match = _VALUE(value)
    if match is None:
        return None
    kind = match.lastindex or 0
    value = match[kind]
    if kind == _PLAIN:
        value = value.rstrip(" ")
        return None if value in _NOT_TEXT else (key, value)
    if kind == _INTEGER:
        return key, int(value)
    if kind == _FLOW:
        words = tuple(_WORD(value))
        return (key, words) if _NOT_TEXT.isdisjoint(words) else None
    return key, value


@lru_cache(maxsize=256)
def _is_key(key: str) -> bool:
    return key not in _NOT_TEXT and _A_KEY(key) is not None


def locate(text: str) -> TextMap | None:
    """Return the positions of all keys and values of a flat document, or ``None`` for another text."""
    if load(text) is None:
        return None
    keys: dict[Pointer, Stretch] = {}
    values: dict[Pointer, Stretch] = {}
    at = 4 if text.startswith("---\n") else 0
    opened, items = "", 0
    for line in text[at:].split("\n"):
        key, value = _entry_of(line)
        if key:
            keys[key,] = (at, at + len(key))
            opened, items = key, 0
            if value is not _OPENS_LIST:
                values.update(_stretches(key, line, at))
        elif value is not None:
            indentation, word = value
            start = at + line.index(word, len(indentation) + 1)
            values[opened, items] = (start, start + len(word))
            values[opened,] = (values.get((opened,), (at + len(indentation),))[0], start + len(word))
            items += 1
        at += len(line) + 1
    values[()] = (keys[next(iter(keys))][0], max(end for _, end in values.values()))
    return TextMap(keys, values)


def _stretches(key: str, line: str, at: int) -> Iterator[tuple[Pointer, Stretch]]:
    """Yield the positions of the value in a line, and of its items."""
    match = _VALUE(line, len(key) + 2)
    if match is None:  # a word that begins with another letter
        yield (key,), (at + len(key) + 2, at + len(line))
        return
    kind = match.lastindex or 0
    start, end = match.span(kind)
    if kind == _PLAIN:
        end = start + len(match[kind].rstrip(" "))
    elif kind == _FLOW:
        for place, word in enumerate(_WORDS(line, start, end)):
            yield (key, place), (at + word.start(), at + word.end())
        start, end = line.rindex("[", 0, start + 1), line.index("]", end)
        end += 1
    elif kind != _INTEGER:  # quoted
        start, end = start - 1, end + 1
    yield (key,), (at + start, at + end)
