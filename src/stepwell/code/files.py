"""Outlines of single files, and locations of names in them."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, final

from stepwell.source.python import SourceFile, SourceIndex, index_sources
from stepwell.source.python.index import read_source
from stepwell.source.python.outline import ParseFailure
from stepwell.source.python.outliner import dotted, outline_of, parse

if TYPE_CHECKING:
    from stepwell.resolve.plugins import Plugin

__all__ = [
    "Installed",
    "in_project",
    "installed_sources",
    "outline_file",
    "place_of_name",
    "top_names",
]


def in_project(root: str, path: str) -> str | None:
    """Return a project path with links resolved; ``None`` if it is missing or outside the project.

    Args:
        root: absolute, with links resolved.
        path: relative to ``root``.
    """
    real = os.path.realpath(os.path.join(root, path))
    base = root.rstrip(os.sep) + os.sep
    return real[len(base) :].replace(os.sep, "/") if real.startswith(base) and os.path.exists(real) else None


def outline_file(root: str, path: str, real: str) -> SourceFile:
    """Return the outline of a file that is not in an index.

    Args:
        path: relative to ``root``.
        real: the path with links resolved.
    """
    content, stamp = read_source(root, path)
    if isinstance(content, ParseFailure):
        return SourceFile(path, real, stamp, None, content)
    outline = outline_of(content)
    if isinstance(outline, ParseFailure):
        return SourceFile(path, real, stamp, None, outline)
    return SourceFile(path, real, stamp, outline, None)


def top_names(file: SourceFile) -> tuple[str, ...]:
    """Return the names that a module binds, in order."""
    outline = file.outline
    if outline is None:
        return ()
    classes = (item.name for item in outline.classes if "." not in item.qualified)
    return tuple(dict.fromkeys((*classes, *(binding.name for binding in outline.bindings))))


def place_of_name(root: str, file: SourceFile, name: str) -> tuple[int, int] | None:
    """Return line and column of a name in a module, counted from 1, or ``None``.

    Args:
        name: may be dotted; if only its first part is known, its location is returned.
    """
    outline = file.outline
    if outline is None:
        return None
    for qualified in (name, name.partition(".")[0]):
        for item in outline.classes:
            if item.qualified == qualified:
                return item.line, item.column
    first = name.partition(".")[0]
    if any(binding.name == first for binding in outline.bindings):
        return _bound(root, file.path, first)
    for imported in outline.imports:
        bound = imported.alias or imported.name or imported.module.partition(".")[0]
        if imported.at_top and bound in (first, "*"):
            return imported.line, 1
    return None


def _bound(root: str, path: str, name: str) -> tuple[int, int]:
    content, _ = read_source(root, path)
    if isinstance(content, bytes):
        tree = parse(content)
        if isinstance(tree, ast.Module):
            lines = content.removeprefix(b"\xef\xbb\xbf").splitlines()
            for line, column in _places(tree, name):
                text = lines[line - 1] if line <= len(lines) else b""
                at = max(text.find(name.encode(), column), 0)
                return line, len(text[:at].decode("utf-8", "replace")) + 1
    return 1, 1  # changed since indexing


def _places(tree: ast.Module, name: str) -> Iterator[tuple[int, int]]:
    """Yield line and minimum column in bytes of each statement that binds a name."""
    pending: list[ast.stmt] = list(reversed(tree.body))
    while pending:
        statement = pending.pop()
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if statement.name == name:
                yield statement.lineno, statement.col_offset
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                inner = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
                for element in inner:
                    if dotted(element) == name:
                        yield element.lineno, element.col_offset
        elif not isinstance(statement, ast.ClassDef):
            parts = ("body", "orelse", "finalbody")
            below = (node for part in parts for node in getattr(statement, part, ()))
            handled = (node for handler in getattr(statement, "handlers", ()) for node in handler.body)
            pending += reversed([node for node in (*below, *handled) if isinstance(node, ast.stmt)])


@final
class Installed(NamedTuple):
    """Sources of one installed package.

    Args:
        folder: top package relative to the root of the sources; empty for a single module.
    """

    package: str
    folder: str
    sources: SourceIndex


def installed_sources(plugins: Iterable[Plugin]) -> tuple[Installed, ...]:
    """Return the distinct sources of packages that provide steps."""
    wanted = dict.fromkeys((plugin.package, plugin.module) for plugin in plugins if plugin.module)
    return tuple(sources for package, module in wanted for sources in _sources(package, module))


def _sources(package: str, module: str) -> Iterator[Installed]:
    from importlib.util import find_spec

    try:
        spec = find_spec(module)  # top-level names are found without imports
    except (ImportError, ValueError):
        return
    if spec is None:
        return
    for place in spec.submodule_search_locations or ():
        if os.path.isdir(place):
            root, top = os.path.split(os.path.realpath(place))
            yield Installed(package, top, index_sources(root, (top,)))
    if not spec.submodule_search_locations and spec.origin is not None and spec.origin.endswith(".py"):
        root, name = os.path.split(os.path.realpath(spec.origin))
        yield Installed(package, "", SourceIndex(root, (), {name: outline_file(root, name, name)}, 1))
