"""Python files that are looked into, each parsed once."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, final

from stepwell.source.diagnostic import Span
from stepwell.source.document import span_of
from stepwell.source.python.index import read_source
from stepwell.source.python.outline import Failure, parse, warnings_kept_in

__all__ = ["Nodes", "Parsed", "Reader", "every_node"]

Nodes = Mapping[type[ast.AST], Sequence[Any]]
"""The nodes of a tree by what they are; those of one kind from the outermost to the innermost."""

_HOLD_NO_NODE: Final = frozenset(
    {
        *("ctx", "op", "ops", "id", "attr", "arg", "asname", "module", "kind", "type_comment", "level"),
        *("is_async", "simple", "conversion"),
    }
)
_fields: dict[type[ast.AST], tuple[str, ...]] = {ast.Constant: ()}  # filled as kinds of nodes are met


def every_node(tree: ast.AST) -> list[ast.AST]:
    """Every statement, expression and part of one in a tree, in the order of ``ast.walk``.

    Operators and contexts are left out: nobody asks for them, and they are a third of all nodes.

    Args:
        tree: where to begin.
    """
    found = [tree]
    for node in found:  # it grows while it is gone through
        kind = type(node)
        fields = _fields.get(kind)
        if fields is None:
            fields = _fields[kind] = tuple(one for one in kind._fields if one not in _HOLD_NO_NODE)
        for name in fields:
            value = getattr(node, name, None)
            if type(value) is list:
                if value:
                    found += [one for one in value if isinstance(one, ast.AST)]
            elif isinstance(value, ast.AST):
                found.append(value)
    return found


def _by_kind(nodes: Iterable[ast.AST]) -> Nodes:
    found: dict[type[ast.AST], list[ast.AST]] = {}
    for node in nodes:
        kind = type(node)
        if kind in found:
            found[kind].append(node)
        else:
            found[kind] = [node]
    return found


@final
class Parsed:
    """One file as its syntax tree.

    Args:
        path: relative to the project.
        content: its bytes.
        tree: what they say.
    """

    __slots__ = ("_content", "_every", "_lines", "_nodes", "path", "tree")

    def __init__(self, path: str, content: bytes, tree: ast.Module) -> None:
        self.path = path
        self.tree = tree
        self._every: list[ast.AST] | None = None
        self._nodes: Nodes | None = None
        self._content = content
        self._lines: list[bytes] | None = None

    @property
    def every(self) -> list[ast.AST]:
        """All nodes of the file, from the outermost to the innermost."""
        if self._every is None:
            self._every = every_node(self.tree)
        return self._every

    @property
    def nodes(self) -> Nodes:
        """All nodes of the file, by kind."""
        if self._nodes is None:
            self._nodes = _by_kind(self.every)
        return self._nodes

    def span(self, node: ast.expr | ast.stmt) -> Span:
        """Where an expression stands: its first line, from its first character to its last on that line."""
        end = node.end_col_offset if node.end_lineno == node.lineno else None
        return self._stretch(node.lineno, node.col_offset, end)

    def name_span(self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Span:
        """The name in the statement that defines it."""
        line = self._line(node.lineno)
        start = line.find(node.name.encode(), node.col_offset)
        start = node.col_offset if start < 0 else start
        return self._stretch(node.lineno, start, start + len(node.name.encode()))

    def _stretch(self, number: int, start: int, end: int | None) -> Span:
        line = self._line(number)
        text = line.decode("utf-8", "replace")
        first = len(line[:start].decode("utf-8", "replace"))
        last = len(text) if end is None else len(line[:end].decode("utf-8", "replace"))
        one_line = span_of(self.path, text, (first, last))
        return Span(self.path, number, one_line.column, number, one_line.end_column, one_line.text)

    def _line(self, number: int) -> bytes:
        if self._lines is None:
            plain = self._content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            self._lines = plain.split(b"\n")
        return self._lines[number - 1] if number <= len(self._lines) else b""


@final
class Reader:
    """Reads the files of a project, each once.

    Args:
        root: the project's folder.
    """

    __slots__ = ("_known", "root")

    def __init__(self, root: str) -> None:
        self.root = root
        self._known: dict[str, Parsed | Failure] = {}

    def parsed(self, path: str) -> Parsed | Failure:
        """One file, or why it cannot be looked into.

        Args:
            path: relative to the project.
        """
        found = self._known.get(path)
        if found is None:
            found = self._read(path)
            self._known[path] = found
        return found

    def _read(self, path: str) -> Parsed | Failure:
        content, _ = read_source(self.root, path)
        if isinstance(content, Failure):
            return content
        with warnings_kept_in():
            tree = parse(content)
        return tree if isinstance(tree, Failure) else Parsed(path, content, tree)
