"""What of a project is worth looking at: its folders, the way to them, and the links in them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

from stepwell.documents import SUFFIXES
from stepwell.project import CONFIG_NAME, Project

__all__ = ["CONFIG_NAMES", "Watched", "entries", "is_definition", "links_below", "watched"]

CONFIG_NAMES: Final = (CONFIG_NAME, "pyproject.toml")

_NOT_OURS: Final = "src"
"""The folder of a workspace in which nothing is read, and which may be large."""


@final
@dataclass(frozen=True, slots=True)
class Watched:
    """What of a project is looked at.

    Args:
        root: the project's folder.
        core: the folder of the core, relative to the project.
        workspaces: the folder of all workspaces.
        deep: those folders, each looked at with all below it; neither lies in another.
        way: the folders that lead to them, relative to the project, the project's own (empty) first.
        links: each link in them to what it leads to, an absolute path in the project.
    """

    root: str
    core: str
    workspaces: str
    deep: tuple[str, ...]
    way: tuple[str, ...]
    links: Mapping[str, str]

    def matters(self, path: str) -> bool:
        """Whether anything could be read at a path below one of the deep folders."""
        for folder in self.deep:
            if path == folder:
                return True
            if path.startswith(f"{folder}/"):
                below = path[len(folder) + 1 :]
                return not (below.startswith(".") or "/." in below or self._is_source(path))
        return False

    def _is_source(self, path: str) -> bool:
        if not path.startswith(f"{self.workspaces}/"):
            return False
        parts = path[len(self.workspaces) + 1 :].split("/", 2)
        return len(parts) > 1 and parts[1] == _NOT_OURS


def watched(project: Project) -> Watched:
    """What of a project is looked at now."""
    core, workspaces = project.settings.core, project.settings.workspaces
    both = {core, workspaces}
    deep = tuple(
        sorted(one for one in both if not any(one.startswith(f"{other}/") for other in both if other != one))
    )
    way = {""}
    for folder in deep:
        parts = folder.split("/")[:-1]
        way.update("/".join(parts[: place + 1]) for place in range(len(parts)))
    bare = Watched(project.root, core, workspaces, deep, tuple(sorted(way)), MappingProxyType({}))
    links: dict[str, str] = {}
    for folder in (*way, *deep):
        if folder and os.path.islink(f"{project.root}/{folder}"):
            links.update(_link(project.root, folder))
    for name in CONFIG_NAMES:
        if os.path.islink(f"{project.root}/{name}"):
            links.update(_link(project.root, name))
    for folder in deep:
        links.update(links_below(bare, folder))
    return Watched(project.root, core, workspaces, deep, bare.way, MappingProxyType(links))


def links_below(watched: Watched, folder: str) -> dict[str, str]:
    """The links below a folder, each with what it leads to; those that leave the project are left out."""
    found: dict[str, str] = {}
    for path, entry in entries(watched, folder):
        if entry.is_symlink():
            found.update(_link(watched.root, path))
    return found


def entries(watched: Watched, folder: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every entry below a folder that may matter, with its path relative to the project.

    Links to folders of the project are followed, as the listing of definitions follows them.
    """
    pending = [folder]
    while pending:
        here = pending.pop()
        try:
            with os.scandir(f"{watched.root}/{here}") as scan:
                found = list(scan)
        except OSError:
            continue
        for entry in found:
            path = f"{here}/{entry.name}"
            if not watched.matters(path):
                continue
            yield path, entry
            if _leads_on(watched.root, here, entry):
                pending.append(path)


def is_definition(path: str) -> bool:
    """Whether a file of this name is read, or told that its name keeps it from being read."""
    return path[path.rfind(".") :].lower() in SUFFIXES


def _leads_on(root: str, here: str, entry: os.DirEntry[str]) -> bool:
    try:
        if not entry.is_dir():
            return False
    except OSError:
        return False
    if not entry.is_symlink():
        return True
    real = os.path.realpath(entry.path)
    return _inside(root, real) and not f"{os.path.realpath(f'{root}/{here}')}/".startswith(f"{real}/")


def _link(root: str, path: str) -> dict[str, str]:
    real = os.path.realpath(f"{root}/{path}")
    return {path: real} if _inside(root, real) else {}


def _inside(root: str, path: str) -> bool:
    return path.startswith(root + os.sep)
