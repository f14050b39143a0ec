"""Which Python files lie below a folder, and the bytes of one."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, final

from stepwell.sources.outline import Failure, Stamp

__all__ = ["LEFT_OUT", "MAX_BYTES", "ListedSource", "list_sources", "read_source"]

MAX_BYTES: Final = 4 * 1024 * 1024

_MAX_DEPTH: Final = 64
_NOT_LISTED: Final = (0, 0, 0, 0)
LEFT_OUT: Final = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages"})
"""Folders that hold no sources of the project's own."""
_OPEN_FLAGS: Final = (
    os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)


@final
class ListedSource(NamedTuple):
    """One file that is there.

    Args:
        path: relative to the project, with ``/``.
        real: the same with links resolved.
        stamp: of the file as it was listed.
    """

    path: str
    real: str
    stamp: Stamp


def list_sources(
    root: str, folders: Iterable[str], suffixes: tuple[str, ...] = (".py",)
) -> Iterator[ListedSource]:
    """Every Python file below some folders, once each, in no particular order.

    Hidden folders, virtual environments and what installers write are left out, and so are links that
    lead out of the project or back to a folder that they lie in. A folder that cannot be listed is given
    in the place of what it holds.

    Args:
        root: the project's folder, absolute, links resolved.
        folders: relative to it; an empty text is the project itself.
        suffixes: the endings of the files.
    """
    seen: set[str] = set()
    for folder in folders:
        real = _inside(root, f"{root}/{folder}" if folder else root)
        if real is None:
            continue
        pending = [(folder, real)]
        while pending:
            here, real_here = pending.pop()
            if here in seen or here.count("/") > _MAX_DEPTH:
                continue
            seen.add(here)
            yield from _scan(root, here, real_here, suffixes, pending)


def _scan(
    root: str, here: str, real_here: str, suffixes: tuple[str, ...], pending: list[tuple[str, str]]
) -> Iterator[ListedSource]:
    folders: list[tuple[str, str]] = []
    files: list[ListedSource] = []
    try:
        with os.scandir(f"{root}/{here}") as entries:
            for entry in entries:
                name = entry.name
                if name == "pyvenv.cfg":
                    return
                if name[0] == ".":
                    continue
                path = f"{here}/{name}" if here else name
                real = f"{real_here}/{name}" if real_here else name
                if entry.is_symlink():
                    target = _inside(root, entry.path)
                    if target is None or f"{real_here}/".startswith(f"{target}/" if target else ""):
                        continue
                    real = target
                if name.endswith(suffixes):
                    found = entry.stat()
                    if stat.S_ISREG(found.st_mode):
                        files.append(ListedSource(path, real, _stamp(found)))
                elif name not in LEFT_OUT and entry.is_dir():
                    folders.append((path, real))
    except FileNotFoundError:  # it vanished: there is nothing in it for us
        return
    except OSError:  # whoever reads it as a file will find out why, and tell
        yield ListedSource(here or ".", real_here or ".", _NOT_LISTED)
        return
    pending += folders
    yield from files


def read_source(root: str, path: str) -> tuple[bytes | Failure, Stamp | None]:
    """The bytes of one file, or why they cannot be had; and its stamp where it was the same throughout.

    Args:
        root: the project's folder.
        path: relative to it.
    """
    try:
        # Not blocking: a named pipe that took the file's place after it was listed must not hang us.
        handle = os.open(f"{root}/{path}", _OPEN_FLAGS)
    except (OSError, ValueError) as error:
        return _unreadable(error), None
    try:
        before = os.fstat(handle)
        if not stat.S_ISREG(before.st_mode):
            return Failure("it is not a regular file", 1, 1), None
        if before.st_size > MAX_BYTES:
            return Failure(f"it is larger than {MAX_BYTES // 1024} KiB", 1, 1), _stamp(before)
        content = b""
        while len(content) <= before.st_size and (more := os.read(handle, before.st_size + 1)):
            content += more
        after = os.fstat(handle)
    except OSError as error:
        return _unreadable(error), None
    finally:
        os.close(handle)
    same = _stamp(before) == _stamp(after) and len(content) == before.st_size
    return content, _stamp(before) if same else None


def _unreadable(error: OSError | ValueError) -> Failure:
    reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    return Failure(f"it cannot be read: {reason.lower()}", 1, 1)


def _inside(root: str, path: str) -> str | None:
    """A path with links resolved, relative to the project; ``None`` when it leads out of it or nowhere."""
    real = os.path.realpath(path)
    if real == root:
        return ""
    if not real.startswith(root.rstrip(os.sep) + os.sep) or not os.path.exists(real):
        return None
    return real[len(root.rstrip(os.sep)) + 1 :].replace(os.sep, "/")


def _stamp(found: os.stat_result) -> Stamp:
    return found.st_size, found.st_mtime_ns, found.st_ino, found.st_ctime_ns
