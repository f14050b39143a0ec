"""Positions of keys and values in TOML (TOML 1.0.0 and TOML 1.1).

The scanner follows tomli from left to right and stops at the first error. It does not validate scalars, but
ends them at the same position; a property test compares both.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, final

import tomli

from stepwell.source.document import Pointer, Stretch

__all__ = ["MAX_DEPTH", "TomlSpans"]

MAX_DEPTH: Final = 64
"""Maximum nesting of tables and arrays, including the document."""

_BLANKS: Final = re.compile(r"[ \t]*").match
_FILLING: Final = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*").match
_LINE_END: Final = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\r?\n|\Z)").match
_QUOTED: Final = r"\"[^\"\\\n]*(?:\\.[^\"\\\n]*)*\" | '[^'\n]*'"
_KEY_PART: Final = re.compile(rf"[A-Za-z0-9_-]+ | {_QUOTED}", re.VERBOSE).match
_SCALAR: Final = re.compile(
    rf"""
      \"\"\" [^\"\\]* (?: (?: \\[\s\S] | \"{{1,2}}(?!\") ) [^\"\\]* )* \"{{3,5}}
    | ''' [\s\S]*? '{{3,5}}
    | (?!\"\"\"|''') (?:{_QUOTED})
    | [0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[ ][0-9]{{2}}:[0-9:.Zz+-]+
    | [A-Za-z0-9_+.:-]+
    """,
    re.VERBOSE,
).match

_Match = Callable[[str, int], "re.Match[str] | None"]
_Part = tuple[str, Stretch]


@final
class _StopError(Exception):
    """Stops the scanner at the first error."""


@final
class _TomlTable:
    """State of a table that decides whether later lines may extend it.

    Args:
        sealed: the section that defined it, whose dotted keys may extend it; ``None`` while it is only a
            parent of other tables.
    """

    __slots__ = ("entries", "pointer", "sealed")

    def __init__(self, pointer: Pointer, sealed: int | None) -> None:
        self.pointer = pointer
        self.sealed = sealed
        self.entries: dict[str, _TomlTable | list[_TomlTable] | None] = {}  # None: a value, closed for good


@final
class TomlSpans:
    """Single pass over a text; never raises.

    Args:
        text: without a byte order mark; lines end with LF or CRLF.

    Attributes:
        keys: pointer to the stretch of the key's last part. A table's own header takes precedence over
            headers of its subtables.
        values: pointer to the stretch of the value. For a table with a header, the header in its brackets;
            for a table created by a dotted key, the text after the dot.
        repeated: the first duplicate key: its name, its first and its second stretch.
        too_deep: the first item below ``MAX_DEPTH``.
        stopped: position of the first error.
        unclosed: the innermost open bracket or brace at that position.
    """

    def __init__(self, text: str) -> None:
        self.keys: dict[Pointer, Stretch] = {}
        self.values: dict[Pointer, Stretch] = {(): (0, len(text))}
        self.repeated: tuple[str, Stretch, Stretch] | None = None
        self.too_deep: Stretch | None = None
        self.stopped: int | None = None
        self.unclosed: int | None = None
        self._text = text
        self._at = 0
        self._section = 0
        self._open: list[int] = []
        try:
            self._document()
        except _StopError:
            self.stopped = self._at
            self.unclosed = self._open[-1] if self._open else None

    def _document(self) -> None:
        root = table = _TomlTable((), self._section)
        self._skip(_FILLING)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header(root)
            else:
                self._key_value(table)
            end = _LINE_END(self._text, self._at)
            if end is None:
                self._skip(_BLANKS)
                raise _StopError
            self._at = end.end()
            self._skip(_FILLING)

    def _header(self, root: _TomlTable) -> _TomlTable:
        self._section += 1
        start = self._at
        mark = "[[" if self._text.startswith("[[", start) else "["
        self._at += len(mark)
        parts = self._key()
        if not self._text.startswith("]" * len(mark), self._at):
            raise _StopError
        self._at += len(mark)
        bracket = (start, self._at)
        table = root
        for part in parts[:-1]:
            table = self._through(table, part, bracket)
        open_table = self._item if mark == "[[" else self._opened
        return open_table(table, parts[-1], bracket)

    def _through(self, table: _TomlTable, part: _Part, bracket: Stretch) -> _TomlTable:
        """Return a parent table in a header."""
        entry = table.entries.get(part[0])
        if isinstance(entry, _TomlTable):
            return entry
        if entry:
            return entry[-1]
        return self._new(table, part, bracket, None)

    def _opened(self, table: _TomlTable, part: _Part, bracket: Stretch) -> _TomlTable:
        entry = table.entries.get(part[0])
        if not isinstance(entry, _TomlTable) or entry.sealed is not None:
            return self._new(table, part, bracket, self._section)
        entry.sealed = self._section
        self.keys[entry.pointer] = part[1]
        self.values[entry.pointer] = bracket
        return entry

    def _item(self, table: _TomlTable, part: _Part, bracket: Stretch) -> _TomlTable:
        name, stretch = part
        pointer = (*table.pointer, name)
        items = table.entries.get(name)
        if not isinstance(items, list):
            self._write(table, part)
            self._go_below(pointer, stretch)
            self.values.setdefault(pointer, bracket)
            items = table.entries[name] = []
        inner = (*pointer, len(items))
        self._go_below(inner, stretch)
        self.values.setdefault(inner, bracket)
        items.append(_TomlTable(inner, self._section))
        return items[-1]

    def _key_value(self, table: _TomlTable) -> None:
        parts = self._key()
        if not self._text.startswith("=", self._at):
            raise _StopError
        self._at += 1
        self._skip(_BLANKS)
        dotted: list[Pointer] = []
        for part in parts[:-1]:
            entry = table.entries.get(part[0])
            if isinstance(entry, _TomlTable) and entry.sealed in (None, self._section):
                entry.sealed = self._section
                table = entry
            else:
                table = self._new(table, part, part[1], self._section)
                dotted.append(table.pointer)
        self._write(table, parts[-1])
        table.entries[parts[-1][0]] = None
        self._value((*table.pointer, parts[-1][0]))
        for pointer, (_, (start, _)) in zip(reversed(dotted), reversed(parts), strict=False):
            self.values[pointer] = (start, self._at)

    def _new(self, table: _TomlTable, part: _Part, place: Stretch, sealed: int | None) -> _TomlTable:
        name, stretch = part
        made = _TomlTable((*table.pointer, name), sealed)
        self._write(table, part)
        self._go_below(made.pointer, stretch)
        self.values.setdefault(made.pointer, place)
        table.entries[name] = made
        return made

    def _write(self, table: _TomlTable, part: _Part) -> None:
        name, stretch = part
        first = self.keys.setdefault((*table.pointer, name), stretch)
        if name in table.entries and self.repeated is None:
            self.repeated = (name, first, stretch)

    def _value(self, pointer: Pointer) -> None:
        start = self._at
        opening = self._text[start : start + 1]
        if opening == "[" or opening == "{":
            self._go_below(pointer, (start, start + 1))
            self._at += 1
            self._open.append(start)
            self._members(pointer, "]" if opening == "[" else "}")
            self._open.pop()
        else:
            token = _SCALAR(self._text, start)
            if token is None:
                raise _StopError
            self._at = token.end()
        self.values.setdefault(pointer, (start, self._at))

    def _members(self, pointer: Pointer, closing: str) -> None:
        table = _TomlTable(pointer, self._section)
        index = 0
        self._skip(_FILLING)
        while not self._text.startswith(closing, self._at):
            if closing == "]":
                self._value((*pointer, index))
                index += 1
            else:
                self._key_value(table)
            self._skip(_FILLING)
            if self._text.startswith(",", self._at):
                self._at += 1
                self._skip(_FILLING)
            elif not self._text.startswith(closing, self._at):
                raise _StopError
        self._at += 1

    def _key(self) -> list[_Part]:
        parts = []
        while True:
            self._skip(_BLANKS)
            part = _KEY_PART(self._text, self._at)
            if part is None:
                raise _StopError
            parts.append((_name(part[0]), part.span()))
            if len(parts) > MAX_DEPTH:  # every part but the last is a table
                self.too_deep = parts[-2][1]
                raise _StopError
            self._at = part.end()
            self._skip(_BLANKS)
            if not self._text.startswith(".", self._at):
                return parts
            self._at += 1

    def _skip(self, match: _Match) -> None:
        skipped = match(self._text, self._at)
        if skipped is not None:
            self._at = skipped.end()

    def _go_below(self, pointer: Pointer, stretch: Stretch) -> None:
        if len(pointer) >= MAX_DEPTH:
            self.too_deep = stretch
            raise _StopError


def _name(written: str) -> str:
    if written[0] not in "\"'":
        return written
    if "\\" not in written:
        return written[1:-1]
    try:
        return next(iter(tomli.loads(f"{written} = 0")))
    except tomli.TOMLDecodeError:
        raise _StopError from None
