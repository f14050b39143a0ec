"""Removal of a workspace, with an archive of it."""

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
"""The hidden folder, in that of all workspaces, where ``remove`` keeps what it takes away."""


def remove(root: str, workspaces: str, workspace: str, backup: str | None) -> str | None:
    """Take a workspace away: out of sight with one rename, then off the disk.

    A link is taken away as a link, and so is what it leads to left alone.

    Args:
        workspaces: the folder of all workspaces, relative to it.
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
