"""Outlines of Python files from earlier processes, so that only changed files are parsed."""

from __future__ import annotations

import marshal
import sys
from collections.abc import Iterable
from typing import Final, final

from stepwell.source.python.outline import (
    Binding,
    ClassOutline,
    ImportOutline,
    Outline,
    ParseFailure,
    SourceFile,
)
from stepwell.source.seal import CachePlace, SealedDraft, open_sealed

__all__ = ["OutlineDraft", "recall"]

_FORM: Final = (3, sys.implementation.name, *sys.version_info[:3])
"""Version of the format and of the parser."""

_SAME_TICK: Final = 20_000_000
"""Nanoseconds in which a file system may assign the same timestamp to two changes."""


def _name() -> str:
    return f"sources-{sys.implementation.cache_tag or sys.implementation.name}"


def recall(place: CachePlace, root: str) -> dict[str, SourceFile]:
    """Return the stored files of a project by path; empty without an authentic cache of this version."""
    stored = open_sealed(place.path_of(_name()), place.key)
    if stored is None or stored.head != (_FORM, root) or stored.body is None:
        return {}
    files: dict[str, SourceFile] = {}
    for path, real, stamp, digest, failure, *parts in marshal.loads(stored.body):  # noqa: S302 - authenticated
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
