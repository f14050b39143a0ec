"""Texts and paths of a Python file, as far as they can be told without running it."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, final

from stepwell.source.diagnostic import Span
from stepwell.source.document import span_of
from stepwell.source.python.index import read_source
from stepwell.source.python.outline import ParseFailure
from stepwell.source.python.outliner import parse, warnings_kept_in

__all__ = [
    "Known",
    "Names",
    "Nodes",
    "Parsed",
    "SourceReader",
    "constants_of",
    "every_node",
    "known",
]


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
class SourceReader:
    """Reads the files of a project, each once."""

    __slots__ = ("_known", "root")

    def __init__(self, root: str) -> None:
        self.root = root
        self._known: dict[str, Parsed | ParseFailure] = {}

    def parsed(self, path: str) -> Parsed | ParseFailure:
        """One file, or why it cannot be looked into.

        Args:
            path: relative to the project.
        """
        found = self._known.get(path)
        if found is None:
            found = self._read(path)
            self._known[path] = found
        return found

    def _read(self, path: str) -> Parsed | ParseFailure:
        content, _ = read_source(self.root, path)
        if isinstance(content, ParseFailure):
            return content
        with warnings_kept_in():
            tree = parse(content)
        return tree if isinstance(tree, ParseFailure) else Parsed(path, content, tree)


_MAX_DEPTH: Final = 40
_REBINDING: Final = (ast.AugAssign, ast.For, ast.AsyncFor, ast.comprehension)
_JOINING: Final = frozenset({"os.path.join", "posixpath.join"})
_WRAPPING: Final = frozenset(
    {"str", "os.fspath", "os.path.abspath", "os.path.normpath", "os.path.realpath", "os.path.expanduser"}
)
_PATHS: Final = frozenset({"pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "pathlib.PurePosixPath"})


@final
class Known(NamedTuple):
    """What is known of a text."""

    text: str
    whole: bool


@final
class Names:
    """What the names of a file stand for: imports, and assignments of one name to another."""

    __slots__ = ("_imported",)

    def __init__(self, nodes: Nodes) -> None:
        self._imported: dict[str, str] = {}
        for statement in nodes.get(ast.Import, ()):
            for one in statement.names:
                first = one.name.partition(".")[0]
                self._imported[one.asname or first] = one.name if one.asname else first
        for statement in nodes.get(ast.ImportFrom, ()):
            if statement.module and not statement.level:
                for one in statement.names:
                    self._imported[one.asname or one.name] = f"{statement.module}.{one.name}"

    @property
    def packages(self) -> frozenset[str]:
        """The first parts of what is imported."""
        return frozenset(one.partition(".")[0] for one in self._imported.values())

    def of(self, full: str) -> frozenset[str]:
        """The names that stand for a dotted one."""
        return frozenset(name for name, stands_for in self._imported.items() if stands_for == full)

    def alias(self, name: str, stands_for: str) -> None:
        """Let a name stand for what another does."""
        self._imported.setdefault(name, stands_for)

    def full(self, expression: ast.expr) -> str:
        """The dotted name of an expression with imports followed; empty for any other expression."""
        parts: list[str] = []
        while isinstance(expression, ast.Attribute):
            if len(parts) > _MAX_DEPTH:
                return ""
            parts.append(expression.attr)
            expression = expression.value
        if not isinstance(expression, ast.Name):
            return ""
        parts.append(self._imported.get(expression.id, expression.id))
        return ".".join(reversed(parts))


def constants_of(nodes: Nodes) -> Mapping[str, ast.expr]:
    """The names that are assigned once in a file, with what they are assigned."""
    found: dict[str, ast.expr] = {}
    again = {one.arg for one in nodes.get(ast.arg, ())}
    for assigned in nodes.get(ast.Assign, ()):
        for target in assigned.targets:
            if not isinstance(target, ast.Name):
                again |= _names_in(target)
            elif target.id in found:
                again.add(target.id)
            else:
                found[target.id] = assigned.value
    for assigned in (*nodes.get(ast.AnnAssign, ()), *nodes.get(ast.NamedExpr, ())):
        if isinstance(assigned.target, ast.Name):
            if assigned.target.id in found or assigned.value is None:
                again.add(assigned.target.id)
            else:
                found[assigned.target.id] = assigned.value
    for kind in _REBINDING:
        for node in nodes.get(kind, ()):
            again |= _names_in(node.target)
    return {name: value for name, value in found.items() if name not in again}


def _names_in(target: ast.expr) -> set[str]:
    """The names that a target binds."""
    if isinstance(target, ast.Name):
        return {target.id}
    if isinstance(target, (ast.Tuple, ast.List)):
        return {name for one in target.elts for name in _names_in(one)}
    return _names_in(target.value) if isinstance(target, ast.Starred) else set()


def known(
    expression: ast.expr, names: Names, constants: Mapping[str, ast.expr], depth: int = 0
) -> Known | None:
    """What is known of the text or path that an expression gives; ``None`` for nothing.

    Args:
        expression: the expression.
        depth: how many expressions it lies in.
    """
    if isinstance(expression, ast.Constant):
        return Known(expression.value, whole=True) if isinstance(expression.value, str) else None
    if depth > _MAX_DEPTH:
        return None
    if isinstance(expression, ast.Name):
        value = constants.get(expression.id)
        return None if value is None else known(value, names, constants, depth + 1)
    if isinstance(expression, ast.JoinedStr):
        return _joined(expression, names, constants, depth)
    if isinstance(expression, ast.BinOp) and isinstance(expression.op, (ast.Add, ast.Div)):
        slash = "/" if isinstance(expression.op, ast.Div) else ""
        return _chain([expression.left, expression.right], slash, names, constants, depth)
    if isinstance(expression, ast.Call) and not expression.keywords:
        function = names.full(expression.func)
        if function in _JOINING or function in _PATHS:
            return _chain(expression.args, "/", names, constants, depth)
        if function in _WRAPPING and len(expression.args) == 1:
            return known(expression.args[0], names, constants, depth + 1)
        if isinstance(expression.func, ast.Attribute) and expression.func.attr == "joinpath":
            return _chain([expression.func.value, *expression.args], "/", names, constants, depth)
    return None


def _chain(
    parts: list[ast.expr], between: str, names: Names, constants: Mapping[str, ast.expr], depth: int
) -> Known | None:
    text, first = "", True
    for part in parts:
        one = known(part, names, constants, depth + 1)
        if one is None:
            return None if first else Known(text, whole=False)
        if between:
            text = posixpath.join(text, one.text)
        else:
            text += one.text
        if not one.whole:
            return Known(text, whole=False)
        first = False
    return None if first else Known(text, whole=True)


def _joined(
    expression: ast.JoinedStr, names: Names, constants: Mapping[str, ast.expr], depth: int
) -> Known | None:
    text = ""
    for part in expression.values:
        plain = isinstance(part, ast.FormattedValue) and part.conversion == -1 and part.format_spec is None
        inner = part.value if isinstance(part, ast.FormattedValue) and plain else part
        one = known(inner, names, constants, depth + 1)
        if one is None:
            return Known(text, whole=False) if text else None
        text += one.text
        if not one.whole:
            return Known(text, whole=False)
    return Known(text, whole=True)
