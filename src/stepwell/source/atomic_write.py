"""Atomic file writes."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "held",
    "is_private",
    "leftovers",
    "lock",
    "read_private",
    "remove_leftovers",
    "write_atomically",
    "write_new",
    "write_private",
]


def write_atomically(path: Path, content: str | bytes) -> bool:
    """Replace a file atomically; text is encoded as UTF-8 without newline conversion.

    The target of a symbolic link is written. An existing file keeps its permissions. A failed or interrupted
    write leaves no temporary file.

    Returns:
        Whether the content changed; an unchanged file is not written.

    Raises:
        OSError: the file (``filename``) or its folder cannot be read or written, or the disk is full.
    """
    try:
        return _write_atomically(path, content)
    except OSError as error:
        error.filename = str(path)  # of the target; an error of a write has no file name
        raise


def _write_atomically(path: Path, content: str | bytes) -> bool:
    content = content.encode("utf-8") if isinstance(content, str) else content
    target = type(path)(os.path.realpath(path))
    try:
        if target.read_bytes() == content:
            return False
    except FileNotFoundError:
        pass
    target.parent.mkdir(parents=True, exist_ok=True)
    while True:
        unfinished = target.with_name(f".stepwell-{os.urandom(8).hex()}.tmp")
        try:
            write_new(unfinished, b"")
            with held(unfinished):
                if not unfinished.exists():  # removed as a leftover before it was held
                    continue
                with unfinished.open("wb") as file:
                    _write(file, content)
                if target.exists():
                    unfinished.chmod(stat.S_IMODE(target.stat().st_mode))
                unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)  # gone already unless something failed
        remove_leftovers(target.parent)
        return True


def write_new(path: str | Path, content: bytes, *, flushed: bool = True) -> None:
    """Create a file and, unless the caller does it for many files at once, flush it to disk."""
    with open(path, "xb") as file:
        if flushed:
            _write(file, content)
        else:
            file.write(content)


def _write(file: IO[bytes], content: bytes) -> None:
    file.write(content)
    file.flush()
    os.fsync(file.fileno())


@contextmanager
def held(path: str | Path) -> Iterator[bool]:
    """Mark a temporary file or folder as in use until the end of the block or of the process.

    Yields:
        Whether no other process holds it.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        yield False
        return
    try:
        yield lock(handle) is True
    finally:
        os.close(handle)


def lock(handle: int) -> bool | None:
    """Lock an open file or folder until it is closed or the process ends.

    Returns:
        Whether no other process has locked it; ``None`` on platforms without such locks (Windows).
    """
    is_free: bool | None = None
    if sys.platform != "win32":
        with suppress(ImportError):
            import fcntl

            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_free = True
            except OSError:
                is_free = False
    return is_free


_TEMPORARY: Final = re.compile(r"\.(?:stepwell-|.+\.)?[0-9a-f]{16}\.tmp\Z")


def leftovers(folder: str | Path) -> tuple[str, ...]:
    """Return the names of temporary files and folders that killed processes left in a folder."""
    return tuple(name for name in _temporary(folder) if _is_left(os.path.join(folder, name)))


def remove_leftovers(folder: str | Path) -> None:
    """Remove what killed processes left in a folder."""
    for name in _temporary(folder):
        path = os.path.join(folder, name)
        with held(path) as is_left:
            if is_left and os.path.isdir(path):
                import shutil  # slow to import, and rarely needed

                shutil.rmtree(path, ignore_errors=True)
            elif is_left:
                with suppress(OSError):
                    os.unlink(path)


def _temporary(folder: str | Path) -> list[str]:
    try:
        return sorted(filter(_TEMPORARY.match, os.listdir(folder)))
    except OSError:
        return []


def _is_left(path: str) -> bool:
    with held(path) as is_left:
        return is_left


def is_private(status: os.stat_result, is_kind: Callable[[int], bool]) -> bool:
    """Return whether a file or folder is of a kind and only this user can write it."""
    if not is_kind(status.st_mode):
        return False
    if not hasattr(os, "geteuid"):
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def read_private(folder: str, name: str, max_bytes: int) -> bytes | None:
    """Return a file if only this user could have written it."""
    try:
        if not is_private(os.lstat(folder), stat.S_ISDIR):
            return None
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with open(os.open(os.path.join(folder, name), flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not is_private(status, stat.S_ISREG) or status.st_size > max_bytes:
                return None
            return file.read(status.st_size)
    except (OSError, ValueError):
        return None


def write_private(folder: str, name: str, content: bytes) -> bool:
    """Replace a file that only this user can read and write, and return whether it has the content."""
    unfinished = os.path.join(folder, f"{name}.{os.urandom(8).hex()}.tmp")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if not is_private(os.lstat(folder), stat.S_ISDIR):
            return False
        if read_private(folder, name, len(content)) == content:
            return True
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        with open(os.open(unfinished, flags, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, os.path.join(folder, name))
    except (OSError, ValueError):
        return False
    finally:
        with suppress(OSError, ValueError):
            os.unlink(unfinished)
    return True
