"""Atomic writes and deletions of several files.

A single file or a new folder is written next to its target and renamed. Several files are staged in a hidden
folder of the project; a journal records the moves, which are then done one by one. A failure or an interrupt
reverts the moves. After a killed process, the next run completes the moves if the journal was written,
otherwise it deletes the staged files.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, final

from stepwell.model.settings import STAGING
from stepwell.source.atomic_write import held, lock, remove_leftovers, write_atomically, write_new

__all__ = ["STAGING", "Busy", "Changed", "is_own", "left_behind", "recover", "write_files"]

_JOURNAL: Final = "journal.json"
_MANY: Final = 64
"""More files are flushed together: to flush 5,000 files one by one takes many seconds."""


@final
class Busy(Exception):
    """Another command is writing to the project."""


@final
class Changed(Exception):
    """A file changed since it was read; nothing was written.

    Args:
       path: relative to the project.
    """

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} changed since it was read; nothing was written, so run the command again")
        self.path = path


@final
class _Entry(NamedTuple):
    """Target of a rename: a file, or a new folder with its files; or a file to delete.

    Args:
       path: relative to the project, links resolved.
       files: shown path, path in the folder, and content; ``None`` deletes the file.
    """

    path: str
    files: list[tuple[str, str, bytes | None]]

    @property
    def is_deletion(self) -> bool:
        return self.files[0][2] is None

    @property
    def is_folder(self) -> bool:
        return self.files[0][1] != ""


def write_files(
    root: str,
    files: Mapping[str, bytes | None],
    *,
    overwrite: bool = True,
    read: Mapping[str, bytes | None] | None = None,
) -> tuple[str, ...]:
    """Write and delete files in order, all or none.

    Args:
       root: absolute path of the project folder; created if missing.
       files: content by path relative to the project; ``None`` deletes a file.
       overwrite: whether files may exist.
       read: earlier content of edited files, ``None`` for missing ones, which must still be current.

    Returns:
       The changed files.

    Raises:
       OSError: a file (``filename``) cannot be written; the project is unchanged.
       Busy: another command is writing.
       Changed: a file is not as it was read.
       ValueError: a path leaves the project through a link.
    """
    made: list[str] = []
    try:
        made += _make_folders(root)
        entries = _entries(root, files, overwrite=overwrite)
        for folder in {os.path.dirname(os.path.join(root, entry.path)) for entry in entries}:
            remove_leftovers(folder)
        if len(entries) == 1 and read is None:
            _put(root, entries[0])
        elif entries:
            _put_all(root, entries, read or {})
    except BaseException as error:
        _remove_folders(made)
        if isinstance(error, OSError) and error.filename not in files:
            error.filename = next(iter(files))
        raise
    return tuple(shown for entry in entries for shown, _, _ in entry.files)


def _entries(root: str, files: Mapping[str, bytes | None], *, overwrite: bool) -> list[_Entry]:
    """Return the renames for changed files."""
    entries: dict[str, _Entry] = {}
    real_root = os.path.realpath(root)
    for shown, content in files.items():
        path = _inside(real_root, shown)
        with _about(shown):
            before = _content(os.path.join(root, path))
        if before is not None and not overwrite:
            raise FileExistsError(errno.EEXIST, "it already exists", shown)
        if before == content:
            continue
        missing = (parent for parent in _parents(path) if not os.path.isdir(os.path.join(root, parent)))
        top = next(missing, path)
        entries.setdefault(top, _Entry(top, [])).files.append((shown, path[len(top) + 1 :], content))
    return list(entries.values())


def _put(root: str, entry: _Entry) -> None:
    target = os.path.join(root, entry.path)
    if not entry.is_folder:
        shown, _, content = entry.files[0]
        with _about(shown):
            if content is None:
                os.unlink(target)
            else:
                write_atomically(Path(target), content)
        return
    parent, name = os.path.split(target)
    staged = os.path.join(parent, f".{name}.{secrets.token_hex(8)}.tmp")
    try:
        os.mkdir(staged)
        with held(staged):
            _stage(entry, staged)
            _move(staged, target, entry)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise


def _put_all(root: str, entries: Sequence[_Entry], read: Mapping[str, bytes | None]) -> None:
    recover(root)
    staging = os.path.join(root, STAGING)
    try:
        os.mkdir(staging)
    except FileExistsError:
        raise Busy from None
    with _locked(staging):
        done: list[tuple[int, _Entry]] = []
        try:
            _prepare(staging, root, entries, read)
            for number, entry in enumerate(entries):
                _check_unchanged(root, entry, read)
                done.append((number, entry))
                _move(os.path.join(staging, f"{number}.new"), os.path.join(root, entry.path), entry)
        except BaseException:
            for number, entry in reversed(done):
                _move_back(os.path.join(staging, str(number)), os.path.join(root, entry.path))
            shutil.rmtree(staging)
            raise
        shutil.rmtree(staging, ignore_errors=True)  # leftovers are deleted by the next run


def _check_unchanged(root: str, entry: _Entry, read: Mapping[str, bytes | None]) -> None:
    for shown, inner, _ in entry.files:
        if shown in read:
            path = os.path.join(root, entry.path, inner) if inner else os.path.join(root, entry.path)
            with _about(shown):
                if _content(path) != read[shown]:
                    raise Changed(shown)


def recover(root: str) -> tuple[str, ...] | None:
    """Complete or revert an interrupted transaction.

    The journal of another folder, such as one that came with a clone, cannot write hidden files or folders.

    Returns:
       The files that were written; ``None`` without an interrupted transaction. Files changed since are kept.

    Raises:
       Busy: the command is still running.
    """
    staging = os.path.join(root, STAGING)
    if not os.path.isdir(staging) or os.path.islink(staging):
        return None
    with _locked(staging):
        finished: list[str] = []
        for step in _journal(staging, root):
            new, target = os.path.join(staging, step["new"]), os.path.join(root, step["path"])
            if step.get("delete"):
                if step["before"] is not None and _digest(target) == step["before"]:
                    os.unlink(target)
                    finished.extend(step["files"])
            elif os.path.exists(new) and _digest(target) == step["before"]:
                os.makedirs(os.path.dirname(target), exist_ok=True)
                os.replace(new, target)
                finished.extend(step["files"])
        shutil.rmtree(staging)
    return tuple(finished)


def left_behind(root: str) -> bool:
    """Return whether there is an interrupted transaction."""
    return os.path.isdir(os.path.join(root, STAGING))


def is_own(root: str) -> bool:
    """Return whether an interrupted transaction was written in this folder, and is not a copy of another."""
    journal = _content_of_journal(os.path.join(root, STAGING))
    return journal.get("folder") == _identity(os.path.join(root, STAGING))


def _identity(folder: str) -> int:
    """Return a number that a copy of the folder does not have."""
    return os.stat(folder).st_ino


@contextmanager
def _about(shown: str) -> Iterator[None]:
    """Use the project-relative path in system errors."""
    try:
        yield
    except OSError as error:
        error.filename = shown
        raise


@contextmanager
def _locked(staging: str) -> Iterator[None]:
    """Lock the folder; the system releases the lock when the process ends."""
    with open(os.path.join(staging, "lock"), "w", encoding="ascii") as file:
        if lock(file.fileno()) is False:
            raise Busy
        yield


def _prepare(staging: str, root: str, entries: Sequence[_Entry], read: Mapping[str, bytes | None]) -> None:
    """Stage entries, back up replaced files, and write the journal.

    Raises:
       Changed: a file is not as it was read.
    """
    steps: list[dict[str, Any]] = []
    at_once = sys.platform == "linux" and len(entries) > _MANY  # elsewhere, sync() may return too early
    for number, entry in enumerate(entries):
        target, new = os.path.join(root, entry.path), os.path.join(staging, f"{number}.new")
        _check_unchanged(root, entry, read)
        if not entry.is_deletion:
            _stage(entry, new, flushed=not at_once)
        known = None if entry.is_folder else read.get(entry.files[0][0])
        before = _digest(target) if known is None else hashlib.sha256(known).hexdigest()
        if before is not None and not entry.is_folder:
            _keep(target, os.path.join(staging, f"{number}.old"))
            if not entry.is_deletion:
                os.chmod(new, stat.S_IMODE(os.stat(target).st_mode))
        steps.append(
            {
                "path": entry.path,
                "new": f"{number}.new",
                "before": before,
                "delete": entry.is_deletion,
                "files": [shown for shown, _, _ in entry.files],
            }
        )
    if sys.platform == "linux" and at_once:
        os.sync()
    unfinished = os.path.join(staging, f"{_JOURNAL}.tmp")
    write_new(unfinished, json.dumps({"version": 2, "folder": _identity(staging), "steps": steps}).encode())
    os.replace(unfinished, os.path.join(staging, _JOURNAL))


def _keep(target: str, place: str) -> None:
    """Keep a file that a rename replaces, by a link if possible."""
    try:
        os.link(target, place, follow_symlinks=False)
    except OSError:  # the file system has no links, or the user may not link the file
        shutil.copy2(target, place)


def _stage(entry: _Entry, place: str, *, flushed: bool = True) -> None:
    for shown, inner, content in entry.files:
        path = os.path.join(place, inner) if inner else place
        if content is None:
            continue
        with _about(shown):
            if inner:
                os.makedirs(os.path.dirname(path), exist_ok=True)
            write_new(path, content, flushed=flushed)


def _move(new: str, target: str, entry: _Entry) -> None:
    shown = entry.files[0][0]
    if entry.is_deletion:
        with _about(shown):
            os.unlink(target)
        return
    if not entry.is_folder:
        with _about(shown):
            os.replace(new, target)
        return
    if os.path.lexists(target):  # rename would silently replace an empty folder
        raise FileExistsError(errno.EEXIST, "it already exists", shown)
    with _about(shown):
        os.rename(new, target)


def _move_back(staged: str, target: str) -> None:
    if os.path.exists(f"{staged}.new"):  # not moved
        return
    if os.path.exists(f"{staged}.old"):
        os.replace(f"{staged}.old", target)
    else:
        with suppress(FileNotFoundError):
            os.replace(target, f"{staged}.new")


def _journal(staging: str, root: str) -> list[dict[str, Any]]:
    """Return the moves of a transaction; none if nothing was moved or the journal cannot be trusted."""
    journal = _content_of_journal(staging)
    steps = journal.get("steps")
    if not isinstance(steps, list):
        return []
    is_own = journal.get("folder") == _identity(staging)
    return steps if all(_is_step(step, root, is_own=is_own) for step in steps) else []


def _content_of_journal(staging: str) -> dict[str, Any]:
    try:
        with open(os.path.join(staging, _JOURNAL), encoding="utf-8") as file:
            journal = json.load(file)
    except (OSError, ValueError, RecursionError):  # nothing was moved
        return {}
    return journal if isinstance(journal, dict) else {}


def _is_step(step: Any, root: str, *, is_own: bool) -> bool:
    if not isinstance(step, dict):
        return False
    path, new, files = step.get("path"), step.get("new"), step.get("files")
    if not isinstance(path, str) or not isinstance(new, str) or not isinstance(files, list):
        return False
    is_plain = re.fullmatch(r"\d+\.new", new) and all(isinstance(file, str) for file in files)
    hidden = any(part.startswith(".") for part in path.split("/"))
    if not is_plain or not isinstance(step.get("before"), str | None):
        return False
    if (hidden or step.get("delete")) and not is_own:
        return False
    try:
        return _inside(os.path.realpath(root), path) == os.path.normpath(path)
    except ValueError:
        return False


def _inside(real_root: str, path: str) -> str:
    """Return the path with links resolved, relative to the project.

    Args:
       real_root: with links resolved.
    """
    real = os.path.realpath(os.path.join(real_root, path))
    if not real.startswith(real_root + os.sep):
        raise ValueError(f"{path} leaves the project through a symbolic link; nothing was written")
    return os.path.relpath(real, real_root)


def _parents(path: str) -> list[str]:
    """Return the parent folders of a path, outermost first."""
    folders: list[str] = []
    while path := os.path.dirname(path):
        folders.append(path)
    return folders[::-1]


def _make_folders(folder: str) -> list[str]:
    made: list[str] = []
    while not os.path.lexists(folder):
        made.append(folder)
        folder = os.path.dirname(folder)
    for item in reversed(made):
        os.mkdir(item)
    return made[::-1]


def _remove_folders(folders: Sequence[str]) -> None:
    for folder in reversed(folders):
        with suppress(OSError):  # not empty
            os.rmdir(folder)


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _digest(path: str) -> str | None:
    """Return the digest of a file, empty text for a folder, ``None`` for nothing."""
    try:
        content = _content(path)
    except IsADirectoryError:
        return ""
    return None if content is None else hashlib.sha256(content).hexdigest()
