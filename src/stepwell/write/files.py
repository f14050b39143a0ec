"""Several files put in place together: all of them, or, when something stops it, none.

Everything is written beside the project's files first, in a hidden folder of the same file system.
Then a journal says what goes where, and from then on the files are moved into place one by one. What
a failure or an interrupt leaves moved is moved back; what a killed process leaves is finished by the
next run when its journal was written, and cleared away when it was not.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
import stat
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, final

__all__ = [
    "BACKUPS",
    "STAGING",
    "Busy",
    "create",
    "left_behind",
    "recover",
    "remove",
    "write_whole",
]


STAGING: Final = ".stepwell-import"
"""The hidden folder, in the project's own."""

_JOURNAL: Final = "journal.json"


@final
class Busy(Exception):
    """Another import writes to the project at this moment."""


def write_whole(root: str, files: Sequence[tuple[str, str]]) -> None:
    """Put files in place, in the order in which they are given.

    Args:
        root: the project's folder, absolute; it is made where there is none.
        files: path, relative to it, and text of each; a path that leads out of it is refused.

    Raises:
        OSError: a file cannot be written; the project is as it was.
        Busy: another import is at it.
        ValueError: a path leads out of the project through a link.
    """
    places = [(path, _inside(root, path), text) for path, text in files]
    made = _make_folders(root)
    staging = os.path.join(root, STAGING)
    try:
        os.mkdir(staging)
    except FileExistsError:
        raise Busy from None
    with _locked(staging):
        done: list[dict[str, Any]] = []
        try:
            for step in _stage(staging, root, places):
                done.append(step)
                _move(staging, root, step)
        except BaseException:
            for step in reversed(done):
                _move_back(staging, root, step)
            shutil.rmtree(staging)
            _remove_folders(made)
            raise
        shutil.rmtree(staging, ignore_errors=True)  # all is in place; what stays is cleared by the next run


def recover(root: str) -> tuple[str, ...] | None:
    """Finish or clear away what a killed import has left.

    Args:
        root: the project's folder.

    Returns:
        The files that were put in place; ``None`` where nothing was left. A file that somebody
        has changed since stays as it is.

    Raises:
        Busy: the import is not dead.
    """
    staging = os.path.join(root, STAGING)
    if not os.path.isdir(staging) or os.path.islink(staging):
        return None
    with _locked(staging):
        finished: list[str] = []
        for step in _journal(staging):
            waiting = os.path.exists(os.path.join(staging, step["new"]))
            if waiting and _digest(os.path.join(root, step["path"])) == step["before"]:
                _move(staging, root, step)
                finished.append(str(step["shown"]))
        shutil.rmtree(staging)
    return tuple(finished)


def left_behind(root: str) -> bool:
    """Whether a killed import has left something."""
    return os.path.isdir(os.path.join(root, STAGING))


@contextmanager
def _locked(staging: str) -> Iterator[None]:
    """Hold the folder; the system lets go of it when the process ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # no such locks here: two imports at once are not told apart from a dead one
        yield
        return
    with open(os.path.join(staging, "lock"), "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Busy from None
        yield


def _stage(staging: str, root: str, places: Sequence[tuple[str, str, str]]) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    for number, (shown, path, text) in enumerate(places):
        target = os.path.join(root, path)
        new, old = f"{number}.new", f"{number}.old"
        _write(os.path.join(staging, new), text.encode())
        before = _digest(target)
        if before is not None:
            shutil.copy2(target, os.path.join(staging, old))
            os.chmod(os.path.join(staging, new), stat.S_IMODE(os.stat(target).st_mode))
        folders = [one for one in _parents(path) if not os.path.isdir(os.path.join(root, one))]
        steps.append(
            {"shown": shown, "path": path, "new": new, "old": old, "before": before, "folders": folders}
        )
    unfinished = os.path.join(staging, f"{_JOURNAL}.tmp")
    _write(unfinished, json.dumps({"version": 1, "steps": steps}).encode())
    os.replace(unfinished, os.path.join(staging, _JOURNAL))
    return steps


def _move(staging: str, root: str, step: dict[str, Any]) -> None:
    target = os.path.join(root, step["path"])
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.replace(os.path.join(staging, step["new"]), target)


def _move_back(staging: str, root: str, step: dict[str, Any]) -> None:
    target, old = os.path.join(root, step["path"]), os.path.join(staging, step["old"])
    if not os.path.exists(os.path.join(staging, step["new"])):
        if os.path.exists(old):
            os.replace(old, target)
        else:
            with suppress(FileNotFoundError):
                os.unlink(target)
    _remove_folders([os.path.join(root, one) for one in step["folders"]])


def _journal(staging: str) -> list[dict[str, Any]]:
    try:
        with open(os.path.join(staging, _JOURNAL), encoding="utf-8") as file:
            journal = json.load(file)
    except (FileNotFoundError, ValueError):  # nothing was moved yet
        return []
    steps: list[dict[str, Any]] = journal["steps"]
    return steps


def _inside(root: str, path: str) -> str:
    """The path with its links resolved, relative to the project."""
    real_root = os.path.realpath(root)
    real = os.path.realpath(os.path.join(real_root, path))
    if not real.startswith(real_root + os.sep):
        raise ValueError(f"{path} leads out of the project through a link, so nothing is written")
    return os.path.relpath(real, real_root)


def _parents(path: str) -> list[str]:
    """The folders on the way to a path, outermost first."""
    folders: list[str] = []
    while path := os.path.dirname(path):
        folders.append(path)
    return folders[::-1]


def _make_folders(folder: str) -> list[str]:
    made: list[str] = []
    while not os.path.isdir(folder):
        made.append(folder)
        folder = os.path.dirname(folder)
    for one in reversed(made):
        os.mkdir(one)
    return made[::-1]


def _remove_folders(folders: Sequence[str]) -> None:
    for folder in reversed(folders):
        with suppress(OSError):  # not empty: it is somebody else's too
            os.rmdir(folder)


def _write(path: str, content: bytes) -> None:
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _digest(path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except FileNotFoundError:
        return None


BACKUPS: Final = ".backup"
"""The hidden folder, in that of all workspaces, where ``remove`` keeps what it takes away."""


def create(root: str, folder: str, files: Mapping[str, bytes]) -> None:
    """Write a folder that does not exist: beside its place first, hidden, then there with one rename.

    What stops it leaves nothing behind.

    Args:
        root: the project's folder.
        folder: the new folder, relative to it.
        files: the bytes of each file, by its path in the new folder.

    Raises:
        OSError: it cannot be written, or something has taken its place meanwhile.
    """
    target = os.path.join(root, folder)
    parent, name = os.path.split(target)
    made = _make_folders(parent)
    staging = os.path.join(parent, f".{name}.{secrets.token_hex(8)}.tmp")
    try:
        os.mkdir(staging)
        for path, content in files.items():
            place = os.path.join(staging, path)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        _refuse_what_is_there(target, folder)
        os.rename(staging, target)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        for one in reversed(made):
            with suppress(OSError):  # not empty: it is somebody else's too
                os.rmdir(one)
        raise


def remove(root: str, workspaces: str, workspace: str, backup: str | None) -> str | None:
    """Take a workspace away: out of sight with one rename, then off the disk.

    A link is taken away as a link, and so is what it leads to left alone.

    Args:
        root: the project's folder.
        workspaces: the folder of all workspaces, relative to it.
        workspace: the id.
        backup: what to call the archive, without its ending; ``None`` for no archive.

    Returns:
        The archive, relative to the project.

    Raises:
        OSError: it cannot be taken away, or not archived; then it is still there.
    """
    folder = os.path.join(root, workspaces)
    target = os.path.join(folder, workspace)
    kept = None if backup is None else _archive(folder, workspace, backup)
    if os.path.islink(target):
        os.unlink(target)
        return kept and f"{workspaces}/{kept}"
    going = os.path.join(folder, f".{workspace}.{secrets.token_hex(8)}.tmp")
    os.rename(target, going)
    try:
        _refuse_what_cannot_go(going)
    except OSError:
        os.rename(going, target)
        raise
    shutil.rmtree(going)
    return kept and f"{workspaces}/{kept}"


def _refuse_what_is_there(target: str, shown: str) -> None:
    """An empty folder would be replaced without a word."""
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, "it exists already", shown)


def _refuse_what_cannot_go(folder: str) -> None:
    """Find out before the first file is gone whether a folder lets its entries go."""
    for here, folders, files in os.walk(folder):
        if (folders or files) and not os.access(here, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "permission denied", here)


def _archive(folder: str, workspace: str, name: str) -> str:
    backups = os.path.join(folder, BACKUPS)
    os.makedirs(backups, exist_ok=True)
    shown, number = f"{BACKUPS}/{name}.tar.gz", 2
    while os.path.lexists(os.path.join(folder, shown)):
        shown, number = f"{BACKUPS}/{name}-{number}.tar.gz", number + 1
    unfinished = os.path.join(backups, f".{secrets.token_hex(8)}.tmp")
    try:
        with open(unfinished, "xb") as file:
            with tarfile.open(fileobj=file, mode="w:gz") as archive:
                archive.add(os.path.join(folder, workspace), arcname=workspace)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, os.path.join(folder, shown))
    finally:
        with suppress(FileNotFoundError):
            os.unlink(unfinished)
    return shown
