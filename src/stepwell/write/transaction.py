"""Several files put in place together: all of them, or, when something stops it, none.

One rename is atomic, so a single file or a new folder is written beside its place, hidden, and renamed.
Several of them are staged in a hidden folder of the project. A journal then says what goes where, and from
then on they are moved into place one by one. What a failure or an interrupt leaves moved is moved back. What
a killed process leaves is finished by the next run when its journal was written, else cleared away.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, final

from stepwell.source.atomic_write import write_atomically, write_new

__all__ = ["STAGING", "Busy", "left_behind", "recover", "write_files"]


STAGING: Final = ".stepwell-import"
"""The hidden folder, in the project's own."""

_JOURNAL: Final = "journal.json"


@final
class Busy(Exception):
    """Another command writes to the project at this moment."""


@final
class _Entry(NamedTuple):
    """What one rename puts in place: a file, or the topmost folder that is new, with all its files.

    Args:
        path: relative to the project, with its links resolved.
    """

    path: str
    files: list[tuple[str, str, bytes]]

    @property
    def is_folder(self) -> bool:
        return self.files[0][1] != ""


def write_files(root: str, files: Mapping[str, bytes], *, overwrite: bool = True) -> tuple[str, ...]:
    """Put files in place, in the order in which they are given.

    Args:
        root: the project's folder, absolute; it is made where there is none.
        files: the content of each file, by its path relative to the project.
        overwrite: whether a file may exist already.

    Returns:
        The files that changed; a file that already has its content is not touched.

    Raises:
        OSError: a file cannot be written, its ``filename``; the project is as it was.
        Busy: another command is at it.
        ValueError: a path leads out of the project through a link.
    """
    made: list[str] = []
    try:
        made += _make_folders(root)
        entries = _entries(root, files, overwrite=overwrite)
        if len(entries) == 1:
            _put(root, entries[0])
        elif entries:
            _put_all(root, entries)
    except BaseException as error:
        _remove_folders(made)
        if isinstance(error, OSError) and error.filename not in files:
            error.filename = next(iter(files))
        raise
    return tuple(shown for entry in entries for shown, _, _ in entry.files)


def _entries(root: str, files: Mapping[str, bytes], *, overwrite: bool) -> list[_Entry]:
    """The renames that files come to; those that hold their content already need none."""
    entries: dict[str, _Entry] = {}
    for shown, content in files.items():
        path = _inside(root, shown)
        with _about(shown):
            before = _content(os.path.join(root, path))
        if before is not None and not overwrite:
            raise FileExistsError(errno.EEXIST, "it exists already", shown)
        if before == content:
            continue
        missing = (one for one in _parents(path) if not os.path.isdir(os.path.join(root, one)))
        top = next(missing, path)
        entries.setdefault(top, _Entry(top, [])).files.append((shown, path[len(top) + 1 :], content))
    return list(entries.values())


def _put(root: str, entry: _Entry) -> None:
    target = os.path.join(root, entry.path)
    if not entry.is_folder:
        shown, _, content = entry.files[0]
        with _about(shown):
            write_atomically(Path(target), content)
        return
    parent, name = os.path.split(target)
    staged = os.path.join(parent, f".{name}.{secrets.token_hex(8)}.tmp")
    try:
        _stage(entry, staged)
        _move(staged, target, entry)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise


def _put_all(root: str, entries: Sequence[_Entry]) -> None:
    recover(root)
    staging = os.path.join(root, STAGING)
    try:
        os.mkdir(staging)
    except FileExistsError:
        raise Busy from None
    with _locked(staging):
        done: list[tuple[int, _Entry]] = []
        try:
            _prepare(staging, root, entries)
            for number, entry in enumerate(entries):
                done.append((number, entry))
                _move(os.path.join(staging, f"{number}.new"), os.path.join(root, entry.path), entry)
        except BaseException:
            for number, entry in reversed(done):
                _move_back(os.path.join(staging, str(number)), os.path.join(root, entry.path))
            shutil.rmtree(staging)
            raise
        shutil.rmtree(staging, ignore_errors=True)  # all is in place; what stays is cleared by the next run


def recover(root: str) -> tuple[str, ...] | None:
    """Finish or clear away what a killed command has left.

    Returns:
        The files that were put in place; ``None`` where nothing was left. A file that somebody
        has changed since stays as it is.

    Raises:
        Busy: the command is not dead.
    """
    staging = os.path.join(root, STAGING)
    if not os.path.isdir(staging) or os.path.islink(staging):
        return None
    with _locked(staging):
        finished: list[str] = []
        for step in _journal(staging):
            new, target = os.path.join(staging, step["new"]), os.path.join(root, step["path"])
            if os.path.exists(new) and _digest(target) == step["before"]:
                os.makedirs(os.path.dirname(target), exist_ok=True)
                os.replace(new, target)
                finished.extend(step["files"])
        shutil.rmtree(staging)
    return tuple(finished)


def left_behind(root: str) -> bool:
    """Whether a killed command has left something."""
    return os.path.isdir(os.path.join(root, STAGING))


@contextmanager
def _about(shown: str) -> Iterator[None]:
    """Have an error of the system name the file as the project does."""
    try:
        yield
    except OSError as error:
        error.filename = shown
        raise


@contextmanager
def _locked(staging: str) -> Iterator[None]:
    """Hold the folder; the system lets go of it when the process ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # no such locks here: two commands at once are not told apart from a dead one
        yield
        return
    with open(os.path.join(staging, "lock"), "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Busy from None
        yield


def _prepare(staging: str, root: str, entries: Sequence[_Entry]) -> None:
    """Stage all entries, keep what they replace, and write the journal."""
    steps: list[dict[str, Any]] = []
    for number, entry in enumerate(entries):
        target, new = os.path.join(root, entry.path), os.path.join(staging, f"{number}.new")
        _stage(entry, new)
        before = _digest(target)
        if before is not None and not entry.is_folder:
            shutil.copy2(target, os.path.join(staging, f"{number}.old"))
            os.chmod(new, stat.S_IMODE(os.stat(target).st_mode))
        steps.append(
            {
                "path": entry.path,
                "new": f"{number}.new",
                "before": before,
                "files": [shown for shown, _, _ in entry.files],
            }
        )
    unfinished = os.path.join(staging, f"{_JOURNAL}.tmp")
    write_new(unfinished, json.dumps({"version": 2, "steps": steps}).encode())
    os.replace(unfinished, os.path.join(staging, _JOURNAL))


def _stage(entry: _Entry, place: str) -> None:
    for shown, inner, content in entry.files:
        path = os.path.join(place, inner) if inner else place
        with _about(shown):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            write_new(path, content)


def _move(new: str, target: str, entry: _Entry) -> None:
    shown = entry.files[0][0]
    if not entry.is_folder:
        with _about(shown):
            os.replace(new, target)
        return
    if os.path.lexists(target):  # an empty folder would be replaced without a word
        raise FileExistsError(errno.EEXIST, "it exists already", shown)
    with _about(shown):
        os.rename(new, target)


def _move_back(staged: str, target: str) -> None:
    if os.path.exists(f"{staged}.new"):  # it was not moved
        return
    if os.path.exists(f"{staged}.old"):
        os.replace(f"{staged}.old", target)
    else:
        with suppress(FileNotFoundError):
            os.replace(target, f"{staged}.new")


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
    while not os.path.lexists(folder):
        made.append(folder)
        folder = os.path.dirname(folder)
    for one in reversed(made):
        os.mkdir(one)
    return made[::-1]


def _remove_folders(folders: Sequence[str]) -> None:
    for folder in reversed(folders):
        with suppress(OSError):  # not empty: it is somebody else's too
            os.rmdir(folder)


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _digest(path: str) -> str | None:
    """What is at a path: a digest, an empty text for a folder, ``None`` for nothing."""
    try:
        content = _content(path)
    except IsADirectoryError:
        return ""
    return None if content is None else hashlib.sha256(content).hexdigest()
