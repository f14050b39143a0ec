"""Where a world's modules lie: dotted names to files and back, and which files a world may read."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec
from typing import Final, final

from stepwell.code.import_worlds.names import CORE, PACKAGE, escaped, unescaped

__all__ = ["ModuleKind", "ModulePath", "ModulePaths", "PathRejected"]

ALWAYS_OUTSIDE: Final = frozenset({"stepwell", PACKAGE, "__main__", "__future__", *sys.builtin_module_names})
"""First parts of names that never mean a file of a world: the interpreter's own modules, and ours.

A second Stepwell inside a world would keep worlds of its own.
"""

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_MAX_DEPTH: Final = 32


class PathRejected(Exception):
    """A path is not one that a world may load; the message says why."""


class ModuleKind(Enum):
    """What a module is on disk."""

    FILE = "a file"
    PACKAGE = "a folder with __init__.py"
    FOLDER = "a folder without __init__.py"


@final
@dataclass(frozen=True, slots=True)
class ModulePath:
    """Where one module lies.

    Args:
        world: whose it is: the id of a workspace, or ``CORE``.
        paths: the file, absolute; for a folder without ``__init__.py`` every folder of the name.
    """

    world: str
    dotted: str
    kind: ModuleKind
    paths: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True)
class ModulePaths:
    """The folders of one project that hold Python sources.

    Args:
        root: the project's folder, absolute, links resolved.
        sources: the folders of the core's sources, relative to it, with ``/``, in the order of search.
        workspaces: the folder of the workspaces, relative to it.
    """

    root: str
    sources: tuple[str, ...] = ("src",)
    workspaces: str = "workspaces"

    def roots(self, world: str) -> tuple[str, ...]:
        """The absolute folders in which names of a world are looked for, before the environment."""
        if world == CORE:
            return tuple(os.path.normpath(os.path.join(self.root, folder)) for folder in self.sources)
        return (os.path.join(self.home(world), "src"),)

    def home(self, world: str) -> str:
        """The folder that all of a world lies in; names are looked for there after the environment."""
        if world == CORE:
            return self.root
        return os.path.normpath(os.path.join(self.root, self.workspaces, world))

    def is_world(self, world: str) -> bool:
        """Whether it can be the id of a workspace, or is the core."""
        return world == CORE or _ID.fullmatch(world) is not None

    def seen(self, world: str, dotted: str) -> ModulePath | None:
        """What a name means to the modules of a world; ``None`` leaves it to the environment.

        The world's own sources come first, then the core's, then the environment, then whatever else
        lies in the workspace and in the project.

        Args:
            dotted: the name; with a dot in front it is relative to the world, and never the environment's.
        """
        is_relative = dotted.startswith(".")
        dotted = dotted.removeprefix(".")
        top = dotted.partition(".")[0]
        if top in ALWAYS_OUTSIDE and not is_relative:
            return None
        worlds = (world,) if world == CORE else (world, CORE)
        for one in worlds:
            for place in self._in(one, self.roots(one), dotted):
                return place
        for one in worlds:
            for place in self._in(one, (self.home(one),), dotted):
                if is_relative or self._is_ours(one, top):
                    return place
        return None

    def own(self, world: str, dotted: str) -> ModulePath | None:
        """The module of a world whose name within it is this one; the core is not asked."""
        for place in self._in(world, (*self.roots(world), self.home(world)), dotted):
            return place if place.dotted == dotted else None
        return None

    def named(self, world: str, path: str) -> ModulePath:
        """The module that a file is to a world: one of its own, or one of the core.

        Args:
            path: the file, absolute.

        Raises:
            Refused: it is no Python file, is not there, or lies where this world may not read.
        """
        if not path.endswith(".py") or os.path.basename(path) == ".py":
            raise PathRejected("it is not a Python file: its name does not end in `.py`")
        if not os.path.isabs(path):
            raise PathRejected("its path is not absolute")
        if "\0" in path:
            raise PathRejected("its path holds a NUL")
        if os.pardir in path.split(os.sep) or not self._is_below(path, self.root):
            path = os.path.realpath(path)
        path = os.path.normpath(path)
        if not self._is_below(path, self.root):
            raise PathRejected("it lies outside the project")
        owner = self._owner(path)
        if owner not in (world, CORE):
            raise PathRejected("it belongs to another workspace")
        if not os.path.lexists(path):
            raise PathRejected("there is no such file")
        if not self._may_read(owner, path):
            raise PathRejected(
                "it is a link to a place that this world may not read, or it is no regular file"
            )
        for root in (*self.roots(owner), self.home(owner)):
            if self._is_below(path, root):
                parts = path[len(root.rstrip(os.sep)) + 1 : -len(".py")].split(os.sep)
                if parts[-1] == "__init__":
                    parts.pop()
                place = self.own(owner, ".".join(map(escaped, parts))) if parts else None
                if place is not None and place.paths == (path,):
                    return place
        raise PathRejected("another file or folder of the same name hides it")

    def names(self, world: str, package: str = "") -> Iterator[str]:
        """The names that a world could import from a package, or as first parts, without the environment's.

        Args:
            package: its dotted name; empty for the folders of sources themselves.
        """
        for one in (world, CORE):
            for root in self.roots(one):
                try:
                    entries = os.listdir(os.path.join(root, *package.split(".")))
                except (OSError, ValueError):
                    continue
                for entry in entries:
                    stem = entry.removesuffix(".py")
                    if stem.isidentifier() and stem != "__init__":
                        yield stem

    def relative(self, path: str) -> str:
        """A path as it is shown: relative to the project where it lies in it, with ``/``."""
        if self._is_below(path, self.root):
            path = path[len(self.root.rstrip(os.sep)) + 1 :]
        return path.replace(os.sep, "/")

    def _in(self, world: str, roots: tuple[str, ...], dotted: str) -> Iterator[ModulePath]:
        """The module of a name in some roots of a world: a file or package of any comes before folders."""
        parts = [unescaped(part) for part in dotted.split(".")]
        if not all(part and os.sep not in part and part not in (os.curdir, os.pardir) for part in parts):
            return
        folders: list[str] = []
        for root in roots:
            base = os.path.join(root, *parts)
            for kind, path in (
                (ModuleKind.PACKAGE, os.path.join(base, "__init__.py")),
                (ModuleKind.FILE, f"{base}.py"),
            ):
                if os.path.isfile(path) and _spelt_so(path) and self._may_read(world, path):
                    yield ModulePath(world, self._canonical(world, path, dotted), kind, (path,))
                    return
            if os.path.isdir(base) and _spelt_so(base) and self._may_enter(world, base) and _has_python(base):
                folders.append(base)
        if folders:
            yield ModulePath(
                world, self._canonical(world, folders[0], dotted), ModuleKind.FOLDER, tuple(folders)
            )

    def _canonical(self, world: str, path: str, dotted: str) -> str:
        """The one name of a file that several names reach, as ``src.tools`` and ``tools`` do."""
        for root in self.roots(world):
            if self._is_below(path, root):
                below = path[len(root.rstrip(os.sep)) + 1 :].removesuffix(".py").split(os.sep)
                if below[-1] == "__init__":
                    below.pop()
                if below:
                    name = ".".join(map(escaped, below))
                    if name == dotted:
                        return name
                    for place in self._in(world, self.roots(world), name):
                        if path in place.paths:
                            return name
        return dotted

    def _is_ours(self, world: str, top: str) -> bool:
        """Whether the environment lacks a name, or has no other file for it than the world's last resort."""
        mine = [
            os.path.realpath(path)
            for place in self._in(world, (self.home(world),), top)
            for path in place.paths
        ]
        try:
            spec = find_spec(top)
        except (ImportError, ValueError):  # a module that was made by hand has no spec, and is there
            return False
        if spec is None or (spec.origin is None and spec.submodule_search_locations is not None):
            return True  # a folder without `__init__.py` in the environment has no code to come first
        return spec.has_location and spec.origin is not None and os.path.realpath(spec.origin) in mine

    def _owner(self, path: str) -> str:
        """Whose a path is: the workspace's that it lies in, or the core's."""
        home = os.path.normpath(os.path.join(self.root, self.workspaces))
        if self._is_below(path, home):
            return path[len(home) + 1 :].split(os.sep)[0]
        return CORE

    def _may_enter(self, world: str, path: str) -> bool:
        real = os.path.realpath(path)
        if real != self.root and not self._is_below(real, self.root):
            return False
        if path == os.path.normpath(os.path.join(self.root, self.workspaces)):
            return False
        return self._owner(path) == world and self._owner(real) in (world, CORE)

    def _may_read(self, world: str, path: str) -> bool:
        """Whether a file is a regular one and lies, with links resolved, where a world may read."""
        try:
            is_file = stat.S_ISREG(os.stat(path).st_mode)
        except (OSError, ValueError):
            return False
        return is_file and self._may_enter(world, path)

    @staticmethod
    def _is_below(path: str, folder: str) -> bool:
        return path.startswith(folder.rstrip(os.sep) + os.sep)


def _spelt_so(path: str) -> bool:
    """Whether the last part of a path that exists has these very letters, on any file system."""
    folder, name = os.path.split(path)
    if not os.path.lexists(os.path.join(folder, name.swapcase())):
        return True  # capitals count here
    try:
        return name in os.listdir(folder)
    except OSError:
        return False


def _has_python(folder: str, depth: int = 0) -> bool:
    """Whether a folder holds anything that could be imported; a folder of data is no package."""
    below: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    return True
                if (
                    entry.name.isidentifier()
                    and entry.name != "__pycache__"
                    and entry.is_dir(follow_symlinks=False)
                ):
                    below.append(entry.path)
    except OSError:
        return False
    return depth < _MAX_DEPTH and any(_has_python(one, depth + 1) for one in below)
