"""Import worlds of a project: one per workspace, and the core shared by all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import partial, reduce
from types import ModuleType, TracebackType
from typing import Any, Final, final

from stepwell.code.import_worlds.module_cache import ModuleCache
from stepwell.code.import_worlds.module_paths import ModulePaths, PathRejected
from stepwell.code.import_worlds.names import CORE, ModuleName, plain, project_key
from stepwell.source.errors import ComponentError, UnknownWorkspace
from stepwell.source.foreign_code import Translated, text_of
from stepwell.source.spelling import closest

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


_MOST_FRAMES: Final = 8
_MOST_TEXT: Final = 2_000
_OURS: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")


def path_rejected(
    places: ModulePaths, world: str, path: str, name: str | None, reason: str
) -> ComponentError:
    """Return the error for a path that is missing or not allowed."""
    folder, file = os.path.split(path)
    try:
        near = closest(file, (entry for entry in sorted(os.listdir(folder)) if entry.endswith(".py")), 3)
    except (OSError, ValueError):
        near = ()
    if file in near or "such" not in reason:
        near = ()
    return _error(places, world, path, name, 1, reason, near=near)


def missing_attribute(
    places: ModulePaths, world: str, path: str, name: str, module: object
) -> ComponentError:
    """Return the error for a file that does not define a name.

    Args:
        name: may be dotted.
    """
    owner, parts = module, name.split(".")
    while len(parts) > 1 and hasattr(owner, parts[0]):
        owner = getattr(owner, parts.pop(0))
    near = (
        closest(parts[0], sorted(each for each in vars(owner) if not each.startswith("__")), 3)
        if hasattr(owner, "__dict__")
        else ()
    )
    above = name.removesuffix(".".join(parts))
    fault = f"the file does not define `{name}`"
    return _error(
        places, world, path, name, 1, fault, looked_for=name, near=tuple(f"{above}{each}" for each in near)
    )


def import_failed(
    places: ModulePaths, world: str, path: str, name: str | None, error: BaseException
) -> ComponentError:
    """Return the error for a failed import."""
    frames = [*_frames(places, error)]
    at, line = frames.pop() if frames else (places.relative(path), 1)
    if len(frames) > _MOST_FRAMES:
        frames = frames[: _MOST_FRAMES // 2] + frames[-_MOST_FRAMES // 2 :]
    looked_for, looked_in, near = "", (), ()  # type: tuple[str, tuple[str, ...], tuple[str, ...]]
    if isinstance(error, ModuleNotFoundError) and error.name:
        missing = ModuleName.read(error.name)
        looked_for = missing.dotted if missing is not None else error.name
        looked_in = _looked_in(places, world)
        package, _, last = looked_for.rpartition(".")
        similar = closest(last, sorted(set(places.names(world, package)) - {last}), 3)
        near = tuple(f"{package}.{module}" if package else module for module in similar)
    fault = f"{type(error).__name__}: {_message(error)}".removesuffix(": ")
    compiled = places.compiled_for_another(world, looked_for) if looked_for else None
    if compiled is not None:
        fault = f"{fault}: `{compiled}` is compiled for another interpreter or platform"
    return _error(
        places,
        world,
        path,
        name,
        line,
        plain(fault, places.root),
        at=at,
        looked_for=looked_for,
        looked_in=looked_in,
        near=near,
        frames=tuple(f"{where}:{number}" for where, number in frames),
    )


def trimmed(traceback: TracebackType | None) -> TracebackType | None:
    """Return a traceback without frames of this package and the import system."""
    kept: list[TracebackType] = []
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if not file.startswith((_OURS, "<frozen importlib")):
            kept.append(traceback)
        traceback = traceback.tb_next
    after: TracebackType | None = None
    for entry in reversed(kept):
        after = TracebackType(after, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return after


def _error(
    places: ModulePaths,
    world: str,
    path: str,
    name: str | None,
    line: int,
    fault: str,
    at: str = "",
    looked_for: str = "",
    looked_in: tuple[str, ...] = (),
    near: tuple[str, ...] = (),
    frames: tuple[str, ...] = (),
) -> ComponentError:
    file = plain(places.relative(path), places.root)
    return ComponentError(
        plain(name, places.root) if name else file,
        None if world == CORE else world,
        plain(at, places.root) or file,
        line,
        fault,
        file,
        plain(looked_for, places.root),
        looked_in,
        near,
        frames,
    )


def _frames(places: ModulePaths, error: BaseException) -> Iterator[tuple[str, int]]:
    """Yield the distinct locations in world modules of a traceback, outermost first."""
    key = project_key(places.root)
    before: tuple[str, int] | None = None
    traceback = error.__traceback__
    while traceback is not None:
        called = traceback.tb_frame.f_globals.get("__name__")
        name = ModuleName.read(called) if isinstance(called, str) else None
        if name is not None and name.key == key:
            here = places.relative(traceback.tb_frame.f_code.co_filename), traceback.tb_lineno
            if here != before:
                yield here
            before = here
        traceback = traceback.tb_next
    if isinstance(error, SyntaxError) and error.filename:
        shown = places.relative(error.filename)
        if shown != error.filename.replace(os.sep, "/"):
            yield shown, error.lineno or 1


def _looked_in(places: ModulePaths, world: str) -> tuple[str, ...]:
    worlds = (world,) if world == CORE else (world, CORE)
    roots = [places.relative(root) for each in worlds for root in places.roots(each)]
    return (*dict.fromkeys(roots), "the environment")


def _message(error: BaseException) -> str:
    message = error.msg if isinstance(error, SyntaxError) and error.msg else text_of(error)
    return message if len(message) <= _MOST_TEXT else f"{message[:_MOST_TEXT]}\N{HORIZONTAL ELLIPSIS}"
