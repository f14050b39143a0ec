"""Import worlds of a project: one per workspace, and the core shared by all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial, reduce
from types import ModuleType
from typing import Any, Final, final

from stepwell.code.import_worlds.import_errors import import_failed, missing_attribute, path_rejected, trimmed
from stepwell.code.import_worlds.module_cache import ModuleCache
from stepwell.code.import_worlds.module_paths import ModulePaths, PathRejected
from stepwell.code.import_worlds.names import CORE, ModuleName
from stepwell.source.errors import ComponentError, UnknownWorkspace
from stepwell.source.foreign_code import Translated

__all__ = ["World", "Worlds"]

_NOTHING: Final = object()


@final
class World:
    """Import world of one workspace between two changes; thread-safe.

    Loaded objects never change, even if files are edited later.

    Args:
        workspace: ``None`` for the core.
    """

    __slots__ = ("_files", "_loaded", "_modules", "_world", "workspace")

    def __init__(self, workspace: str | None, modules: ModuleCache) -> None:
        self.workspace = workspace
        self._world = CORE if workspace is None else workspace
        self._modules = modules
        self._files: dict[str, ModuleType] = {}
        self._loaded: dict[tuple[str, str | None], Any] = {}

    def __repr__(self) -> str:
        whose = "the core" if self.workspace is None else f"workspace {self.workspace}"
        return f"<World of {whose} at {self._modules.places.root}>"

    @property
    def package(self) -> str:
        """Return the parent package of all modules of this world."""
        return str(ModuleName(self._modules.key, self._world, ""))

    def load(self, path: str, name: str | None = None) -> Any:
        """Import a file and return an object that it defines.

        Args:
            path: absolute path in this workspace or the core.
            name: of any object, may be dotted (default: the module).

        Raises:
            ComponentError: the path is not allowed, the import fails, or the name is missing; the user's
                exception is the cause.
        """
        loaded: Any = self._loaded.get((path, name), _NOTHING)
        if loaded is not _NOTHING:
            return loaded
        module = self._module(path, name)
        if name is None:
            return self._loaded.setdefault((path, name), module)
        places = self._modules.places
        try:
            with Translated(partial(self._failed, path, name), AttributeError):
                loaded = reduce(getattr, name.split("."), module)
        except AttributeError:
            raise missing_attribute(places, self._world, path, name, module) from None
        return self._loaded.setdefault((path, name), loaded)

    def _module(self, path: str, name: str | None) -> ModuleType:
        known = self._files.get(path)
        if known is not None:
            return known
        places = self._modules.places
        try:
            place = places.named(self._world, path)
        except PathRejected as rejection:
            raise path_rejected(places, self._world, path, name, str(rejection)) from None
        with Translated(partial(self._failed, path, name)), self._modules.attempt():
            module, _ = self._modules.current(self._modules.name(place), held=True)
        return self._files.setdefault(path, module)

    def _failed(self, path: str, name: str | None, error: BaseException) -> ComponentError:
        failure = import_failed(self._modules.places, self._world, path, name, error)
        error.__traceback__ = trimmed(error.__traceback__)
        return failure


@final
class Worlds:
    """All import worlds of a project between two changes of its files.

    Args:
        root: absolute, with links resolved.
        sources: source folders of the core, relative to ``root``, in search order.
        workspaces: folder of the workspaces, relative to ``root``.
    """

    __slots__ = ("_modules", "_places", "_worlds", "renewed")

    def __init__(self, root: str, sources: Iterable[str] = ("src",), workspaces: str = "workspaces") -> None:
        self._places = ModulePaths(root, tuple(sources), workspaces)
        self._modules = ModuleCache.of(self._places)
        self._worlds: dict[str | None, World] = {}
        self.renewed: frozenset[str] = frozenset()
        """Names of the modules that the last change invalidated."""

    def __repr__(self) -> str:
        return f"<Worlds at {self._places.root}>"

    def importable(self, path: str) -> str | None:
        """Return the name by which the process imports a file of the core itself, if any."""
        return self._places.importable(path)

    def world_of(self, workspace: str | None) -> World:
        """Return the world of a workspace; ``None`` is the core.

        Raises:
            UnknownWorkspace: the id is invalid.
        """
        world = self._worlds.get(workspace)
        if world is not None:
            return world
        if workspace is not None and (workspace == CORE or not self._places.is_world(workspace)):
            raise UnknownWorkspace(workspace)
        return self._worlds.setdefault(workspace, World(workspace, self._modules))

    def renew(
        self,
        changed: Iterable[str] | None = None,
        sources: Iterable[str] | None = None,
        workspaces: str | None = None,
    ) -> Worlds:
        """Return the worlds after a change, which reload changed modules and their importers.

        The existing worlds keep their objects.

        Args:
            changed: paths that may have changed, relative to the project; ``None`` for all.
            sources: default: unchanged.
        """
        after = object.__new__(Worlds)
        after._places = ModulePaths(
            self._places.root,
            self._places.sources if sources is None else tuple(sources),
            self._places.workspaces if workspaces is None else workspaces,
        )
        after._modules = self._modules
        after._worlds = {}
        hints = None if changed is None else [os.path.join(after._places.root, path) for path in changed]
        after.renewed = self._modules.renew(hints, after._places)
        return after
