"""Where the files of a project are: a folder on disk, or whatever else can list and give them.

Everything that reads a project asks a Tree, so that a revision in git or a packed snapshot is read,
checked and layered by the same flow as a folder, and nothing is written anywhere to get there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol, final

from stepwell.source.diagnostic import Diagnostic
from stepwell.source.document import Document
from stepwell.source.read import read_bytes, read_text

__all__ = ["EntryKind", "Folder", "Target", "Tree", "TreeEntry", "read_document"]


@final
class EntryKind(Enum):
    """What a name in a folder stands for, links followed."""

    FOLDER = "folder"
    FILE = "file"
    OTHER = "other"


@final
class TreeEntry(NamedTuple):
    """One name in a folder.

    Args:
        kind: what it stands for; ``None`` for a link that leads nowhere.
    """

    name: str
    kind: EntryKind | None
    is_link: bool


@final
class Target(NamedTuple):
    """What a path stands for when every link on its way is followed.

    Args:
        path: relative to the tree, empty for its root; ``None`` when it lies outside.
        kind: what is there; ``None`` for nothing, or where the tree cannot know.
    """

    path: str | None
    kind: EntryKind | None


class Tree(Protocol):
    """The files of a project at one place; paths are relative to it, with ``/``."""

    def read(self, path: str) -> bytes | Diagnostic:
        """The bytes of a file, or the finding that says why not."""

    def scan(self, folder: str) -> Iterable[TreeEntry]:
        """The entries of a folder, in any order.

        Raises:
            OSError: as the system does for a folder that is not there or cannot be read.
        """

    def follow(self, path: str) -> Target:
        """What a path stands for."""

    def expect(self, paths: Iterable[str]) -> None:
        """Be told which files are read next, to fetch them at once where that is cheaper."""


@final
@dataclass(frozen=True, slots=True)
class Folder:
    """A folder on disk.

    Args:
        root: absolute, links resolved.
    """

    root: str

    def read(self, path: str) -> bytes | Diagnostic:
        """The bytes of a regular file of at most ``MAX_BYTES``, or the finding that says why not."""
        return read_bytes(self.root, path)

    def scan(self, folder: str) -> Iterator[TreeEntry]:
        """The entries of a folder, in any order."""
        regular = EntryKind.FILE
        with os.scandir(f"{self.root}/{folder}") as entries:
            for entry in entries:
                if entry.is_symlink():
                    yield TreeEntry(entry.name, _kind_at(entry.path), True)
                else:
                    yield TreeEntry(entry.name, regular if entry.is_file() else _kind_of(entry), False)

    def follow(self, path: str) -> Target:
        """What a path stands for; of what lies outside only its kind is told."""
        real = os.path.realpath(f"{self.root}/{path}")
        kind = _kind_at(real)
        if real == self.root:
            return Target("", kind)
        if not real.startswith(self.root + os.sep):
            return Target(None, kind)
        return Target(real[len(self.root) + 1 :].replace(os.sep, "/"), kind)

    def expect(self, paths: Iterable[str]) -> None:
        """Nothing to fetch: a folder gives each file when it is asked."""


def read_document(tree: Tree, path: str) -> Document | Diagnostic:
    """Read one definition file of a tree, or the finding that says why not."""
    content = tree.read(path)
    return content if isinstance(content, Diagnostic) else read_text(path, content)


def _kind_of(entry: os.DirEntry[str]) -> EntryKind:
    return EntryKind.FOLDER if entry.is_dir() else EntryKind.OTHER


def _kind_at(path: str) -> EntryKind | None:
    """What a path leads to; ``None`` too for a link that leads to itself."""
    if os.path.isdir(path):
        return EntryKind.FOLDER
    if os.path.isfile(path):
        return EntryKind.FILE
    return EntryKind.OTHER if os.path.exists(path) else None
