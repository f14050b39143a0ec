"""Copies, backs up and removes the files of a workspace."""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shutil
import tarfile
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Final, NamedTuple, final

from stepwell.model import Workspace
from stepwell.model.settings import Project
from stepwell.source.atomic_write import held, remove_leftovers
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.document import Document
from stepwell.source.tree import EntryKind
from stepwell.source.yaml_writer import to_yaml

__all__ = ["CopiedSteps", "copy_files", "remove"]

_LEFT_OUT: Final = frozenset({"__pycache__", "node_modules"})
_MAX_DEPTH: Final = 64


@final
class CopiedSteps(NamedTuple):
    """Files copied to a new workspace.

    Args:
       files: content by path in the workspace.
    """

    files: Mapping[str, bytes]
    skipped: tuple[tuple[str, str], ...]
    mentions: tuple[str, ...]


def copy_files(project: Project, source: Workspace, workspace: str) -> CopiedSteps:
    """Return the files of a workspace with the new id."""
    base = f"{project.settings.workspaces}/{source.id}"
    files: dict[str, bytes] = {}
    skipped: list[tuple[str, str]] = []
    pending = [base]
    while pending:
        here = pending.pop()
        try:
            entries = sorted(project.tree.scan(here))
        except OSError as error:
            skipped.append((here, (error.strerror or str(error)).lower()))
            continue
        for name, kind, is_link in entries:
            path = f"{here}/{name}"
            if name in _LEFT_OUT or name[0] == "." or name.endswith(".pyc"):
                continue
            if is_link:
                skipped.append((path, "it is a symbolic link"))
            elif kind is EntryKind.FOLDER and path.count("/") <= _MAX_DEPTH:
                pending.append(path)
            elif kind is EntryKind.FILE:
                content = project.tree.read(path)
                if isinstance(content, Diagnostic):
                    skipped.append((path, content.message))
                else:
                    files[path[len(base) + 1 :]] = content
            else:
                skipped.append((path, "it is not a regular file"))
    document = source.document
    if document is None:
        files["workspace.yaml"] = f"developer_id: {_written(workspace)}\n".encode()
    else:
        files[document.path[len(base) + 1 :]] = _renamed(document, workspace).encode()
    word = re.compile(rf"(?<![A-Za-z0-9_-]){re.escape(source.id)}(?![A-Za-z0-9_-])".encode("ascii"))
    mentions = tuple(path for path, content in sorted(files.items()) if word.search(content))
    return CopiedSteps(MappingProxyType(dict(sorted(files.items()))), tuple(skipped), mentions)


def _renamed(document: Document, workspace: str) -> str:
    """Replace the id in a workspace file, preserving the rest."""
    toml = document.path.endswith(".toml")
    written = json.dumps(workspace) if toml else _written(workspace)
    if "developer_id" not in document.data:
        line = f"developer_id = {written}\n" if toml else f"developer_id: {written}\n"
        return line + document.text
    start, end = document.locate(document.text).values[("developer_id",)]
    return document.text[:start] + written + document.text[end:]


def _written(workspace: str) -> str:
    """Return an id as YAML, quoted if it looks like a number."""
    return to_yaml({"x": workspace}).removeprefix("x: ").rstrip("\n")


BACKUPS: Final = ".backup"
"""Hidden folder for backups in the workspaces folder."""


def remove(root: str, workspaces: str, workspace: str, backup: str | None) -> str | None:
    """Remove a workspace: hide it with an atomic rename, then delete it.

    A symbolic link is removed without its target. Files that cannot be deleted stay in the hidden folder,
    which the next command that adds or removes a workspace deletes.

    Args:
       workspaces: folder of all workspaces, relative to the project.
       backup: name of the archive without extension; ``None`` for no archive.

    Returns:
       The archive, relative to the project.

    Raises:
       OSError: it cannot be archived or removed; it is unchanged unless some of its files were deleted.
    """
    folder = os.path.join(root, workspaces)
    target = os.path.join(folder, workspace)
    kept = None if backup is None else _archive(folder, workspace, backup)
    if os.path.islink(target):
        os.unlink(target)
        return kept and f"{workspaces}/{kept}"
    _refuse_what_cannot_go(target)
    remove_leftovers(folder)
    going = os.path.join(folder, f".{workspace}.{secrets.token_hex(8)}.tmp")
    os.rename(target, going)
    before = _entries(going)
    try:
        with held(going):
            shutil.rmtree(going)
    except OSError:
        if os.path.isdir(going) and _entries(going) == before:
            os.rename(going, target)
        raise
    return kept and f"{workspaces}/{kept}"


def _entries(folder: str) -> int:
    return sum(len(folders) + len(files) for _, folders, files in os.walk(folder))


def _refuse_what_cannot_go(folder: str) -> None:
    """Check that all entries of a folder can be deleted."""
    for here, folders, files in os.walk(folder):
        if (folders or files) and not os.access(here, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "permission denied", here)


def _archive(folder: str, workspace: str, name: str) -> str:
    backups = os.path.join(folder, BACKUPS)
    os.makedirs(backups, exist_ok=True)
    remove_leftovers(backups)
    shown, number = f"{BACKUPS}/{name}.tar.gz", 2
    while os.path.lexists(os.path.join(folder, shown)):
        shown, number = f"{BACKUPS}/{name}-{number}.tar.gz", number + 1
    unfinished = os.path.join(backups, f".{secrets.token_hex(8)}.tmp")
    try:
        with open(unfinished, "xb") as file, held(unfinished):
            with tarfile.open(fileobj=file, mode="w:gz") as archive:
                archive.add(os.path.join(folder, workspace), arcname=workspace)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, os.path.join(folder, shown))
    finally:
        with suppress(FileNotFoundError):
            os.unlink(unfinished)
    return shown
