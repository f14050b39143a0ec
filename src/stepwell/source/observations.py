"""Everything that a load reads of a folder, so that a later load can find out whether it would read the same.

A load is a function of what it observes. Files are compared by size, times and inode; where these differ, or
are too recent to exclude another change within the same tick of the clock, they are compared by content.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, final

from stepwell.source.seal import digest_of
from stepwell.source.tree import EntryKind, Folder, Target, TreeEntry

if TYPE_CHECKING:
    from stepwell.source.diagnostic import Diagnostic

__all__ = [
    "NO_FILE",
    "Differences",
    "Observations",
    "Recorder",
    "Signature",
    "entries_digest",
    "is_settled",
    "signature_at",
]

Signature = tuple[int, ...]
"""Size, time of the content, inode and time of the inode; empty if nothing exists."""

NO_FILE: Final = b""
"""Digest of a file that does not exist."""

_TICK: Final = 50_000_000
"""Nanoseconds in which a file system with fine times may assign the same time to two changes."""
_COARSE_TICK: Final = 3_000_000_000
"""The same if its times have no fractions of a millisecond."""


def signature_at(path: str) -> Signature:
    """Return the signature of a file or folder, following links.

    Raises:
        OSError: it cannot be examined.
    """
    try:
        return _signature(os.stat(path))
    except FileNotFoundError:
        return ()


def _signature(status: os.stat_result) -> Signature:
    return status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns


def is_settled(signature: Signature, began: int) -> bool:
    """Return whether any later change of a file will change its signature.

    Args:
        began: time of the file system before the file was read, in nanoseconds.
    """
    if not signature:
        return True
    if signature == _UNKNOWN:
        return False
    _, content, _, inode = signature
    tick = _TICK if began % 1_000_000 else _COARSE_TICK
    return max(content, inode) < began - tick


@final
class Observations(NamedTuple):
    """What a load observed, as plain data.

    Args:
        files: paths of the files that it read.
        signatures: of each file; empty if it must be compared by content.
        digests: of the content of each file; ``NO_FILE`` if none existed.
        folders: each listed folder, its signature and the digest of its entries.
        links: each followed path, with the path and the kind of its target.
    """

    files: list[str]
    signatures: list[Signature]
    digests: list[bytes]
    folders: list[tuple[str, Signature, bytes]]
    links: list[tuple[str, str | None, str | None]]

    def compare(self, root: str, *, by_content: bool) -> Differences:
        """Compare with the files of today.

        Args:
            by_content: whether to trust no signature.
        """
        changed: list[int] = []
        renewed: dict[int, Signature] = {}
        for at in range(len(self.files)) if by_content else self._suspects(root):
            content = _content(root, self.files[at])
            if content is not None and digest_of(content[0]) == self.digests[at]:
                renewed[at] = content[1]
            elif self.digests[at] != NO_FILE or _signature_or_unknown(f"{root}/{self.files[at]}"):
                changed.append(at)
        tree = Folder(root)
        same_links = all(_follows(tree, *link) for link in self.links)
        listed: list[int] = []
        folders: dict[int, Signature] = {}
        for at, (path, known, entries) in enumerate(self.folders):
            signature = _signature_or_unknown(f"{root}/{path}")
            if known != signature or by_content:
                folders[at] = signature
                if _entries_at(tree, path) != entries:
                    listed.append(at)
        return Differences(same_links, frozenset(changed), frozenset(listed), renewed, folders)

    def _suspects(self, root: str) -> list[int]:
        """Return the indexes of the files whose signature differs."""
        is_relative = os.stat in os.supports_dir_fd  # a third faster
        start = "" if is_relative else f"{root}/"
        suspects: list[int] = []
        try:
            folder = os.open(root, os.O_RDONLY) if is_relative else None
        except OSError:
            return [*range(len(self.files))]
        stat = partial(os.stat, dir_fd=folder)
        try:
            for at, (path, known) in enumerate(zip(self.files, self.signatures, strict=True)):
                try:
                    status = stat(start + path)
                except OSError:  # noqa: PERF203 - a call of a function would cost more
                    suspects.append(at)
                else:
                    now = (status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)
                    if known != now:
                        suspects.append(at)
        finally:
            if folder is not None:
                os.close(folder)
        return suspects

    def renewed(self, differences: Differences, began: int) -> Observations:
        """Return the observations with today's signatures."""
        signatures = list(self.signatures)
        for at, signature in differences.renewed.items():
            signatures[at] = signature if is_settled(signature, began) else ()
        folders = list(self.folders)
        for at, signature in differences.folders.items():
            path, _, entries = folders[at]
            folders[at] = (path, signature if is_settled(signature, began) else _UNKNOWN, entries)
        return self._replace(signatures=signatures, folders=folders)


_UNKNOWN: Final[Signature] = (-1,)
"""Signature that no folder has."""


def _signature_or_unknown(path: str) -> Signature:
    try:
        return signature_at(path)
    except OSError:
        return _UNKNOWN


def _entries_at(tree: Folder, path: str) -> bytes | None:
    try:
        return entries_digest(tree.scan(path))
    except FileNotFoundError:
        return entries_digest(())
    except OSError:
        return None


@final
class Differences(NamedTuple):
    """Differences between observations and the files of today.

    Args:
        same_links: whether all links are the same.
        files: indexes of files with another content.
        listed: indexes of folders with other entries.
        renewed: signatures of files that were compared by content and are the same.
        folders: signatures of folders that were listed again.
    """

    same_links: bool
    files: frozenset[int]
    listed: frozenset[int]
    renewed: Mapping[int, Signature]
    folders: Mapping[int, Signature]

    @property
    def same_folders(self) -> bool:
        """Whether all folders and links are the same."""
        return self.same_links and not self.listed

    @property
    def is_empty(self) -> bool:
        return self.same_folders and not self.files


@final
class Recorder:
    """Tree of a folder that records what is read of it."""

    def __init__(self, root: str) -> None:
        from stepwell.source.read import read_with_status

        self.contents: dict[str, bytes] = {}
        self.is_complete_record = True
        self._below = Folder(root)
        self._read = read_with_status
        self._signatures: dict[str, Signature] = {}
        self._digests: dict[str, bytes] = {}
        self._folders: dict[str, tuple[Signature, bytes]] = {}
        self._links: dict[str, Target] = {}
        self._plain: set[str] = set()

    @property
    def is_complete(self) -> bool:
        return self._below.is_complete

    def keep(self, path: str, content: bytes, signature: Signature, digest: bytes) -> None:
        """Record a file that is known to be the same."""
        self.contents[path] = content
        self._signatures[path] = signature
        self._digests[path] = digest

    def keep_folders(self, known: Observations, differences: Differences) -> None:
        """Record folders and links that are known to be the same."""
        for at, (path, signature, entries) in enumerate(known.folders):
            self._folders[path] = (_UNKNOWN if at in differences.folders else signature), entries
        for path, target, kind in known.links:
            self._links[path] = Target(target, None if kind is None else EntryKind(kind))

    def read(self, path: str) -> bytes | Diagnostic:
        """Return the bytes of a file, or a finding."""
        outcome = self._read(self._below.root, path)
        if not isinstance(outcome, tuple):
            self.is_complete_record = False  # a failure may end without any change of the file
            return outcome
        content, status = outcome
        self.contents[path] = content
        self._signatures[path] = _signature(status)
        self._digests.pop(path, None)
        return content

    def scan(self, folder: str) -> Iterable[TreeEntry]:
        """Return the entries of a folder in any order.

        Raises:
            OSError: the folder does not exist or cannot be read.
        """
        try:
            signature = signature_at(f"{self._below.root}/{folder}")
            entries = tuple(self._below.scan(folder))
        except FileNotFoundError:
            self._folders[folder] = (), entries_digest(())
            raise
        except OSError:
            self.is_complete_record = False
            raise
        self._folders[folder] = signature, entries_digest(entries)
        # the listing shows what these are: following one of them observes nothing new
        self._plain.update(
            f"{folder}/{name}" for name, kind, is_link in entries if kind is EntryKind.FOLDER and not is_link
        )
        return entries

    def follow(self, path: str) -> Target:
        """Follow all links of a path."""
        target = self._below.follow(path)
        if path not in self._plain or target.path != path:
            self._links[path] = target
        return target

    def expect(self, paths: Iterable[str]) -> None:
        """Do nothing: files on disk need no prefetching."""

    def observations(self, began: int) -> Observations:
        """Return everything that was observed.

        Args:
            began: time of the file system before the first observation, in nanoseconds.
        """
        files = list(self.contents)
        signatures = (self._signatures[path] for path in files)
        return Observations(
            files,
            [signature if is_settled(signature, began) else () for signature in signatures],
            [self._digests.get(path) or digest_of(self.contents[path]) for path in files],
            [
                (path, signature if is_settled(signature, began) else _UNKNOWN, entries)
                for path, (signature, entries) in self._folders.items()
            ],
            [(path, target.path, target.kind and target.kind.value) for path, target in self._links.items()],
        )


def _content(root: str, path: str) -> tuple[bytes, Signature] | None:
    from stepwell.source.read import read_with_status

    content = read_with_status(root, path)
    return (content[0], _signature(content[1])) if isinstance(content, tuple) else None


def _follows(tree: Folder, path: str, target: str | None, kind: str | None) -> bool:
    followed = tree.follow(path)
    return followed.path == target and (followed.kind and followed.kind.value) == kind


def entries_digest(entries: Iterable[TreeEntry]) -> bytes:
    """Return a digest of the visible entries of a folder."""
    return digest_of("\n".join(sorted(_shown(entries))).encode("utf-8", "surrogateescape"))


def _shown(entries: Iterable[TreeEntry]) -> Iterator[str]:
    for name, kind, is_link in entries:
        if not name.startswith("."):
            yield f"{name}/{kind.value if kind is not None else ''}/{is_link:d}"
