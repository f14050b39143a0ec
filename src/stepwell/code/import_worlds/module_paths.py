"""Module locations of worlds, and which files a world may read."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from enum import Enum
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from typing import Final, final

from stepwell.code.import_worlds.names import CORE, PACKAGE, escaped, unescaped
from stepwell.source.immutable import record

__all__ = ["ModuleKind", "ModulePath", "ModulePaths", "PathRejected"]

ALWAYS_OUTSIDE: Final = frozenset({"stepwell", PACKAGE, "__main__", "__future__", *sys.builtin_module_names})
"""Top-level names that never refer to files of a world; a second Stepwell would have its own worlds."""

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_MAX_DEPTH: Final = 32


class PathRejected(Exception):
    """A world may not load the path; the message explains why."""


class ModuleKind(Enum):
    """Kind of a module on disk."""

    FILE = "a file"
    EXTENSION = "a compiled file"
    PACKAGE = "a folder with __init__.py"
    FOLDER = "a folder without __init__.py"


@final
@record
class ModulePath:
    """Location of one module.

    Args:
        world: id of a workspace, or ``CORE``.
        paths: absolute file, or all folders of the name without ``__init__.py``.
    """

    world: str
    dotted: str
    kind: ModuleKind
    paths: tuple[str, ...]


@final
@record
class ModulePaths:
    """Source folders of one project.

    Args:
        root: absolute, with links resolved.
        sources: source folders of the core, relative to ``root``, in search order.
        workspaces: folder of the workspaces, relative to ``root``.
    """

    root: str
    sources: tuple[str, ...] = ("src",)
    workspaces: str = "workspaces"

    def roots(self, world: str) -> tuple[str, ...]:
        """Return the absolute source folders of a world, searched before the environment."""
        if world == CORE:
            return tuple(os.path.normpath(os.path.join(self.root, folder)) for folder in self.sources)
        return (os.path.join(self.home(world), "src"),)

    def home(self, world: str) -> str:
        """Return the folder of a world, searched after the environment."""
        if world == CORE:
            return self.root
        return os.path.normpath(os.path.join(self.root, self.workspaces, world))

    def is_world(self, world: str) -> bool:
        """Return whether a name is a valid workspace id or the core."""
        return world == CORE or _ID.fullmatch(world) is not None

    def seen(self, world: str, dotted: str) -> ModulePath | None:
        """Return the module of a name as seen from a world; ``None`` leaves it to the environment.

        Search order: own sources, core sources, environment, folder of the workspace, folder of the project.
        Core packages that the process imports itself are left to the environment.

        Args:
            dotted: a leading dot excludes the environment.
        """
        is_relative = dotted.startswith(".")
        dotted = dotted.removeprefix(".")
        top = dotted.partition(".")[0]
        if top in ALWAYS_OUTSIDE and not is_relative:
            return None
        worlds = (world,) if world == CORE else (world, CORE)
        for each in worlds:
            for place in self._in(each, self.roots(each), dotted):
                return None if not is_relative and self.importable(place.paths[0]) else place
        for each in worlds:
            for place in self._in(each, (self.home(each),), dotted):
                if is_relative or (self._is_ours(each, top) and not self.importable(place.paths[0])):
                    return place
        return None

    def importable(self, path: str) -> str | None:
        """Return the name by which the process imports a module of the core, ``None`` outside its packages.

        A source folder with ``__init__.py`` counts only if the process has imported it: modules in it may
        import each other without its name.

        Args:
            path: absolute, a file or a folder.
        """
        if not self._is_below(path, self.root) or self._owner(path) != CORE:
            return None
        parts = _without_suffix(path[len(self.root.rstrip(os.sep)) + 1 :]).split(os.sep)
        for count, top in enumerate(parts, 1):
            folder = os.path.join(self.root, *parts[:count])
            package = os.path.join(folder, "__init__.py")
            if not os.path.isfile(package) or (folder in self.roots(CORE) and top not in sys.modules):
                continue
            if _origin(top) == os.path.realpath(package):
                return ".".join(parts[count - 1 :]).removesuffix(".__init__")
        return None

    def own(self, world: str, dotted: str) -> ModulePath | None:
        """Return the module of a world by name, without the core."""
        for place in self._in(world, (*self.roots(world), self.home(world)), dotted):
            return place if place.dotted == dotted else None
        return None

    def named(self, world: str, path: str) -> ModulePath:
        """Return the module of a file of a world or the core.

        Args:
            path: absolute.

        Raises:
            PathRejected: not a Python file, missing, or not readable for this world.
        """
        if not path.endswith(".py") or os.path.basename(path) == ".py":
            raise PathRejected("not a Python file: the name must end in `.py`")
        if not os.path.isabs(path):
            raise PathRejected("the path is not absolute")
        if "\0" in path:
            raise PathRejected("the path contains a NUL character")
        if os.pardir in path.split(os.sep) or not self._is_below(path, self.root):
            path = os.path.realpath(path)
        path = os.path.normpath(path)
        if not self._is_below(path, self.root):
            raise PathRejected("outside the project")
        owner = self._owner(path)
        if owner not in (world, CORE):
            raise PathRejected("belongs to another workspace")
        if not os.path.lexists(path):
            raise PathRejected("no such file")
        if not self._may_read(owner, path):
            raise PathRejected("not a regular file, or a link to a location that this world may not read")
        for root in (*self.roots(owner), self.home(owner)):
            if self._is_below(path, root):
                parts = path[len(root.rstrip(os.sep)) + 1 : -len(".py")].split(os.sep)
                if parts[-1] == "__init__":
                    parts.pop()
                place = self.own(owner, ".".join(map(escaped, parts))) if parts else None
                if place is not None and place.paths == (path,):
                    return place
        raise PathRejected("hidden by another file or folder of the same name")

    def names(self, world: str, package: str = "") -> Iterator[str]:
        """Yield the names that a world can import from a package, without the environment.

        Args:
            package: dotted name; empty for top-level names.
        """
        for each in (world, CORE):
            for root in self.roots(each):
                try:
                    entries = os.listdir(os.path.join(root, *package.split(".")))
                except (OSError, ValueError):
                    continue
                for entry in entries:
                    stem = _without_suffix(entry)
                    if stem.isidentifier() and stem != "__init__":
                        yield stem

    def compiled_for_another(self, world: str, dotted: str) -> str | None:
        """Return the compiled file of a module that this interpreter cannot load, if there is one."""
        *folders, last = dotted.split(".")
        for each in (world, CORE):
            for root in self.roots(each):
                folder = os.path.join(root, *folders)
                try:
                    entries = sorted(os.listdir(folder))
                except (OSError, ValueError):
                    continue
                for entry in entries:
                    if entry.startswith(f"{last}.") and entry.endswith((".so", ".pyd", ".dylib")):
                        return self.relative(os.path.join(folder, entry))
        return None

    def relative(self, path: str) -> str:
        """Return a path for display, relative to the project if possible."""
        if self._is_below(path, self.root):
            path = path[len(self.root.rstrip(os.sep)) + 1 :]
        return path.replace(os.sep, "/")

    def _in(self, world: str, roots: tuple[str, ...], dotted: str) -> Iterator[ModulePath]:
        """Yield the module of a name; files and packages of any root come before folders."""
        parts = [unescaped(part) for part in dotted.split(".")]
        if not all(part and os.sep not in part and part not in (os.curdir, os.pardir) for part in parts):
            return
        folders: list[str] = []
        for root in roots:
            base = os.path.join(root, *parts)
            for kind, path in (
                (ModuleKind.PACKAGE, os.path.join(base, "__init__.py")),
                *((ModuleKind.EXTENSION, f"{base}{suffix}") for suffix in EXTENSION_SUFFIXES),
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
        """Return the canonical name of a file with several names, such as ``src.tools`` and ``tools``."""
        for root in self.roots(world):
            if self._is_below(path, root):
                below = _without_suffix(path[len(root.rstrip(os.sep)) + 1 :]).split(os.sep)
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
        """Return whether the environment has no other file for a name."""
        mine = [
            os.path.realpath(path)
            for place in self._in(world, (self.home(world),), top)
            for path in place.paths
        ]
        try:
            spec = find_spec(top)
        except (ImportError, ValueError):  # a module without a spec exists
            return False
        if spec is None or (spec.origin is None and spec.submodule_search_locations is not None):
            return True  # namespace packages of the environment have no code
        return _origin(top) in mine

    def _owner(self, path: str) -> str:
        """Return the workspace that contains a path, or the core."""
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
        """Return whether a world may read a file, with links resolved."""
        try:
            is_file = stat.S_ISREG(os.stat(path).st_mode)
        except (OSError, ValueError):
            return False
        return is_file and self._may_enter(world, path)

    @staticmethod
    def _is_below(path: str, folder: str) -> bool:
        return path.startswith(folder.rstrip(os.sep) + os.sep)


def _origin(top: str) -> str | None:
    """Return the file of a top-level module of the environment with links resolved, without importing it."""
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):  # a module without a spec exists
        return None
    return os.path.realpath(spec.origin) if spec is not None and spec.has_location and spec.origin else None


def _without_suffix(path: str) -> str:
    """Return the path of a Python file or a compiled file without its suffix."""
    suffixes = (".py", *EXTENSION_SUFFIXES)
    return next((path.removesuffix(suffix) for suffix in suffixes if path.endswith(suffix)), path)


def _spelt_so(path: str) -> bool:
    """Return whether the case of an existing path matches exactly, on any file system."""
    folder, name = os.path.split(path)
    if not os.path.lexists(os.path.join(folder, name.swapcase())):
        return True  # case-sensitive
    try:
        return name in os.listdir(folder)
    except OSError:
        return False


def _has_python(folder: str, depth: int = 0) -> bool:
    """Return whether a folder contains Python files, directly or in subfolders."""
    below: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith((".py", *EXTENSION_SUFFIXES)):
                    return True
                if (
                    entry.name.isidentifier()
                    and entry.name != "__pycache__"
                    and entry.is_dir(follow_symlinks=False)
                ):
                    below.append(entry.path)
    except OSError:
        return False
    return depth < _MAX_DEPTH and any(_has_python(path, depth + 1) for path in below)
