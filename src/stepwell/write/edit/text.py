"""Changes of a file, and its text by lines with the position of every value and comment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, final

from stepwell.source.document import Document, Pointer, Stretch

__all__ = ["Change", "Remove", "Rename", "Set", "Text", "comments_in"]

_LINE_END: Final = re.compile(r"\r\n|\n|\r|\Z")
_HEADER: Final = re.compile(r"(?:[&!]\S*[ \t]+)*[|>][-+0-9]*[ \t]+(#[^\r\n]*)")


@final
class Set(NamedTuple):
    """Set a value. Missing parents are created; an index equal to the length of a list appends.

    Args:
        is_new: whether a list item is inserted instead of replaced.
    """

    pointer: Pointer
    value: Any
    is_new: bool = False


@final
class Remove(NamedTuple):
    """Remove a key or a list item."""

    pointer: Pointer


@final
class Rename(NamedTuple):
    """Rename a key, which keeps its position."""

    pointer: Pointer
    name: str


Change = Set | Remove | Rename


@final
class Text(NamedTuple):
    """A text with the positions of its keys and values."""

    text: str
    keys: Mapping[Pointer, Stretch]
    values: Mapping[Pointer, Stretch]
    data: Mapping[str, Any]

    @property
    def newline(self) -> str:
        """The line break of the file; LF for a file of one line."""
        match = _LINE_END.search(self.text)
        return (match.group() if match else "") or "\n"

    def line_start(self, offset: int) -> int:
        """Return the start of the line that contains an offset."""
        return max(self.text.rfind("\n", 0, offset), self.text.rfind("\r", 0, offset)) + 1

    def line_end(self, offset: int) -> int:
        """Return the end of the line that contains an offset, before its line break."""
        match = _LINE_END.search(self.text, offset)
        return match.start() if match else len(self.text)

    def next_line(self, offset: int) -> int:
        """Return the start of the next line, or the end of the text."""
        match = _LINE_END.search(self.text, offset)
        return match.end() if match else len(self.text)

    def indentation(self, offset: int) -> str:
        """Return blanks as wide as the text before an offset in its line."""
        return " " * (offset - self.line_start(offset))

    def line_of_item(self, start: int, end: int) -> Stretch | None:
        """Return the line of an item in brackets; ``None`` if other items are in it."""
        first, stop = self.line_start(start), self.next_line(end)
        rest = self.text[end:stop].strip().removeprefix(",").strip()
        alone = not self.text[first:start].strip() and (not rest or rest.startswith("#"))
        return (first, stop) if alone else None

    def replaced(self, start: int, end: int, text: str) -> str:
        """Return the text with a stretch replaced."""
        return self.text[:start] + text + self.text[end:]

    def with_lines(self, offset: int, lines: str) -> str:
        """Return the text with lines inserted at a line start; the end of the file keeps its form."""
        before, after = self.text[:offset], self.text[offset:]
        if before and not before.endswith(("\n", "\r")):  # after a last line without line break
            return before + self.newline + lines
        return before + lines + (self.newline if after or not before else self._last_break()) + after

    def _last_break(self) -> str:
        return self.newline if self.text.endswith(("\n", "\r")) else ""

    def without_lines(self, start: int, end: int, instead: str = "") -> str:
        """Return the text without whole lines, or with other lines; the end of the file keeps its form."""
        before, after = self.text[:start], self.text[end:]
        if instead:
            ends = self.text[:end].endswith(("\n", "\r"))
            return before + instead + (self.newline if ends else "") + after
        if not after and not self.text.endswith(("\n", "\r")):
            before = before.removesuffix("\n").removesuffix("\r")
        return before + after

    def comments(self, document: Document, start: int, end: int) -> list[str]:
        """Return the comments in a stretch."""
        return [self.text[at:stop] for at, stop in _comment_stretches(document) if start <= at < end]


def comments_in(document: Document) -> list[str]:
    """Return all comments of a document in text order, without trailing blanks."""
    return [document.text[start:end] for start, end in _comment_stretches(document)]


def _comment_stretches(document: Document) -> list[Stretch]:
    text = document.text
    if "#" not in text:
        return []
    stretches = list(_outside(document, needs_blank=not document.path.endswith(".toml")))
    if not document.path.endswith(".toml"):
        for start, end in document.locate(text).values.values():
            header = _HEADER.match(text, start, end)
            if header is not None:
                stop = header.start(1) + len(header[1].rstrip())
                stretches.append((header.start(1), stop))
    return sorted(stretches)


def _outside(document: Document, *, needs_blank: bool) -> Iterator[Stretch]:
    """Yield comments outside keys and scalars."""
    text = document.text
    offset = text.find("#")
    while offset >= 0:
        is_comment = not needs_blank or offset == 0 or text[offset - 1] in " \t\r\n"
        end = offset + 1
        if is_comment and not document.holds(offset):
            match = _LINE_END.search(text, offset)
            end = match.start() if match else len(text)
            yield offset, offset + len(text[offset:end].rstrip())
        offset = text.find("#", end)
