"""Checked workflows, and paths confined to one folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from stepwell.source.document import Document
from stepwell.source.errors import StepwellError

__all__ = [
    "PathEscape",
    "Workflow",
    "inside",
    "read_inside",
]


MAX_TEXT: Final = 1024 * 1024
"""Maximum size of a file in a prompt, in bytes."""


@final
class PathEscape(StepwellError, ValueError):
    """The path is outside the workflow's folder or invalid."""

    def __init__(self, path: str, fault: str) -> None:
        self.path = path
        self.fault = fault
        super().__init__(f"`{path}` {fault}")

    def __reduce__(self) -> tuple[type[PathEscape], tuple[str, str]]:
        return PathEscape, (self.path, self.fault)


def inside(folder: str, path: str) -> str:
    """Return the absolute target of a path, with links resolved.

    Args:
        folder: absolute.
        path: relative with ``/``; need not exist.

    Raises:
        PathEscape: the path is absolute, or leaves the folder with ``..`` or a link.
    """
    fault = _fault(path)
    if fault:
        raise PathEscape(path, fault)
    root = os.path.realpath(folder)
    target = os.path.realpath(os.path.join(root, path))
    if target != root and not target.startswith(root.rstrip(os.sep) + os.sep):
        raise PathEscape(path, "is outside the folder (through a link)")
    return target


def read_inside(folder: str, path: str) -> str:
    """Return the text of a file inside a folder.

    Args:
        folder: absolute.
        path: relative with ``/``.

    Raises:
        PathEscape: outside the folder, not a regular file, not UTF-8, or larger than 1 MiB.
        OSError: the file cannot be read.
    """
    target = inside(folder, path)
    if not os.path.exists(target):
        raise PathEscape(path, "does not exist")
    if not os.path.isfile(target):
        raise PathEscape(path, "is not a regular file")
    with open(target, "rb") as file:
        content = file.read(MAX_TEXT + 1)
    if len(content) > MAX_TEXT:
        raise PathEscape(path, f"is larger than {MAX_TEXT // 1024} KiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PathEscape(path, "is not UTF-8 text") from None


def _fault(path: str) -> str:
    """Return the problem of a path, regardless of the file system; empty if none."""
    if not path or "\0" in path:
        return "is not a valid path"
    parts = path.replace("\\", "/").split("/")
    if path.startswith(("/", "\\", "~")) or os.path.isabs(path) or ":" in parts[0]:
        return "must be relative to the folder"
    depth = 0
    for part in parts:
        depth += -1 if part == ".." else part not in ("", ".")
        if depth < 0:
            return "is outside the folder"
    return ""


@final
@dataclass(frozen=True, slots=True)
class Workflow:
    """A checked workflow.

    Args:
        stated: content of the key ``workflow``.
    """

    document: Document
    stated: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Return the declared name."""
        return str(self.stated["name"])

    @property
    def description(self) -> str:
        """Return the description; empty if missing."""
        return str(self.stated.get("description", ""))

    @property
    def steps(self) -> tuple[Mapping[str, Any], ...]:
        """Return the steps as declared."""
        return tuple(self.stated["steps"])

    @property
    def variables(self) -> Mapping[str, Any]:
        """Return the variables with their initial values."""
        return _mapping(self.stated, "variables")

    @property
    def defaults(self) -> Mapping[str, Any]:
        """Return the defaults of all steps."""
        return _mapping(self.stated, "defaults")

    @property
    def output_folder(self) -> str:
        """Return the subfolder of outputs for files; empty for none."""
        return str(self.stated.get("output_dir") or self.defaults.get("output_dir") or "")

    def limit(self, name: str, default: Any) -> Any:
        """Return one of the ``resource_limits``, or the default."""
        return _mapping(self.stated, "resource_limits").get(name, default)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self.steps)


def _mapping(stated: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = stated.get(key)
    return value if isinstance(value, Mapping) else {}
