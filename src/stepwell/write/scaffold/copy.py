"""Copies the files of a workspace."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, final

from stepwell.model import Workspace
from stepwell.model.settings import Project
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.document import Document
from stepwell.source.tree import EntryKind
from stepwell.source.yaml_writer import to_yaml

__all__ = ["CopiedSteps", "copy_files"]

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
