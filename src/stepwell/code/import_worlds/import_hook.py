"""Import statements of world modules: own world first, then the core, then the environment."""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec, resolve_name
from types import ModuleType
from typing import Any, Final, Protocol, final

from stepwell.code.import_worlds.module_paths import ModuleKind, ModulePath, ModulePaths
from stepwell.code.import_worlds.module_records import ImportAttempt, ModuleRecord
from stepwell.code.import_worlds.names import CORE, PACKAGE, ModuleName

__all__ = ["ImportHook"]


class HookModules(Protocol):
    """Modules of one project, for import statements."""

    @property
    def places(self) -> ModulePaths:
        """Return the folders of the project."""

    def attempt(self) -> ImportAttempt:
        """Return a context manager that removes the modules of a failed import."""

    def name(self, place: ModulePath) -> ModuleName:
        """Return the module name of a location."""

    def current(
        self, name: ModuleName, importer: ModuleRecord | None = None
    ) -> tuple[ModuleType, ModuleRecord | None]:
        """Import a module, or return the one that was imported."""

    def imports_of(self, record: ModuleRecord) -> ImportHook:
        """Return the import functions of a module."""

    def keep(self, importer: ModuleRecord, needed: ModuleRecord) -> None:
        """Record that a module imported another."""


@final
class ImportHook:
    """Import functions of one module."""

    __slots__ = ("_facades", "_modules", "_record")

    def __init__(self, modules: HookModules, record: ModuleRecord) -> None:
        self._modules = modules
        self._record = record
        self._facades = Facades(self)

    def statement(
        self,
        name: Any,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - as the built-in calls them
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """Replace the built-in ``__import__``.

        Raises:
            ImportError: like the built-in.
        """
        record = self._record
        # C code passes an empty list and reads sys.modules next: use the environment.
        if not isinstance(name, str):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        if level == 0 and (name in record.outside or (isinstance(fromlist, list) and not fromlist)):
            return builtins.__import__(name, globals, locals, fromlist or (), 0)
        full = self._below(name, level)
        local = self._within(full) if level or full.startswith(f"{PACKAGE}.") else name
        if local is not None:
            modules = self._reach(local)
            if modules is not None:
                leaf, top = modules
                if fromlist:
                    self._fill(leaf, local, fromlist)
                    return leaf
                if level:
                    return leaf
                return top if local is name else sys.modules[PACKAGE]
            if local is not name:
                raise ModuleNotFoundError(f"No module named {local[1:]!r}", name=local[1:])
        module = builtins.__import__(name, globals, locals, fromlist or (), 0)
        if name.partition(".")[0] in FACADES:
            return self._facades.of(module)
        record.outside.add(name)
        return module

    def import_module(self, name: str, package: str | None = None) -> ModuleType:
        """Replace ``importlib.import_module``.

        Raises:
            ImportError: like the original.
        """
        full = resolve_name(name, package)
        local = self._within(full) if full.startswith(f"{PACKAGE}.") else full
        modules = self._reach(local) if local is not None else None
        if modules is not None:
            return modules[0]
        if local is not full:
            raise ModuleNotFoundError(f"No module named {full!r}", name=full)
        module = importlib.import_module(full)
        self._record.outside.add(full)
        return self._facades.of(module)

    def full_name(self, name: str) -> str:
        """Return the full name of a module of this world, or of an object in it; other names are unchanged.

        Args:
            name: dotted, with ``:`` before an object as in ``pkgutil.resolve_name``.
        """
        dotted, colon, rest = name.partition(":")
        parts = dotted.split(".")
        if not all(parts):
            return name
        for count in range(len(parts), 0, -1):
            place = self._modules.places.seen(self._record.name.world, ".".join(parts[:count]))
            if place is not None:
                return ".".join((str(self._modules.name(place)), *parts[count:])) + colon + rest
        return name

    def namespace(self, name: str = "") -> dict[str, Any]:
        """Return the globals with which the code of a module runs in this world.

        Args:
            name: full name (default: a script beside the modules).
        """
        record, read = self._record, ModuleName.read(name)
        if read is not None:
            record = ModuleRecord(read, self._modules.places.own(read.world, read.dotted), record.spec)
        statement = self._modules.imports_of(record).statement
        return {"__builtins__": {**vars(builtins), "__import__": statement}}

    def _below(self, name: str, level: int) -> str:
        """Return the absolute form of a name."""
        if not level:
            return name
        world = str(self._record.name._replace(dotted=""))
        parts = self._record.package.split(".") if self._record.package else []
        if level - 1 > len(parts):
            raise ImportError("attempted relative import beyond top-level package", name=name)
        return ".".join([world, *parts[: len(parts) - level + 1], *filter(None, [name])])

    def _within(self, full: str) -> str | None:
        """Return a full name relative to this world, with a leading dot; ``None`` for other projects.

        Raises:
            ModuleNotFoundError: the module belongs to another workspace.
        """
        name = ModuleName.read(full)
        if name is None or name.key != self._record.name.key:
            return None
        if name.world not in (self._record.name.world, CORE):
            raise ModuleNotFoundError(f"No module named {full!r}: it belongs to another workspace", name=full)
        return f".{name.dotted}"

    def _reach(self, requested: str) -> tuple[ModuleType, ModuleType] | None:
        """Import a name part by part; return its last and first module, or ``None`` for the environment."""
        known = self._record.reached.get(requested)
        if known is not None:
            return known
        if ImportAttempt.current() is not None:
            return self._walk(requested)
        with self._modules.attempt():
            return self._walk(requested)

    def _walk(self, requested: str) -> tuple[ModuleType, ModuleType] | None:
        modules, record = self._modules, self._record
        dot, dotted = requested[: requested.startswith(".")], requested.removeprefix(".")
        if requested == ".":  # `from . import x` beside the files of a root
            root, _ = modules.current(record.name._replace(dotted=""), record)
            return root, root
        top: ModuleType | None = None
        above: ModuleType | None = None
        kind: ModuleKind | None = None
        keeps = True
        parts = dotted.split(".")
        for count, last in enumerate(parts, 1):
            prefix = dot + ".".join(parts[:count])
            place = modules.places.seen(record.name.world, prefix)
            record.requested[prefix] = place
            if place is None:
                if kind is not None and (kind is not ModuleKind.FOLDER or not _is_outside(parts[0])):
                    missing = prefix.removeprefix(".")
                    raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)
                return None
            outside = modules.places.importable(place.paths[0])  # only by relative imports
            if outside is None:
                module, needed = self._import(modules.name(place))
            else:
                module, needed = importlib.import_module(outside), None
            if needed is not None:
                keeps = keeps and not needed.is_folder and not needed.is_initializing
            if above is not None and not hasattr(above, last):
                setattr(above, last, module)
            top = top or module
            above, kind = module, place.kind
        if top is None or above is None:
            return None
        if keeps:
            record.reached[requested] = above, top
        return above, top

    def _import(self, name: ModuleName) -> tuple[ModuleType, ModuleRecord | None]:
        attempt = ImportAttempt.current()
        fallen = 0 if attempt is None else len(attempt.fallen)
        try:
            return self._modules.current(name, self._record)
        except BaseException:
            for failed in () if attempt is None else attempt.fallen[fallen:]:
                self._modules.keep(self._record, failed)  # retry the importer once it is fixed
            raise

    def _fill(self, module: ModuleType, requested: str, names: Sequence[str]) -> None:
        """Import the submodules among the names of a ``from`` import."""
        for name in names:
            if name == "*":
                self._fill(
                    module, requested, [each for each in getattr(module, "__all__", ()) if each != "*"]
                )
            elif name not in vars(module) and hasattr(module, "__path__"):
                dotted = f"{requested}.{name}" if requested != "." else f".{name}"
                place = self._modules.places.seen(self._record.name.world, dotted)
                self._record.requested[dotted] = place
                if place is not None and not hasattr(module, name):
                    modules = self._reach(dotted)
                    if modules is not None and name not in vars(module):
                        setattr(module, name, modules[0])


def _is_outside(top: str) -> bool:
    """Return whether the environment has a module or package."""
    try:
        return find_spec(top) is not None
    except (ImportError, ValueError):  # a module without a spec exists
        return True


_RESOURCES: Final = (
    *("files", "contents", "is_resource", "open_binary", "open_text", "path", "read_binary", "read_text"),
)
_BY_NAME: Final[Mapping[str, tuple[str, ...]]] = {
    "importlib": (),
    "importlib.util": (),
    "importlib.resources": _RESOURCES,
    "pkgutil": ("find_loader", "get_data", "get_loader", "resolve_name"),
    "runpy": (),
    "unittest": (),
    "unittest.mock": (),
    "mock": (),
}
"""Functions whose first argument may be the name of a module."""

FACADES: Final = frozenset(name.partition(".")[0] for name in _BY_NAME)
"""Top-level names of the modules."""


class WorldNames(Protocol):
    """Names of modules as one module of a world uses them."""

    def statement(self, name: Any) -> ModuleType:
        """Replace the built-in ``__import__``."""

    def import_module(self, name: str, package: str | None = None) -> ModuleType:
        """Replace ``importlib.import_module``."""

    def full_name(self, name: str) -> str:
        """Return the name by which the import system knows a module of the world."""

    def namespace(self, name: str = "") -> dict[str, Any]:
        """Return the globals with which the code of a module runs in the world."""


@final
class Facades:
    """Copies of library modules that know the modules of a world."""

    __slots__ = ("_made", "_names")

    def __init__(self, names: WorldNames) -> None:
        self._names = names
        self._made: dict[str, ModuleType] = {}

    def of(self, module: ModuleType) -> ModuleType:
        """Return the copy of a module; the module itself if it has none."""
        name = module.__name__
        if name not in _BY_NAME or sys.modules.get(name) is not module:
            return module
        made = self._made.get(name)
        if made is None:
            made = ModuleType(name, module.__doc__)
            own = {key: value for key, value in vars(module).items() if key.startswith("__")}
            own |= {
                function: self._translating(getattr(module, function))
                for function in _BY_NAME[name]
                if hasattr(module, function)
            }
            own |= self._special(name, module)
            own["__getattr__"] = lambda attribute: self._inner(getattr(module, attribute))
            vars(made).update(own)
            self._made[name] = made
        return made

    def _inner(self, value: Any) -> Any:
        return self.of(value) if isinstance(value, ModuleType) else value

    def _translating(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def translated(target: Any, *arguments: Any, **options: Any) -> Any:
            name = self._names.full_name(target) if isinstance(target, str) else target
            return function(name, *arguments, **options)

        translated.__name__ = getattr(function, "__name__", "translated")
        translated.__doc__ = function.__doc__
        return translated

    def _special(self, name: str, module: ModuleType) -> dict[str, Any]:
        names = self._names
        if name == "importlib":
            return {"import_module": names.import_module, "__import__": names.statement}
        if name == "importlib.util":

            def find_spec(target: str, package: str | None = None) -> Any:
                return module.find_spec(names.full_name(resolve_name(target, package)))

            return {"find_spec": find_spec}
        if name == "runpy":

            def run_module(
                mod_name: str, init_globals: Mapping[str, Any] | None = None, *rest: Any, **options: Any
            ) -> Any:
                full = names.full_name(mod_name)
                around = {**(init_globals or {}), **(names.namespace(full) if full != mod_name else {})}
                return module.run_module(full, around, *rest, **options)

            def run_path(
                path_name: Any, init_globals: Mapping[str, Any] | None = None, *rest: Any, **options: Any
            ) -> Any:
                around = {**(init_globals or {}), **names.namespace()}
                return module.run_path(path_name, around, *rest, **options)

            return {"run_module": run_module, "run_path": run_path}
        if name in ("unittest.mock", "mock"):
            patch: Any = self._translating(module.patch)
            vars(patch).update(vars(module.patch))
            patch.dict = self._translating(module.patch.dict)
            patch.multiple = self._translating(module.patch.multiple)
            return {"patch": patch}
        return {}
