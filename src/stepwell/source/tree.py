"""File access to a project: a folder on disk, a git revision or a snapshot file.

All readers use a Tree, so that every source is checked and layered by the same code without writing files.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, final

from stepwell.source.errors import ProjectError

if TYPE_CHECKING:
    from stepwell.source.diagnostic import Diagnostic
    from stepwell.source.document import Document

from stepwell.source.immutable import record

__all__ = [
    "CONFIG_NAME",
    "CONFIG_NAMES",
    "STAGING",
    "EntryKind",
    "Folder",
    "Packed",
    "Staged",
    "Target",
    "Tree",
    "TreeEntry",
    "find_project",
    "has_table",
    "packed",
    "read_document",
    "walk",
]

CONFIG_NAME: Final = "stepwell.toml"
CONFIG_NAMES: Final = (CONFIG_NAME, "pyproject.toml")
"""Files that may contain the settings of a project."""

STAGING: Final = ".stepwell-import"
"""Hidden folder of a project in which several files are staged (``write/transaction.py``)."""


@final
class EntryKind(Enum):
    """Type of a folder entry after following links."""

    FOLDER = "folder"
    FILE = "file"
    OTHER = "other"


@final
class TreeEntry(NamedTuple):
    """One entry of a folder.

    Args:
        kind: ``None`` for a broken link.
    """

    name: str
    kind: EntryKind | None
    is_link: bool


@final
class Target(NamedTuple):
    """Result of following all links of a path.

    Args:
        path: relative to the tree, empty for its root; ``None`` if outside.
        kind: ``None`` if nothing exists, or if unknown to the tree.
    """

    path: str | None
    kind: EntryKind | None


class Tree(Protocol):
    """Files of a project; paths are relative, with ``/``."""

    @property
    def is_complete(self) -> bool:
        """Whether the tree has all files of the project, not only its definitions."""

    def read(self, path: str) -> bytes | Diagnostic:
        """Return the bytes of a file, or a finding."""

    def scan(self, folder: str) -> Iterable[TreeEntry]:
        """Return the entries of a folder in any order.

        Raises:
            OSError: the folder does not exist or cannot be read.
        """

    def follow(self, path: str) -> Target:
        """Follow all links of a path."""

    def expect(self, paths: Iterable[str]) -> None:
        """Prefetch files that are read next, if batching is cheaper."""


@final
@record
class Folder:
    """A folder on disk.

    Args:
        root: absolute, links resolved.
    """

    root: str

    @property
    def is_complete(self) -> bool:
        return True

    def read(self, path: str) -> bytes | Diagnostic:
        """Return the bytes of a regular file of at most ``MAX_BYTES``, or a finding."""
        return _reader()(self.root, path)

    def scan(self, folder: str) -> Iterator[TreeEntry]:
        """Yield the entries of a folder in any order."""
        regular = EntryKind.FILE
        with os.scandir(f"{self.root}/{folder}") as entries:
            for entry in entries:
                if entry.is_symlink():
                    yield TreeEntry(entry.name, _kind_at(entry.path), True)
                else:
                    yield TreeEntry(entry.name, regular if entry.is_file() else _kind_of(entry), False)

    def follow(self, path: str) -> Target:
        """Follow all links of a path; outside the tree, only the kind is known."""
        real = os.path.realpath(f"{self.root}/{path}")
        kind = _kind_at(real)
        if real == self.root:
            return Target("", kind)
        if not real.startswith(self.root + os.sep):
            return Target(None, kind)
        return Target(real[len(self.root) + 1 :].replace(os.sep, "/"), kind)

    def expect(self, paths: Iterable[str]) -> None:
        """Do nothing: files on disk need no prefetching."""


@cache
def _reader() -> Callable[[str, str], bytes | Diagnostic]:
    from stepwell.source.read import read_bytes  # not needed by a load from the cache

    return read_bytes


def read_document(tree: Tree, path: str) -> Document | Diagnostic:
    """Read one definition file of a tree, or return a finding."""
    from stepwell.source.read import read_text

    content = tree.read(path)
    return read_text(path, content) if isinstance(content, bytes) else content


def _kind_of(entry: os.DirEntry[str]) -> EntryKind:
    return EntryKind.FOLDER if entry.is_dir() else EntryKind.OTHER


def _kind_at(path: str) -> EntryKind | None:
    """Return the kind of a path after following links; ``None`` for broken and cyclic links."""
    if os.path.isdir(path):
        return EntryKind.FOLDER
    if os.path.isfile(path):
        return EntryKind.FILE
    return EntryKind.OTHER if os.path.exists(path) else None


@final
@record
class Staged:
    """Tree with replaced, added and deleted files; the content of a deleted file is ``None``."""

    below: Tree
    files: Mapping[str, bytes | None]

    def read(self, path: str) -> bytes | Diagnostic:
        if path not in self.files:
            return self.below.read(path)
        content = self.files[path]
        if content is None:
            from stepwell.source.diagnostic import Diagnostic, Severity, Span

            return Diagnostic("unreadable-file", Severity.ERROR, "the file was deleted", Span(path))
        return content

    def scan(self, folder: str) -> Iterator[TreeEntry]:
        start = f"{folder}/" if folder else ""
        laid: dict[str, EntryKind] = {}
        deleted: set[str] = set()
        for path, content in self.files.items():
            if path.startswith(start):
                name, _, rest = path[len(start) :].partition("/")
                if content is not None:
                    laid[name] = EntryKind.FOLDER if rest else EntryKind.FILE
                elif not rest:
                    deleted.add(name)
        try:
            there = list(self.below.scan(folder))
        except OSError:
            if not laid:
                raise
            there = []
        known = {entry.name for entry in there}
        yield from (entry for entry in there if entry.name not in deleted)
        yield from (TreeEntry(name, kind, is_link=False) for name, kind in laid.items() if name not in known)

    @property
    def is_complete(self) -> bool:
        return self.below.is_complete

    def follow(self, path: str) -> Target:
        target = self.below.follow(path)
        if self.files.get(path, b"") is None:
            return Target(target.path, None)
        if target.kind is not None or target.path is None:
            return target
        if path in self.files:
            return Target(path, EntryKind.FILE)
        inside = any(
            file.startswith(f"{path}/") for file, content in self.files.items() if content is not None
        )
        return Target(path, EntryKind.FOLDER) if inside else target

    def expect(self, paths: Iterable[str]) -> None:
        self.below.expect(path for path in paths if path not in self.files)


@final
class Packed:
    """Tree of files in memory.

    Args:
        files: content by path, or a finding for an unreadable file.
    """

    __slots__ = ("files", "folders")

    def __init__(
        self, files: Mapping[str, bytes | Diagnostic], folders: Mapping[str, Mapping[str, EntryKind]]
    ) -> None:
        self.files = files
        self.folders = folders

    @property
    def is_complete(self) -> bool:
        return False

    def read(self, path: str) -> bytes | Diagnostic:
        content = self.files.get(path)
        if content is None:
            from stepwell.source.diagnostic import Diagnostic, Severity, Span

            return Diagnostic(
                "unreadable-file", Severity.ERROR, "the snapshot does not contain this file", Span(path)
            )
        return content

    def scan(self, folder: str) -> Iterator[TreeEntry]:
        """Yield the entries of a folder.

        Raises:
            OSError: the folder does not exist.
        """
        if folder in self.files:
            raise NotADirectoryError(20, "not a folder", folder)
        if folder not in self.folders:
            raise FileNotFoundError(2, "no such folder in the snapshot", folder)
        return (TreeEntry(name, kind, False) for name, kind in self.folders[folder].items())

    def follow(self, path: str) -> Target:
        if path in self.files:
            return Target(path, EntryKind.FILE)
        return Target(path, EntryKind.FOLDER if path in self.folders else None)

    def expect(self, paths: Iterable[str]) -> None:
        """Nothing to fetch: everything is here."""

    def id_of(self, path: str) -> str | None:
        """Return the content id of a file."""
        content = self.files.get(path)
        return self.id_for(content) if isinstance(content, bytes) else None

    def id_for(self, content: bytes) -> str:
        """Return the Git blob id, so that revisions and snapshots share content."""
        import hashlib  # few programs compare trees

        digest = hashlib.sha1(b"blob %d\0" % len(content), usedforsecurity=False)
        digest.update(content)
        return digest.hexdigest()


def packed(name: str, files: Mapping[str, bytes | Diagnostic], folders: Iterable[str] = ()) -> Packed:
    """Return a tree of files in memory.

    Args:
        name: of the file that contains them, for the error.
        folders: folders that may be empty.

    Raises:
        ProjectError: a path is not a plain path inside a project.
    """
    return Packed(files, _folders(name, files, folders))


_MAX_PATH: Final = 4096
_MAX_DEPTH: Final = 64


def _folders(
    name: str, files: Mapping[str, object], folders: Iterable[str]
) -> Mapping[str, Mapping[str, EntryKind]]:
    """Return the entries of every folder."""
    entries: dict[str, dict[str, EntryKind]] = {"": {}}
    for path, kind in (
        *((path, EntryKind.FILE) for path in files),
        *((path, EntryKind.FOLDER) for path in folders),
    ):
        parts = path.split("/")
        if len(path) > _MAX_PATH or len(parts) > _MAX_DEPTH or "\0" in path or {"", ".", ".."} & {*parts}:
            raise ProjectError(f"cannot read {name}: {path[:80]!a} is not a plain path inside a project")
        above = ""
        for at, part in enumerate(parts):
            last = at == len(parts) - 1
            here = f"{above}/{part}" if above else part
            entry = kind if last else EntryKind.FOLDER
            if entries[above].setdefault(part, entry) is not entry:
                raise ProjectError(f"cannot read {name}: {here[:80]!a} is both a file and a folder")
            if entry is EntryKind.FOLDER:
                entries.setdefault(here, {})
            above = here
    return entries


def walk(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield every file and link of a folder with its relative path, sorted; for a file, itself with "".

    Args:
        path: absolute.
    """
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode):
        yield "", status
        return
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with os.scandir(os.path.join(path, folder)) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
        below = []
        for entry in listed:
            relative = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                below.append(relative)
            else:
                yield relative, entry.stat(follow_symlinks=False)
        waiting += reversed(below)


def find_project(start: str) -> str:
    """Return the nearest project folder at or above a folder.

    Args:
        start: absolute.

    Raises:
        ProjectError: no parent contains a configuration.
    """
    folder = start
    while True:
        if os.path.isfile(os.path.join(folder, CONFIG_NAME)) or has_table(Folder(folder)):
            return folder
        above = os.path.dirname(folder)
        if above == folder:
            raise ProjectError(
                f"no Stepwell project: neither {start} nor any parent contains a {CONFIG_NAME} "
                "(or a pyproject.toml with a [tool.stepwell] table); run `stepwell init` to create one"
            )
        folder = above


def has_table(tree: Tree) -> bool:
    """Return whether ``pyproject.toml`` has a Stepwell table."""
    there = tree.follow("pyproject.toml").kind is EntryKind.FILE
    content = tree.read("pyproject.toml") if there else b""
    if not isinstance(content, bytes) or b"stepwell" not in content:
        return False
    from stepwell.source import toml
    from stepwell.source.document import Unreadable

    try:
        table = toml.load(content.decode("utf-8", "replace"))[0].get("tool", {})
    except Unreadable:  # other tools report an invalid pyproject.toml
        return False
    return isinstance(table, dict) and isinstance(table.get("stepwell"), dict)
