"""The outline of a Python file: its classes, imports and bindings."""

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
"""Size, time of change in nanoseconds, inode, and time of the inode's change: equal for an equal file."""


@final
class ClassOutline(NamedTuple):
    """One class statement.

    Args:
        qualified: with the classes and functions that it stands in, e.g. ``Outer.Inner``.
        line: of its name, from 1.
        column: of its name, in characters from 1.
        bases: each base as a dotted name, without what a generic is given; empty for another expression.
    """

    name: str
    qualified: str
    line: int
    column: int
    bases: tuple[str, ...]


@final
class ImportOutline(NamedTuple):
    """One name of one import statement.

    Args:
        module: the module, as it is written; empty for ``from . import name``.
        name: what is taken from it; empty for ``import module``, ``*`` for all.
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
    """One name that the module itself binds, by an assignment or a function.

    Args:
        stands_for: the dotted name that it is assigned; empty for anything else.
    """

    name: str
    stands_for: str


@final
class Outline(NamedTuple):
    """What one file defines."""

    classes: tuple[ClassOutline, ...]
    imports: tuple[ImportOutline, ...]
    bindings: tuple[Binding, ...]


@final
class ParseFailure(NamedTuple):
    """Why a file has no outline.

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
        real: the same with links resolved, so that one file met twice is known.
        stamp: tells whether it is still the same; ``None`` where it cannot be read.
        outline: what it defines; ``None`` when it has none.
        failure: why it has none.
    """

    path: str
    real: str
    stamp: Stamp | None
    outline: Outline | None
    failure: ParseFailure | None
