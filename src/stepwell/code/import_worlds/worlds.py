"""The import worlds of one project: each workspace's, and the core's that all of them share."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial, reduce
from types import ModuleType
from typing import Any, Final, final

from stepwell.code.import_worlds.import_errors import import_failed, missing_attribute, refused, trimmed
from stepwell.code.import_worlds.module_cache import ModuleCache
from stepwell.code.import_worlds.module_paths import ModulePaths, PathRejected
from stepwell.code.import_worlds.names import CORE, ModuleName
from stepwell.source.errors import ComponentError, UnknownWorkspace
from stepwell.source.foreign_code import Translated

__all__ = ["World", "Worlds"]

_NOTHING: Final = object()


@final
class World:
    """What one workspace's code is to Python, from one Snapshot to the next; safe in threads.

    What was loaded once stays what it is here, whatever is edited later.

    Args:
        workspace: its id, ``None`` for the core.
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
        """The name in ``sys.modules`` that all modules of this world lie below."""
        return str(ModuleName(self._modules.key, self._world, ""))

    def load(self, path: str, name: str | None = None) -> Any:
        """Import a file, unless it was imported already, and give what it defines.

        Args:
            path: the file, absolute: in this workspace, or of the core, whose modules all worlds share.
            name: of a class, a function or anything else, dotted for what lies in a class; left out, the
                module.

        Raises:
            ComponentError: the path may not be loaded, the import fails or exits, or there is no such
                name; what the user's code raised is the cause.
        """
        found: Any = self._loaded.get((path, name), _NOTHING)
        if found is not _NOTHING:
            return found
        module = self._module(path, name)
        if name is None:
            return self._loaded.setdefault((path, name), module)
        places = self._modules.places
        try:
            with Translated(partial(self._failed, path, name), AttributeError):
                found = reduce(getattr, name.split("."), module)
        except AttributeError:
            raise missing_attribute(places, self._world, path, name, module) from None
        return self._loaded.setdefault((path, name), found)

    def _module(self, path: str, name: str | None) -> ModuleType:
        known = self._files.get(path)
        if known is not None:
            return known
        places = self._modules.places
        try:
            place = places.named(self._world, path)
        except PathRejected as refusal:
            raise refused(places, self._world, path, name, str(refusal)) from None
        with Translated(partial(self._failed, path, name)), self._modules.attempt():
            module, _ = self._modules.current(self._modules.name(place), held=True)
        return self._files.setdefault(path, module)

    def _failed(self, path: str, name: str | None, error: BaseException) -> ComponentError:
        failure = import_failed(self._modules.places, self._world, path, name, error)
        error.__traceback__ = trimmed(error.__traceback__)
        return failure


@final
class Worlds:
    """All worlds of a project between two changes of its files: one generation.

    Args:
        root: the project's folder, absolute, links resolved.
        sources: the folders of the core's sources, relative to it, in the order of search.
        workspaces: the folder of the workspaces, relative to it.
    """

    __slots__ = ("_modules", "_places", "_worlds", "renewed")

    def __init__(self, root: str, sources: Iterable[str] = ("src",), workspaces: str = "workspaces") -> None:
        self._places = ModulePaths(root, tuple(sources), workspaces)
        self._modules = ModuleCache.of(self._places)
        self._worlds: dict[str | None, World] = {}
        self.renewed: frozenset[str] = frozenset()
        """The names of the modules that the last change made old."""

    def __repr__(self) -> str:
        return f"<Worlds at {self._places.root}>"

    def world_of(self, workspace: str | None) -> World:
        """One workspace's world, the same one each time; the core's for ``None``.

        Raises:
            UnknownWorkspace: it cannot be the id of a workspace.
        """
        found = self._worlds.get(workspace)
        if found is not None:
            return found
        if workspace is not None and (workspace == CORE or not self._places.is_world(workspace)):
            raise UnknownWorkspace(workspace)
        return self._worlds.setdefault(workspace, World(workspace, self._modules))

    def renew(
        self,
        changed: Iterable[str] | None = None,
        sources: Iterable[str] | None = None,
        workspaces: str | None = None,
    ) -> Worlds:
        """The next generation: what changed, and all that imports it, is loaded anew there.

        The worlds of this generation go on giving what they gave.

        Args:
            changed: files and folders that may have changed, relative to the project; ``None`` for all.
            sources: the core's folders, where the settings say other ones now.
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
