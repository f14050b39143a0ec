"""Parsed Python files, and texts and paths that are known without running them."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, final

from stepwell.source.diagnostic import Span
from stepwell.source.document import span_of
from stepwell.source.python.index import read_source
from stepwell.source.python.outline import ParseFailure
from stepwell.source.python.outliner import parse

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
"""Nodes of a tree by type, outermost first."""

_HOLD_NO_NODE: Final = frozenset(
    {
        *("ctx", "op", "ops", "id", "attr", "arg", "asname", "module", "kind", "type_comment", "level"),
        *("is_async", "simple", "conversion"),
    }
)
_fields: dict[type[ast.AST], tuple[str, ...]] = {ast.Constant: ()}  # cache, filled on first use


def every_node(tree: ast.AST) -> list[ast.AST]:
    """Return all nodes of a tree in the order of ``ast.walk``, except operators and contexts."""
    nodes = [tree]
    for node in nodes:  # grows during the loop
        kind = type(node)
        fields = _fields.get(kind)
        if fields is None:
            fields = _fields[kind] = tuple(field for field in kind._fields if field not in _HOLD_NO_NODE)
        for name in fields:
            value = getattr(node, name, None)
            if type(value) is list:
                if value:
                    nodes += [item for item in value if isinstance(item, ast.AST)]
            elif isinstance(value, ast.AST):
                nodes.append(value)
    return nodes


def _by_kind(nodes: Iterable[ast.AST]) -> Nodes:
    by_kind: dict[type[ast.AST], list[ast.AST]] = {}
    for node in nodes:
        kind = type(node)
        if kind in by_kind:
            by_kind[kind].append(node)
        else:
            by_kind[kind] = [node]
    return by_kind


@final
class Parsed:
    """Syntax tree of one file.

    Args:
        path: relative to the project.
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
        """Return all nodes, outermost first."""
        if self._every is None:
            self._every = every_node(self.tree)
        return self._every

    @property
    def nodes(self) -> Nodes:
        """Return all nodes by type."""
        if self._nodes is None:
            self._nodes = _by_kind(self.every)
        return self._nodes

    def span(self, node: ast.expr | ast.stmt) -> Span:
        """Return the location of an expression, limited to its first line."""
        end = node.end_col_offset if node.end_lineno == node.lineno else None
        return self._stretch(node.lineno, node.col_offset, end)

    def name_span(self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Span:
        """Return the location of the name in a definition."""
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
        """Return a parsed file, or the failure.

        Args:
            path: relative to the project.
        """
        parsed = self._known.get(path)
        if parsed is None:
            parsed = self._known[path] = self._read(path)
        return parsed

    def _read(self, path: str) -> Parsed | ParseFailure:
        content, _ = read_source(self.root, path)
        if isinstance(content, ParseFailure):
            return content
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
    """Known prefix or value of a text.

    Args:
        whole: whether the text is complete.
    """

    text: str
    whole: bool


@final
class Names:
    """Dotted names behind the names of a file, from imports and aliases."""

    __slots__ = ("_imported",)

    def __init__(self, nodes: Nodes) -> None:
        self._imported: dict[str, str] = {}
        for statement in nodes.get(ast.Import, ()):
            for alias in statement.names:
                first = alias.name.partition(".")[0]
                self._imported[alias.asname or first] = alias.name if alias.asname else first
        for statement in nodes.get(ast.ImportFrom, ()):
            if statement.module and not statement.level:
                for alias in statement.names:
                    self._imported[alias.asname or alias.name] = f"{statement.module}.{alias.name}"

    @property
    def packages(self) -> frozenset[str]:
        """Return the top-level packages of all imports."""
        return frozenset(name.partition(".")[0] for name in self._imported.values())

    def of(self, full: str) -> frozenset[str]:
        """Return the local names of a dotted name."""
        return frozenset(name for name, stands_for in self._imported.items() if stands_for == full)

    def alias(self, name: str, stands_for: str) -> None:
        """Register a local name for a dotted name."""
        self._imported.setdefault(name, stands_for)

    def full(self, expression: ast.expr) -> str:
        """Return the dotted name of an expression; empty if it is not a name."""
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
    """Return the names that are assigned exactly once, with their values."""
    constants: dict[str, ast.expr] = {}
    again = {argument.arg for argument in nodes.get(ast.arg, ())}
    for assigned in nodes.get(ast.Assign, ()):
        for target in assigned.targets:
            if not isinstance(target, ast.Name):
                again |= _names_in(target)
            elif target.id in constants:
                again.add(target.id)
            else:
                constants[target.id] = assigned.value
    for assigned in (*nodes.get(ast.AnnAssign, ()), *nodes.get(ast.NamedExpr, ())):
        if isinstance(assigned.target, ast.Name):
            if assigned.target.id in constants or assigned.value is None:
                again.add(assigned.target.id)
            else:
                constants[assigned.target.id] = assigned.value
    for kind in _REBINDING:
        for node in nodes.get(kind, ()):
            again |= _names_in(node.target)
    return {name: value for name, value in constants.items() if name not in again}


def _names_in(target: ast.expr) -> set[str]:
    """Return the names that a target binds."""
    if isinstance(target, ast.Name):
        return {target.id}
    if isinstance(target, (ast.Tuple, ast.List)):
        return {name for element in target.elts for name in _names_in(element)}
    return _names_in(target.value) if isinstance(target, ast.Starred) else set()


def known(
    expression: ast.expr, names: Names, constants: Mapping[str, ast.expr], depth: int = 0
) -> Known | None:
    """Return the known text or path of an expression, or ``None``.

    Args:
        depth: nesting depth of the expression.
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
    if isinstance(expression, ast.BinOp) and isinstance(expression.op, ast.Mod):
        values = expression.right.elts if isinstance(expression.right, ast.Tuple) else [expression.right]
        return _formatted(expression.left, _PERCENT, values, names, constants, depth)
    method = expression.func if isinstance(expression, ast.Call) else None
    if isinstance(expression, ast.Call) and isinstance(method, ast.Attribute) and method.attr == "format":
        return _formatted(method.value, _BRACES, expression.args, names, constants, depth)
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
        piece = known(part, names, constants, depth + 1)
        if piece is None:
            return None if first else Known(posixpath.join(text, between), whole=False)
        if between:
            text = posixpath.join(text, piece.text)
        else:
            text += piece.text
        if not piece.whole:
            return Known(text, whole=False)
        first = False
    return None if first else Known(text, whole=True)


_PERCENT: Final = re.compile(r"%(?:\(\w*\))?[-+ #0-9.]*[a-zA-Z]")
_BRACES: Final = re.compile(r"\{[^{}]*\}")


def _formatted(
    template: ast.expr,
    field: re.Pattern[str],
    values: list[ast.expr],
    names: Names,
    constants: Mapping[str, ast.expr],
    depth: int,
) -> Known | None:
    """Return the text of a template, up to the first field whose value is not known."""
    pattern = known(template, names, constants, depth + 1)
    if pattern is None:
        return None
    text, end = "", 0
    for place, match in enumerate(field.finditer(pattern.text)):
        text += pattern.text[end : match.start()]
        end = match.end()
        plain = match[0] in ("%s", "{}") and place < len(values)
        piece = known(values[place], names, constants, depth + 1) if plain else None
        text += "" if piece is None else piece.text
        if piece is None or not piece.whole:
            return Known(text, whole=False) if text else None
    return Known(text + pattern.text[end:], whole=pattern.whole)


def _joined(
    expression: ast.JoinedStr, names: Names, constants: Mapping[str, ast.expr], depth: int
) -> Known | None:
    text = ""
    for part in expression.values:
        plain = isinstance(part, ast.FormattedValue) and part.conversion == -1 and part.format_spec is None
        inner = part.value if isinstance(part, ast.FormattedValue) and plain else part
        piece = known(inner, names, constants, depth + 1)
        if piece is None:
            return Known(text, whole=False) if text else None
        text += piece.text
        if not piece.whole:
            return Known(text, whole=False)
    return Known(text, whole=True)
