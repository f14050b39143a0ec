"""Literal paths and modules in Python code that loads other code or opens files."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, final

from stepwell.source.python import ParseFailure
from stepwell.source.python.outliner import parse

__all__ = ["Loading", "loadings_in"]

_WORDS: Final = (
    b"path",
    b"import_module",
    b"__import__",
    b"spec_from_file_location",
    b"addsitedir",
    b"runpy",
    b"SourceFileLoader",
    b"open",
    b"listdir",
    b"scandir",
    b"glob",
    b"shutil",
)
"""A file without any of these words needs no analysis."""

_BY_PATH: Final[Mapping[str, int]] = {
    "site.addsitedir": 0,
    "runpy.run_path": 0,
    "importlib.util.spec_from_file_location": 1,
    "importlib.machinery.SourceFileLoader": 1,
}
_BY_NAME: Final = frozenset({"importlib.import_module", "__import__", "runpy.run_module"})
_OPENING: Final = frozenset(
    {
        *("open", "io.open", "os.open", "codecs.open", "gzip.open", "os.listdir", "os.scandir", "os.walk"),
        *("glob.glob", "glob.iglob", "shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.copytree"),
    }
)
_OPENING_METHODS: Final = frozenset(
    {"open", "read_text", "read_bytes", "write_text", "write_bytes", "iterdir", "glob", "rglob"}
)
_SAME: Final = frozenset(
    {"str", "os.fspath", "os.path.abspath", "os.path.realpath", "os.path.normpath", "os.path.expanduser"}
)
_PATHS: Final = frozenset({"pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "pathlib.PurePosixPath"})
_SAME_METHODS: Final = frozenset({"resolve", "absolute", "as_posix", "expanduser"})
_MAX_DEPTH: Final = 40
_MAX_STEPS: Final = 500
_MAX_LENGTH: Final = 4096


@final
class Loading(NamedTuple):
    """A location that loads code or opens a file.

    Args:
        what: ``sys.path`` for a change of it, ``path`` for a loaded file, ``module`` for an imported name,
            ``file`` for an opened file or folder.
        named: path or dotted name.
        line: counted from 1.
        column: in characters, counted from 1.
    """

    what: str
    named: str
    line: int
    column: int


def loadings_in(content: bytes, path: str) -> Iterator[Loading]:
    """Yield every location that loads code, changes ``sys.path`` or opens a file with a literal name.

    Args:
        content: unparsable files yield nothing.
        path: absolute value of ``__file__``.
    """
    if not any(word in content for word in _WORDS):
        return
    tree = parse(content)
    if isinstance(tree, ParseFailure):
        return
    lines = content.removeprefix(b"\xef\xbb\xbf").splitlines()
    reader = _Literals(tree, path)
    for node in ast.walk(tree):
        for what, value in _loading(node, reader):
            named = reader.read(value)
            if named:
                yield Loading(what, named, value.lineno, _column(lines, value))


def _loading(node: ast.AST, reader: _Literals) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Call):
        function = reader.dotted(node.func)
        if function in ("sys.path.append", "sys.path.insert", "sys.path.extend"):
            yield from (("sys.path", item) for argument in node.args for item in _items(argument))
        elif function in _BY_PATH and len(node.args) > _BY_PATH[function]:
            yield ("sys.path" if function == "site.addsitedir" else "path"), node.args[_BY_PATH[function]]
        elif function in _BY_NAME and node.args:
            yield "module", node.args[0]
        elif function in _OPENING and node.args:
            yield "file", node.args[0]
        elif isinstance(node.func, ast.Attribute) and node.func.attr in _OPENING_METHODS:
            yield "file", node.func.value
    elif isinstance(node, ast.Assign):
        if any(_is_sys_path(target, reader) for target in node.targets):
            yield from (("sys.path", item) for item in _items(node.value))
    elif isinstance(node, ast.AugAssign) and _is_sys_path(node.target, reader):
        yield from (("sys.path", item) for item in _items(node.value))


def _is_sys_path(target: ast.expr, reader: _Literals) -> bool:
    if isinstance(target, ast.Subscript):
        target = target.value
    return reader.dotted(target) == "sys.path"


def _items(value: ast.expr) -> Iterator[ast.expr]:
    pending = [value]
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.List, ast.Tuple)):
            pending += node.elts
        elif isinstance(node, ast.Starred):
            pending.append(node.value)
        elif isinstance(node, ast.BinOp) and any(
            isinstance(side, (ast.List, ast.Tuple)) for side in (node.left, node.right)
        ):
            pending += (node.left, node.right)
        else:
            yield node


def _column(lines: list[bytes], node: ast.expr) -> int:
    line = lines[node.lineno - 1] if node.lineno <= len(lines) else b""
    return len(line[: node.col_offset].decode("utf-8", "replace")) + 1


@final
class _Literals:
    """Evaluates texts built from literals, ``__file__`` and names that are bound once."""

    __slots__ = ("_depth", "_file", "_named", "_stands_for", "_steps")

    def __init__(self, tree: ast.Module, path: str) -> None:
        self._file = path
        self._steps = self._depth = 0
        self._stands_for: dict[str, str] = {}
        self._named: dict[str, ast.expr | None] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    first = alias.name.partition(".")[0]
                    self._stands_for[alias.asname or first] = alias.name if alias.asname else first
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    self._stands_for[alias.asname or alias.name] = f"{node.module}.{alias.name}"
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        self._named[target.id] = None if target.id in self._named else node.value
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
                self._named[node.target.id] = None if node.target.id in self._named else node.value

    def dotted(self, node: ast.expr) -> str:
        """Return the dotted name of an expression, with imports resolved; empty if it is not a name."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join((self._stands_for.get(node.id, node.id), *reversed(parts)))

    def read(self, node: ast.expr) -> str | None:
        """Return the text of an expression; ``None`` if unknown."""
        self._steps = self._depth = 0
        return self._text(node)

    def _text(self, node: ast.expr) -> str | None:
        self._steps += 1
        if self._steps > _MAX_STEPS or self._depth >= _MAX_DEPTH:
            return None
        self._depth += 1
        text = self._whole(node)
        self._depth -= 1
        return None if text is None or len(text) > _MAX_LENGTH else text

    def _whole(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else None
        if isinstance(node, ast.Name):
            bound = self._named.get(node.id)
            return self._file if node.id == "__file__" else None if bound is None else self._text(bound)
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.Add)):
            left, right = self._text(node.left), self._text(node.right)
            if left is None or right is None:
                return None
            return posixpath.join(left, right) if isinstance(node.op, ast.Div) else left + right
        if isinstance(node, ast.JoinedStr):
            inner = [part.value if isinstance(part, ast.FormattedValue) else part for part in node.values]
            return self._joined("", inner)
        if isinstance(node, ast.Attribute) and node.attr == "parent":
            return self._above(node.value, 1)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute):
            index = node.slice
            if node.value.attr == "parents" and isinstance(index, ast.Constant):
                place = index.value
                return self._above(node.value.value, place + 1) if type(place) is int and place >= 0 else None
        return self._called(node) if isinstance(node, ast.Call) else None

    def _called(self, node: ast.Call) -> str | None:
        function = self.dotted(node.func)
        if function in _SAME and len(node.args) == 1:
            return self._text(node.args[0])
        if function in _PATHS or function == "os.path.join":
            return self._joined("/", node.args) if node.args else None
        if function == "os.path.dirname" and len(node.args) == 1:
            return self._above(node.args[0], 1)
        if isinstance(node.func, ast.Attribute):
            if node.func.attr in _SAME_METHODS:
                return self._text(node.func.value)
            if node.func.attr == "joinpath":
                return self._joined("/", [node.func.value, *node.args])
        return None

    def _joined(self, separator: str, nodes: list[ast.expr]) -> str | None:
        parts: list[str] = []
        for node in nodes:
            text = self._text(node)
            if text is None:
                return None
            parts.append(text)
        return posixpath.join(*parts) if separator and parts else "".join(parts)

    def _above(self, node: ast.expr, levels: int) -> str | None:
        text = self._text(node)
        for _ in range(min(levels, _MAX_LENGTH)):
            text = None if text is None else posixpath.dirname(text)
        return text
