"""What of a project is worth looking at: its folders of definitions and of Python, and the links in them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, final

from stepwell.model.settings import CONFIG_NAME, Project
from stepwell.source.read import SUFFIXES

__all__ = ["CONFIG_NAMES", "Watched", "entries", "folders_changed_since", "links_below", "watched"]

CONFIG_NAMES: Final = (CONFIG_NAME, "pyproject.toml")

_CODE: Final = "src"
"""The folder of a workspace in which Python is read, and no definition."""

_NOT_OURS: Final = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages"})
"""Folders that tools write, in which nothing is read."""


@final
@dataclass(frozen=True, slots=True)
class Watched:
    """What of a project is looked at.

    Args:
        core: the folder of the core, relative to the project.
        deep: those folders, each looked at with all below it; none lies in another.
        way: the folders that lead to them, relative to the project, the project's own (empty) first.
        links: each link in them to what it leads to, an absolute path in the project.
    """

    root: str
    core: str
    workspaces: str
    sources: tuple[str, ...]
    deep: tuple[str, ...]
    way: tuple[str, ...]
    links: Mapping[str, str]

    def matters(self, path: str) -> bool:
        """Whether anything could be read at a path below one of the deep folders."""
        for folder in self.deep:
            if path == folder:
                return True
            if path.startswith(f"{folder}/"):
                parts = path[len(folder) + 1 :].split("/")
                return not any(part.startswith(".") or part in _NOT_OURS for part in parts)
        return False

    def is_read(self, path: str) -> bool:
        """Whether a file of this name is read, or told that its name keeps it from being read."""
        suffix = path[path.rfind(".") :].lower()
        if suffix == ".py":
            return path.startswith(tuple(f"{one}/" for one in self.sources)) or self._is_code(path)
        if suffix not in SUFFIXES or self._is_code(path):
            return False
        return path.startswith((f"{self.core}/", f"{self.workspaces}/"))

    def _is_code(self, path: str) -> bool:
        if not path.startswith(f"{self.workspaces}/"):
            return False
        parts = path[len(self.workspaces) + 1 :].split("/", 2)
        return len(parts) > 1 and parts[1] == _CODE


def watched(project: Project) -> Watched:
    """What of a project is looked at now."""
    core, workspaces = project.settings.core, project.settings.workspaces
    sources = project.settings.component_folders
    every = {core, workspaces, *sources}
    deep = tuple(
        sorted(
            one for one in every if not any(one.startswith(f"{other}/") for other in every if other != one)
        )
    )
    way = {""}
    for folder in deep:
        parts = folder.split("/")[:-1]
        way.update("/".join(parts[: place + 1]) for place in range(len(parts)))
    bare = Watched(project.root, core, workspaces, sources, deep, tuple(sorted(way)), MappingProxyType({}))
    links: dict[str, str] = {}
    for folder in (*way, *deep):
        if folder and os.path.islink(f"{project.root}/{folder}"):
            links.update(_link(project.root, folder))
    for name in CONFIG_NAMES:
        if os.path.islink(f"{project.root}/{name}"):
            links.update(_link(project.root, name))
    for folder in deep:
        links.update(links_below(bare, folder))
    return replace(bare, links=MappingProxyType(links))


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


def folders_changed_since(watched: Watched, then: float) -> Iterator[str]:
    """The folders in which an entry came or went after a time.

    Args:
        then: seconds since the epoch.
    """
    for top in watched.deep:
        below = (path for path, entry in entries(watched, top) if os.path.isdir(entry.path))
        for folder in (top, *below):
            with suppress(OSError):  # it is gone: then one above it has changed
                if os.stat(f"{watched.root}/{folder}").st_ctime > then:
                    yield folder


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
