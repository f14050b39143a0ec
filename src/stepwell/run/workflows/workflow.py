"""Paths that a workflow names: each stays inside one folder, whatever links and dots say."""

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
"""The largest file that is read into a prompt, in bytes."""


@final
class PathEscape(StepwellError, ValueError):
    """A path leads out of the folder that a workflow may touch, or cannot be one."""

    def __init__(self, path: str, fault: str) -> None:
        self.path = path
        self.fault = fault
        super().__init__(f"`{path}` {fault}")

    def __reduce__(self) -> tuple[type[PathEscape], tuple[str, str]]:
        return PathEscape, (self.path, self.fault)


def inside(folder: str, path: str) -> str:
    """Where a path leads, as an absolute path without links.

    Args:
        folder: an absolute path.
        path: relative to it, with ``/``; it need not exist.

    Raises:
        PathEscape: it is absolute, goes up out of the folder, or a link on its way leads out.
    """
    fault = _fault(path)
    if fault:
        raise PathEscape(path, fault)
    root = os.path.realpath(folder)
    found = os.path.realpath(os.path.join(root, path))
    if found != root and not found.startswith(root.rstrip(os.sep) + os.sep):
        raise PathEscape(path, "leads out of the folder through a link")
    return found


def read_inside(folder: str, path: str) -> str:
    """The text of a file inside a folder.

    Args:
        folder: an absolute path.
        path: the file, relative to it, with ``/``.

    Raises:
        PathEscape: it is elsewhere, is no regular file, is not UTF-8, or is larger than 1 MiB.
        OSError: it cannot be read.
    """
    found = inside(folder, path)
    if not os.path.exists(found):
        raise PathEscape(path, "does not exist")
    if not os.path.isfile(found):
        raise PathEscape(path, "is not a regular file")
    with open(found, "rb") as file:
        content = file.read(MAX_TEXT + 1)
    if len(content) > MAX_TEXT:
        raise PathEscape(path, f"is larger than {MAX_TEXT // 1024} KiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PathEscape(path, "is not UTF-8 text") from None


def _fault(path: str) -> str:
    """What a path alone says against it; empty when nothing does."""
    if not path or "\0" in path:
        return "is no path"
    parts = path.replace("\\", "/").split("/")
    if path.startswith(("/", "\\", "~")) or os.path.isabs(path) or ":" in parts[0]:
        return "is absolute, and must be relative to the folder"
    depth = 0
    for part in parts:
        depth += -1 if part == ".." else part not in ("", ".")
        if depth < 0:
            return "leads out of the folder"
    return ""


@final
@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow, checked.

    Args:
        stated: what stands below its key ``workflow``.
    """

    document: Document
    stated: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.stated["name"])

    @property
    def description(self) -> str:
        """What it is for; empty where it does not say."""
        return str(self.stated.get("description", ""))

    @property
    def steps(self) -> tuple[Mapping[str, Any], ...]:
        """Its steps, as they are stated."""
        return tuple(self.stated["steps"])

    @property
    def variables(self) -> Mapping[str, Any]:
        """Its variables, each with the value that it begins with."""
        return _mapping(self.stated, "variables")

    @property
    def defaults(self) -> Mapping[str, Any]:
        """What its steps say where they do not say it themselves."""
        return _mapping(self.stated, "defaults")

    @property
    def output_folder(self) -> str:
        """The folder below a run's outputs that files are kept in; empty for the outputs themselves."""
        return str(self.stated.get("output_dir") or self.defaults.get("output_dir") or "")

    def limit(self, name: str, default: Any) -> Any:
        """One of its ``resource_limits``, or the default."""
        return _mapping(self.stated, "resource_limits").get(name, default)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self.steps)


def _mapping(stated: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = stated.get(key)
    return found if isinstance(found, Mapping) else {}
