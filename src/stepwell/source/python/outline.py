"""Outline of a Python file: its classes, imports and bindings; stored, as parsing is slow."""

from __future__ import annotations

import marshal
import sys
from collections.abc import Iterable
from typing import Final, NamedTuple, final

from stepwell.source.seal import CachePlace, SealedDraft, open_sealed

__all__ = [
    "Binding",
    "ClassOutline",
    "ImportOutline",
    "Outline",
    "OutlineDraft",
    "ParseFailure",
    "SourceFile",
    "Stamp",
    "recall",
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


_FORM: Final = (3, sys.implementation.name, *sys.version_info[:3])
"""Version of the format and of the parser."""

_SAME_TICK: Final = 20_000_000
"""Nanoseconds in which a file system may assign the same timestamp to two changes."""


def _name() -> str:
    return f"sources-{sys.implementation.cache_tag or sys.implementation.name}"


def recall(place: CachePlace, root: str) -> dict[str, SourceFile]:
    """Return the stored files of a project by path; empty without an authentic cache of this version."""
    stored = open_sealed(place.path_of(_name()), place.key)
    rows = stored.part(0) if stored is not None and stored.head == (_FORM, root) else None
    if rows is None:
        return {}
    files: dict[str, SourceFile] = {}
    for path, real, stamp, digest, failure, *parts in marshal.loads(rows):  # noqa: S302 - authenticated
        if failure is not None:
            files[path] = SourceFile(path, real, stamp, None, ParseFailure._make(failure), digest)
            continue
        classes, imports, bindings = parts
        outline = Outline(
            tuple(map(ClassOutline._make, classes)),
            tuple(map(ImportOutline._make, imports)),
            tuple(map(Binding._make, bindings)),
        )
        files[path] = SourceFile(path, real, stamp, outline, None, digest)
    return files


@final
class OutlineDraft:
    """Outlines to be stored, begun before the first file is read.

    Files modified at or after its beginning are not stored, because they may change again without a new
    timestamp. Nothing is stored in a folder that cannot be written.
    """

    __slots__ = ("_draft", "_place", "_root")

    def __init__(self, place: CachePlace, root: str) -> None:
        self._place = place
        self._root = root
        self._draft = SealedDraft.begin(place.folder, _name())

    def commit(self, files: Iterable[SourceFile]) -> None:
        """Replace the stored outlines."""
        if self._draft is None:
            return
        before = self._draft.began - _SAME_TICK
        rows = [
            (
                file.path,
                file.real,
                file.stamp,
                file.digest,
                None if file.failure is None else tuple(file.failure),
                *(tuple(map(tuple, part)) for part in file.outline or ()),
            )
            for file in files
            if file.stamp is not None and max(file.stamp[1], file.stamp[3]) < before
        ]
        self._draft.commit(self._place.key, (_FORM, self._root), marshal.dumps(rows))

    def discard(self) -> None:
        """Keep what is stored, unless it was replaced."""
        if self._draft is not None:
            self._draft.discard()
