"""The flat part of YAML: one ``key: value`` a line, which is how nearly every definition is written.

libyaml makes three objects for each event, whoever asks; for a definition of 18 lines that alone
costs more than everything else Stepwell does with it. A document inside the small grammar below
is read line by line instead, and since definitions share many of their lines, a line that was
seen before is not looked at again. Anything outside the grammar is left to libyaml, so this reader
never has to decide what is wrong (docs/decisions/0003-flat-reader.md). A property test holds both
readers equal.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from stepwell.documents.scalars import WORDS

__all__ = ["load"]

_RUN: Final = r"[^\x00-\x1f\x7f#:]"
_ITEM: Final = r"[A-Za-z_][A-Za-z0-9_.-]*"
_KEY_TEXT: Final = r"[A-Za-z_$][A-Za-z0-9_$-]{0,127}"
_LINE: Final = re.compile(
    rf"""
    ({_KEY_TEXT}):                                         # 1  key
    (?:
      [ ]+(?:
        ([A-Za-z_/]{_RUN}*(?::(?![ ]|\Z){_RUN}*)*)         # 2  plain text
      | (0|[1-9][0-9]{{0,14}})                             # 3  integer
      | "([^\x00-\x1f\x7f"\\]*)"                           # 4  double quoted, nothing escaped
      | '([^\x00-\x1f\x7f']*)'                                # 5  single quoted, nothing escaped
      | \[[ ]*((?:{_ITEM}(?:[ ]*,[ ]*{_ITEM})*)?)[ ]*\]    # 6  flow list of words
      )[ ]*(?:(?<=[ ])\#[^\x00-\x08\x0a-\x1f\x7f]*)?
    )?
    | ([ ]*)-[ ]+({_ITEM})                                 # 7  indentation and 8  word of a block list
    | \#[^\x00-\x08\x0a-\x1f\x7f]*
    """,
    re.VERBOSE,
).fullmatch
_A_KEY: Final = re.compile(_KEY_TEXT).fullmatch
_WORD: Final = re.compile(_ITEM).findall
_KEY, _PLAIN, _INTEGER, _FLOW, _INDENT, _LISTED = 1, 2, 3, 6, 7, 8
_NOT_TEXT: Final = frozenset(WORDS)
_LONG: Final = 200
"""Characters; longer lines are not remembered, so that what is remembered stays small."""

_OPENS_LIST: Final = object()
_NOTHING: Final = ("", None)

_Entry = tuple[str, Any]
"""A key and its value; for a list item no key, but its indentation and its word."""


def load(text: str) -> dict[str, Any] | None:
    """The data of a flat document, its lists as tuples, or ``None`` when it needs a YAML parser."""
    # What prints is text to YAML too; of the rest, some characters break lines and some are forbidden.
    if not text.isascii() and not text.replace("\n", "").isprintable():
        return None
    lines = text.removeprefix("---\n").split("\n")
    entries = [*map(_remembered if max(map(len, lines)) <= _LONG else _read, lines)]
    if None in entries:
        return None
    data: dict[str, Any] = dict(entries)  # type: ignore[arg-type]
    without_key = entries.count(_NOTHING)
    if without_key:
        del data[""]
    if len(data) + without_key == len(entries) and _OPENS_LIST not in data.values():
        return data or None
    return _with_lists(entries)  # type: ignore[arg-type]


def _with_lists(entries: list[_Entry]) -> dict[str, Any] | None:
    """The data of entries among which a key is repeated, or opens a block list."""
    data: dict[str, Any] = {}
    items: list[str] | None = None
    indentation = None
    lists: list[str] = []
    for key, value in entries:
        if key:
            if key in data:
                return None
            items = None
            if value is _OPENS_LIST:
                items = []
                indentation = None
                lists.append(key)
                data[key] = items
            else:
                data[key] = value
        elif value is not None:
            if items is None or indentation not in (None, value[0]):
                return None
            indentation = value[0]
            items.append(value[1])
    for key in lists:
        if not data[key]:
            return None
        data[key] = tuple(data[key])
    return data


def _read(line: str) -> _Entry | None:
    if not line:
        return _NOTHING
    key, _, value = line.partition(": ")
    if value.isidentifier() and _is_key(key):  # a name, as most values that are new in a file are
        return None if value in _NOT_TEXT else (key, value)
    found = _LINE(line)
    if found is None:
        return None
    kind = found.lastindex
    if kind is None:
        return _NOTHING  # a comment
    if kind == _LISTED:
        return None if found[_LISTED] in _NOT_TEXT else ("", (found[_INDENT], found[_LISTED]))
    key = found[_KEY]
    if key in _NOT_TEXT:
        return None
    if kind == _KEY:
        return key, _OPENS_LIST
    value = found[kind]
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


_remembered = lru_cache(maxsize=16384)(_read)
