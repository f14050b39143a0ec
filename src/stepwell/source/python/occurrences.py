"""Occurrences of names in a Python file: identifiers, strings and attributes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, final

from stepwell.source.python.outline import ParseFailure
from stepwell.source.python.outliner import parse

__all__ = ["Mention", "Words", "mentions_in", "places_in", "with_renamed_strings"]

_BLANK: Final = re.compile(r"\s")
_JOB_TYPE: Final = r"(?:_[A-Z][A-Za-z0-9_]*)?"


@final
class Mention(NamedTuple):
    """One occurrence of a name.

    Args:
        what: ``class``, ``function``, ``import``, ``name``, ``attribute``, ``argument`` or ``string``;
            ``text`` in a file that cannot be parsed.
        line: from 1.
        column: in characters from 1.
    """

    what: str
    name: str
    line: int
    column: int


@final
class Words:
    """Names to search for.

    Args:
        names: the names; each also matches with a job type, e.g. ``Scoring_Training``.
    """

    __slots__ = ("_bytes", "_in_text", "_names", "_with_job_type")

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        either = "|".join(
            re.escape(name) for name in sorted(self._names, key=lambda name: (-len(name), name))
        )
        pattern = rf"(?<![A-Za-z0-9_])(?:{either}){_JOB_TYPE}(?![A-Za-z0-9_])"
        self._bytes = re.compile(pattern.encode("ascii", "backslashreplace"))
        self._in_text = re.compile(pattern)
        self._with_job_type = re.compile(rf"(?:{either}){_JOB_TYPE}")

    def count(self, content: bytes) -> int:
        """Return the number of occurrences in a file."""
        return sum(1 for _ in self._bytes.finditer(content))

    def places(self, content: bytes) -> Iterator[tuple[int, str]]:
        """Yield the byte offset and the name of each occurrence in a file."""
        for match in self._bytes.finditer(content):
            yield match.start(), match[0].decode("ascii", "replace")

    def holds(self, content: bytes) -> bool:
        """Return whether a file contains one of the names."""
        return self._bytes.search(content) is not None

    def means(self, name: str) -> bool:
        """Return whether a name is one of them."""
        return name in self._names

    def occur_in(self, text: str) -> bool:
        """Return whether a text without blanks refers to one of them, as ``Scoring_Training:scores``."""
        return not _BLANK.search(text) and self._in_text.search(text) is not None

    def with_job_type(self, name: str) -> bool:
        """Return whether a name is one of them, optionally with a job type."""
        return self._with_job_type.fullmatch(name) is not None


def places_in(content: bytes, words: Words) -> Iterator[Mention]:
    """Yield all occurrences of some names in a file of text, in order."""
    lines = content.splitlines()
    for number, line in enumerate(lines, start=1):
        for at, name in words.places(line):
            yield Mention("text", name, number, len(line[:at].decode("utf-8", "replace")) + 1)


def mentions_in(content: bytes, words: Words) -> tuple[Mention, ...]:
    """Yield all occurrences of some names in a file, in order."""
    tree = parse(content)
    if isinstance(tree, ParseFailure):
        return tuple(places_in(content, words))
    lines = content.removeprefix(b"\xef\xbb\xbf").splitlines()
    mentions = {mention for node in ast.walk(tree) for mention in _of_node(node, words, lines)}
    return tuple(sorted(mentions, key=lambda mention: (mention.line, mention.column, mention.what)))


def _of_node(node: ast.AST, words: Words, lines: list[bytes]) -> Iterator[Mention]:
    if isinstance(node, ast.Name):
        if words.means(node.id):
            yield _mention("name", node.id, node.lineno, node.col_offset, lines)
    elif isinstance(node, ast.Attribute):
        if words.with_job_type(node.attr):
            line, end = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
            yield _mention("attribute", node.attr, line, end - len(node.attr.encode()), lines)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, str) and words.occur_in(node.value):
            yield _mention("string", node.value, node.lineno, node.col_offset, lines)
    elif isinstance(node, ast.alias):
        last = node.name.rpartition(".")[2]
        if words.means(last):
            yield _mention("import", last, node.lineno, node.col_offset, lines)
        elif node.asname is not None and words.means(node.asname):
            yield _mention("import", node.asname, node.lineno, node.col_offset, lines)
    elif isinstance(node, ast.ImportFrom):
        last = (node.module or "").rpartition(".")[2]
        if words.means(last):
            yield _mention("import", last, node.lineno, node.col_offset, lines)
    elif isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        if words.means(node.name):
            what = "class" if isinstance(node, ast.ClassDef) else "function"
            at = _line(lines, node.lineno).find(node.name.encode(), node.col_offset)
            yield _mention(what, node.name, node.lineno, max(at, node.col_offset), lines)
    elif isinstance(node, (ast.keyword, ast.arg)) and node.arg is not None and words.means(node.arg):
        yield _mention("argument", node.arg, node.lineno, node.col_offset, lines)


def with_renamed_strings(content: bytes, name: str, new: str) -> bytes:
    """Return a source in which the strings that equal a name, optionally with a job type, use another one.

    Strings that contain escapes or span lines are kept, as is a file that cannot be parsed.
    """
    words = Words((name,))
    tree = parse(content)
    if isinstance(tree, ParseFailure) or not words.holds(content):
        return content
    lines = content.splitlines(keepends=True)
    mark = len(content) - len(content.removeprefix(b"\xef\xbb\xbf"))
    places: list[tuple[int, int, int]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and words.occur_in(node.value):
            end = node.end_col_offset or 0
            offset = mark if node.lineno == 1 else 0
            literal = lines[node.lineno - 1][node.col_offset + offset : end + offset]
            if node.end_lineno == node.lineno and literal.strip(b"'\"rRuU") == node.value.encode():
                places.append((node.lineno - 1, node.col_offset + offset, end + offset))
    for line, start, end in sorted(set(places), reverse=True):
        renamed = lines[line][start:end].replace(name.encode(), new.encode(), 1)
        lines[line] = lines[line][:start] + renamed + lines[line][end:]
    return b"".join(lines)


def _mention(what: str, name: str, line: int, offset: int, lines: list[bytes]) -> Mention:
    """Return an occurrence whose column the parser counts in bytes."""
    return Mention(what, name, line, len(_line(lines, line)[:offset].decode("utf-8", "replace")) + 1)


def _line(lines: list[bytes], line: int) -> bytes:
    return lines[line - 1] if line <= len(lines) else b""
