"""Outline of a Python file: its classes, imports and bindings."""

from __future__ import annotations

from typing import NamedTuple, final

__all__ = [
    "Binding",
    "ClassOutline",
    "ImportOutline",
    "Outline",
    "ParseFailure",
    "SourceFile",
    "Stamp",
]


Stamp = tuple[int, int, int, int]
"""Size, modification time in nanoseconds, inode and inode change time of a file."""


@final
class ClassOutline(NamedTuple):
    """One class statement.

    Args:
        qualified: with enclosing classes and functions, e.g. ``Outer.Inner``.
        line: of the name, from 1.
        column: of the name, in characters from 1.
        bases: each base as a dotted name without type arguments; empty for other expressions.
    """

    name: str
    qualified: str
    line: int
    column: int
    bases: tuple[str, ...]


@final
class ImportOutline(NamedTuple):
    """One name of an import statement.

    Args:
        module: as written; empty for ``from . import name``.
        name: the imported name; empty for ``import module``, ``*`` for all.
        alias: the name after ``as``; empty without one.
        line: from 1.
    """

    module: str
    name: str
    alias: str
    level: int
    line: int
    at_top: bool


@final
class Binding(NamedTuple):
    """A name bound at module level by an assignment or a function.

    Args:
        stands_for: the dotted name assigned to it; empty for other values.
    """

    name: str
    stands_for: str


@final
class Outline(NamedTuple):
    """Definitions of one file."""

    classes: tuple[ClassOutline, ...]
    imports: tuple[ImportOutline, ...]
    bindings: tuple[Binding, ...]


@final
class ParseFailure(NamedTuple):
    """Reason why a file has no outline.

    Args:
        line: from 1.
        column: in characters from 1.
    """

    message: str
    line: int
    column: int


@final
class SourceFile(NamedTuple):
    """One Python file.

    Args:
        path: relative to the project, with ``/``.
        real: the same with links resolved, to detect duplicates.
        stamp: identifies the file's version; ``None`` if it is unreadable.
        outline: ``None`` on failure.
        digest: of the bytes that were read; empty if none were.
    """

    path: str
    real: str
    stamp: Stamp | None
    outline: Outline | None
    failure: ParseFailure | None
    digest: bytes = b""
