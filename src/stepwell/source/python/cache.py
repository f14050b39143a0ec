"""Cache of file outlines on disk, so that later processes parse only changed files.

The cache is JSON in a folder of the user. Invalid content is ignored.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final, NamedTuple, final

from stepwell.source.atomic_write import is_private, read_private
from stepwell.source.python.outline import (
    Binding,
    ClassOutline,
    ImportOutline,
    Outline,
    ParseFailure,
    SourceFile,
    Stamp,
)

__all__ = ["Row", "Unfinished", "recall", "seal"]

_FORM: Final = [2, sys.implementation.name, *sys.version_info[:3]]
"""Version of the cache format and of the parser."""

_MAX_BYTES: Final = 256 * 1024 * 1024
_SAME_TICK: Final = 20_000_000
"""Nanoseconds in which a file system may assign the same timestamp to two changes."""

_CLASS: Final = (str, str, int, int, list)
_IMPORT: Final = (str, str, str, int, int, bool)
_BINDING: Final = (str, str)
_FAILURE: Final = (str, int, int)
_STAMP: Final = (int, int, int, int)


@final
class Row(NamedTuple):
    """Cached outline of a file.

    Args:
        seal: digest of the outline and of the content that it was made of.
    """

    stamp: Stamp
    content: Outline | ParseFailure
    seal: str


def seal(digest: str, content: Outline | ParseFailure) -> str:
    """Return the digest of an outline and of the content that it was made of.

    Args:
        digest: of the content.
    """
    text = json.dumps([digest, content], separators=(",", ":"))
    return hashlib.blake2b(text.encode("ascii"), digest_size=16).hexdigest()


def recall(cache: str, root: str) -> dict[str, Row]:
    """Return the cached files of a project by path; empty without a trustworthy cache."""
    content = read_private(cache, _name(root), _MAX_BYTES)
    if content is None:
        return {}
    try:
        stored = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(stored, dict) or stored.get("form") != _FORM or stored.get("root") != root:
        return {}
    files = stored.get("files")
    known: dict[str, Row] = {}
    for path, row in files.items() if isinstance(files, dict) else ():
        read = _known(row)
        if read is not None:
            known[path] = read
    return known


@final
class Unfinished:
    """A cache being written, started before the first file is read.

    Files modified at or after the timestamp of its temporary file are not cached, because they may change
    again without a new timestamp. In an unwritable folder nothing is cached.
    """

    __slots__ = ("_began", "_handle", "_path", "_root", "_target")

    def __init__(self, cache: str, root: str) -> None:
        self._root = root
        self._target = os.path.join(cache, _name(root))
        self._path = f"{self._target}.{os.urandom(8).hex()}.tmp"
        self._handle = -1
        self._began = 0
        try:
            os.makedirs(cache, mode=0o700, exist_ok=True)
            if not is_private(os.lstat(cache), stat.S_ISDIR):
                return
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
            self._handle = os.open(self._path, flags, 0o600)
            self._began = os.fstat(self._handle).st_mtime_ns
        except (OSError, ValueError):
            self.abandon()

    def finish(self, files: Iterable[SourceFile]) -> None:
        """Replace the cached outlines."""
        if self._handle < 0:
            return
        before = self._began - _SAME_TICK
        rows = {
            file.path: [file.stamp, content, seal(file.digest, content)]
            for file in files
            if (content := file.outline or file.failure) is not None
            and file.stamp is not None
            and max(file.stamp[1], file.stamp[3]) < before
        }
        text = json.dumps(
            {"form": _FORM, "root": self._root, "files": rows}, separators=(",", ":"), ensure_ascii=True
        )
        try:
            with os.fdopen(self._handle, "wb") as store:
                self._handle = -1
                store.write(text.encode("ascii"))
            os.replace(self._path, self._target)
        except OSError:
            self.abandon()

    def abandon(self) -> None:
        """Keep the existing cache."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        with suppress(OSError, ValueError):
            os.unlink(self._path)


def _name(root: str) -> str:
    key = hashlib.blake2b(root.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
    return f"sources-{key}.json"


def _known(row: Any) -> Row | None:
    if type(row) is not list or len(row) != 3 or type(row[2]) is not str:
        return None
    stamp, content, sealed = row
    if not _is_row(stamp, _STAMP) or type(content) is not list or len(content) != 3:
        return None
    size, changed, inode, moved = stamp
    if _is_row(content, _FAILURE):
        fault = ParseFailure(*content)
        return Row((size, changed, inode, moved), fault, sealed) if min(content[1:]) > 0 else None
    classes, imports, bindings = content
    if type(classes) is not list or not _are_rows(imports, _IMPORT) or not _are_rows(bindings, _BINDING):
        return None
    outlines: list[ClassOutline] = []
    for item in classes:
        if not _is_row(item, _CLASS):
            return None
        name, qualified, line, column, bases = item
        if line < 1 or column < 1 or not all(type(base) is str for base in bases):
            return None
        outlines.append(ClassOutline(name, qualified, line, column, tuple(bases)))
    outline = Outline(
        tuple(outlines), tuple(map(ImportOutline._make, imports)), tuple(map(Binding._make, bindings))
    )
    return Row((size, changed, inode, moved), outline, sealed)


def _is_row(row: Any, types: tuple[type, ...]) -> bool:
    return type(row) is list and tuple(map(type, row)) == types


def _are_rows(rows: Any, types: tuple[type, ...]) -> bool:
    return type(rows) is list and all(type(row) is list and tuple(map(type, row)) == types for row in rows)
