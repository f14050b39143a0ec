"""Finds the key or value at a position of a text, which may be incomplete."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, final

from stepwell.source.document import Document, Pointer

__all__ = ["Cursor", "cursor_in", "line_texts", "pointer_at"]

_LINE_BREAK: Final = re.compile(r"\r\n|\n|\r")
_YAML_KEY: Final = re.compile(r"""(?P<key>[A-Za-z_$][\w.$-]*|"[^"]*"|'[^']*')\s*:(?:\s|$)""")
_DASH: Final = re.compile(r"(?:-(?:\s+|$))+")
_TOML_HEADER: Final = re.compile(r"^\s*\[\[?\s*(?P<name>[^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_TOML_KEY: Final = re.compile(r"""^\s*(?P<key>[\w."'-]+)\s*=\s*""")
_ITEM: Final = 0
"""Index of any list item in a pointer."""


@final
class Cursor(NamedTuple):
    """What is typed at a position.

    Args:
        parent: the mapping or list; list items have the index 0.
        key: the key whose value is typed; ``None`` while a key is typed.
        prefix: the text before the position that belongs to the key or value.
        siblings: keys that the mapping already has.
    """

    parent: Pointer
    key: str | None
    prefix: str
    siblings: frozenset[str] = frozenset()

    @property
    def pointer(self) -> Pointer:
        """Position of the typed value."""
        return self.parent if self.key is None else (*self.parent, self.key)


def line_texts(text: str) -> list[str]:
    """Return the lines of a text without their ends."""
    return _LINE_BREAK.split(text)


def cursor_in(path: str, text: str, line: int, column: int) -> Cursor | None:
    """Return what is typed at a position, or ``None`` in a comment.

    Args:
        line: from 0.
        column: in characters, from 0.
    """
    lines = line_texts(text)
    if line >= len(lines):
        return None
    before = lines[line][:column]
    if re.search(r"(?:^|\s)#", before) and not re.search(r"""["'][^"']*#""", before):
        return None
    return _in_toml(lines, line, before) if path.endswith(".toml") else _in_yaml(lines, line, before)


def pointer_at(document: Document, offset: int) -> tuple[Pointer, bool] | None:
    """Return the innermost key or value that contains an offset, and whether it is a key."""
    places = document.locate(document.text)
    containing = [
        (end - start, pointer, is_key)
        for table, is_key in ((places.keys, True), (places.values, False))
        for pointer, (start, end) in table.items()
        if start <= offset <= end and pointer
    ]
    if not containing:
        return None
    _, pointer, is_key = min(containing, key=lambda item: item[0])
    return pointer, is_key


class _YamlMark(NamedTuple):
    """Key or dash of a YAML block, with its column."""

    column: int
    step: str | int


def _blocks(line: str) -> list[_YamlMark]:
    """Return the dashes and the key at the beginning of a YAML line."""
    content = line.lstrip(" ")
    column = len(line) - len(content)
    blocks: list[_YamlMark] = []
    dash = _DASH.match(content)
    if dash is not None:
        blocks.append(_YamlMark(column, _ITEM))
        column += dash.end()
        content = content[dash.end() :]
    key = _YAML_KEY.match(content)
    if key is not None:
        blocks.append(_YamlMark(column, key["key"].strip("\"'")))
    return blocks


def _holds_item(block: _YamlMark, limit: int, parent: list[str | int]) -> bool:
    """Return whether a key holds the list whose dashes are at its own column."""
    return block.column == limit and block.step != _ITEM and parent[:1] == [_ITEM]


def _in_yaml(lines: list[str], line: int, before: str) -> Cursor:
    content = before.lstrip(" ")
    dash = _DASH.match(content)
    column = len(before) - len(content) + (dash.end() if dash else 0)
    rest = content[dash.end() :] if dash else content
    limit = len(before) - len(content) if dash else column
    parent: list[str | int] = [_ITEM] if dash else []
    own: set[str] = set()
    for other in (*lines[line + 1 :],):
        blocks = _blocks(other)
        if not blocks or blocks[0].column < column:
            if other.strip() and not other.lstrip().startswith("#"):
                break
            continue
        own.update(str(block.step) for block in blocks if block.column == column and block.step != _ITEM)
    is_open = True
    for other in reversed(lines[:line]):
        if not other.strip() or other.lstrip().startswith("#"):
            continue
        for block in reversed(_blocks(other)):
            if block.column == column and block.step != _ITEM and is_open and not dash:
                own.add(str(block.step))
            elif block.column < limit or _holds_item(block, limit, parent):
                parent.insert(0, block.step)
                limit, is_open, dash = block.column, False, None
    flow = _in_flow(rest, tuple(parent))
    if flow is not None:
        return flow
    key = _YAML_KEY.match(rest)
    if key is None:
        return Cursor(tuple(parent), None, rest, frozenset(own))
    value = rest[key.end() :]
    inner = _in_flow(value, (*parent, key["key"].strip("\"'")))
    return inner or Cursor(tuple(parent), key["key"].strip("\"'"), value.lstrip(" \"'"), frozenset(own))


def _in_flow(text: str, parent: Pointer) -> Cursor | None:
    """Return the position in a flow collection that is open at the end of a text."""
    if text[:1] not in ("[", "{"):
        return None
    stack: list[tuple[str, Pointer, set[str]]] = []
    at, here = parent, ""
    key: str | None = None
    for char in text:
        if char in "[{":
            inner = at if key is None else (*at, key)
            inner = (*inner, _ITEM) if char == "[" else inner
            stack.append((char, at, set()))
            at, here, key = inner, "", None
        elif char in "]}" and stack:
            _, at, _ = stack.pop()
            here, key = "", None
        elif char == "," and stack:
            here, key = "", None
        elif char == ":" and stack and stack[-1][0] == "{" and key is None:
            key, here = here.strip(" \"'"), ""
            stack[-1][2].add(key)
        else:
            here += char
    if not stack:
        return None
    return Cursor(at, key, here.lstrip(" \"'"), frozenset(stack[-1][2]))


def _in_toml(lines: list[str], line: int, before: str) -> Cursor:
    parent: tuple[str | int, ...] = ()
    own: set[str] = set()
    for number in range(line - 1, -1, -1):
        header = _TOML_HEADER.match(lines[number])
        if header is not None:
            parent = tuple(step.strip(" \"'") for step in header["name"].split("."))
            if lines[number].lstrip().startswith("[["):
                parent = (*parent, _ITEM)
            break
        key = _TOML_KEY.match(lines[number])
        if key is not None:
            own.add(key["key"].strip("\"'"))
    for other in lines[line + 1 :]:
        if _TOML_HEADER.match(other):
            break
        key = _TOML_KEY.match(other)
        if key is not None:
            own.add(key["key"].strip("\"'"))
    key = _TOML_KEY.match(before)
    if key is None:
        return Cursor(parent, None, before.lstrip(), frozenset(own))
    steps = [step.strip("\"'") for step in key["key"].split(".")]
    value = before[key.end() :]
    inner = _in_flow(value.replace("=", ":"), (*parent, *steps))
    return inner or Cursor((*parent, *steps[:-1]), steps[-1], value.lstrip(" \"'"), frozenset(own))
