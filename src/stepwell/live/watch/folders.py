"""Watched paths of a project: folders of definitions and Python, and links in them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Final, final

from stepwell.model.settings import CONFIG_NAMES, Project
from stepwell.source.immutable import record
from stepwell.source.read import SUFFIXES

__all__ = ["Watched", "entries", "folders_changed_since", "link_at", "links_below", "watched"]

_CODE: Final = "src"
"""Python source folder of a workspace, which contains no definitions."""

_NOT_OURS: Final = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages"})
"""Folders written by tools, which are ignored."""


@final
@record
class Watched:
    """Watched paths of a project, with ``/`` on every platform.

    Args:
        core: relative to the project.
        deep: folders to watch recursively; none contains another.
        way: parent folders of ``deep``, relative to the project, starting with the project itself ("").
        links: absolute targets of links, inside the project.
    """

    root: str
    core: str
    workspaces: str
    sources: tuple[str, ...]
    deep: tuple[str, ...]
    way: tuple[str, ...]
    links: Mapping[str, str]

    def relative(self, path: str, separator: str = os.sep) -> str | None:
        """Return an absolute path relative to the project: "" for itself, ``None`` outside of it."""
        path = _slashed(path, separator)
        if path == self.root:
            return ""
        return path[len(self.root) + 1 :] if _inside(self.root, path) else None

    def ways(self, path: str, separator: str = os.sep) -> set[str]:
        """Return the relative paths of an absolute path, also through each link."""
        direct = self.relative(path, separator)
        if direct is None:
            return set()
        path = _slashed(path, separator)
        through = (
            link + path[len(real) :] for link, real in self.links.items() if f"{path}/".startswith(f"{real}/")
        )
        return {direct, *through}

    def matters(self, path: str) -> bool:
        """Return whether a file at the path could be relevant."""
        for folder in self.deep:
            if path == folder:
                return True
            if path.startswith(f"{folder}/"):
                parts = path[len(folder) + 1 :].split("/")
                return not any(part.startswith(".") or part in _NOT_OURS for part in parts)
        return False

    def is_read(self, path: str) -> bool:
        """Return whether a file of this name is read, or reported as misnamed."""
        suffix = path[path.rfind(".") :].lower()
        if suffix == ".py":
            return path.startswith(tuple(f"{source}/" for source in self.sources)) or self._is_code(path)
        if suffix not in SUFFIXES or self._is_code(path):
            return False
        return path.startswith((f"{self.core}/", f"{self.workspaces}/"))

    def moved_links(self) -> tuple[str, ...]:
        """Return the links that lead elsewhere than before, also through a link in a hidden folder."""
        return tuple(link for link, real in self.links.items() if _real(f"{self.root}/{link}") != real)

    def _is_code(self, path: str) -> bool:
        if not path.startswith(f"{self.workspaces}/"):
            return False
        parts = path[len(self.workspaces) + 1 :].split("/", 2)
        return len(parts) > 1 and parts[1] == _CODE


def watched(project: Project) -> Watched:
    """Return the currently watched paths of a project."""
    core, workspaces = project.settings.core, project.settings.workspaces
    sources = project.settings.component_folders
    every = {core, workspaces, *sources}
    deep = tuple(
        sorted(
            folder
            for folder in every
            if not any(folder.startswith(f"{other}/") for other in every if other != folder)
        )
    )
    way = {""}
    for folder in deep:
        parts = folder.split("/")[:-1]
        way.update("/".join(parts[: place + 1]) for place in range(len(parts)))
    root = _slashed(project.root)
    bare = Watched(root, core, workspaces, sources, deep, tuple(sorted(way)), MappingProxyType({}))
    links: dict[str, str] = {}
    for folder in (*way, *deep):
        if folder and os.path.islink(f"{root}/{folder}"):
            links.update(link_at(root, folder))
    for name in CONFIG_NAMES:
        if os.path.islink(f"{root}/{name}"):
            links.update(link_at(root, name))
    for folder in deep:
        links.update(links_below(bare, folder))
    return replace(bare, links=MappingProxyType(links))


def links_below(watched: Watched, folder: str) -> dict[str, str]:
    """Return the links below a folder with their targets, except those that leave the project."""
    links: dict[str, str] = {}
    for path, entry in entries(watched, folder):
        if entry.is_symlink():
            links.update(link_at(watched.root, path))
    return links


def entries(watched: Watched, folder: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield every relevant entry below a folder with its relative path.

    Links to folders inside the project are followed.
    """
    pending = [folder]
    while pending:
        here = pending.pop()
        try:
            with os.scandir(f"{watched.root}/{here}") as scan:
                listed = list(scan)
        except OSError:
            continue
        for entry in listed:
            path = f"{here}/{entry.name}"
            if not watched.matters(path):
                continue
            yield path, entry
            if _leads_on(watched.root, here, entry):
                pending.append(path)


def folders_changed_since(watched: Watched, then: float) -> Iterator[str]:
    """Yield the folders in which entries were added or removed after a time.

    Args:
        then: seconds since the epoch.
    """
    for top in watched.deep:
        below = (path for path, entry in entries(watched, top) if os.path.isdir(entry.path))
        for folder in (top, *below):
            with suppress(OSError):  # deleted: a parent folder has changed
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
    real = _real(entry.path)
    return _inside(root, real) and not f"{_real(f'{root}/{here}')}/".startswith(f"{real}/")


def link_at(root: str, path: str) -> dict[str, str]:
    """Return a link with its target; nothing if it leaves the project."""
    real = _real(f"{root}/{path}")
    return {path: real} if _inside(root, real) else {}


def _inside(root: str, path: str) -> bool:
    return path.startswith(f"{root}/")


def _real(path: str) -> str:
    return _slashed(os.path.realpath(path))


def _slashed(path: str, separator: str = os.sep) -> str:
    return path.replace(separator, "/")
