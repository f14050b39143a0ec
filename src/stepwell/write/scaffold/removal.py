"""Removal and backup of a workspace."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import tarfile
from contextlib import suppress
from typing import Final

__all__ = ["remove"]

BACKUPS: Final = ".backup"
"""Hidden folder for backups in the workspaces folder."""


def remove(root: str, workspaces: str, workspace: str, backup: str | None) -> str | None:
    """Remove a workspace: hide it with an atomic rename, then delete it.

    A symbolic link is removed without its target.

    Args:
       workspaces: folder of all workspaces, relative to the project.
       backup: name of the archive without extension; ``None`` for no archive.

    Returns:
       The archive, relative to the project.

    Raises:
       OSError: it cannot be removed or archived, and is unchanged.
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


def _refuse_what_cannot_go(folder: str) -> None:
    """Check that all entries of a folder can be deleted."""
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
