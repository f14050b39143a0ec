"""What ``import`` means inside a module of a world: its world first, then the core, then the environment."""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec, resolve_name
from types import ModuleType
from typing import Any, Protocol, final

from stepwell.code.import_worlds.module_paths import ModuleKind, ModulePath, ModulePaths
from stepwell.code.import_worlds.module_records import ImportAttempt, ModuleRecord
from stepwell.code.import_worlds.names import CORE, PACKAGE, ModuleName

__all__ = ["ImportHook"]


class HookModules(Protocol):
    """The modules of one project, as import statements need them."""

    @property
    def places(self) -> ModulePaths:
        """The folders of the project."""

    def attempt(self) -> ImportAttempt:
        """One import, whose modules are removed if it fails."""

    def name(self, place: ModulePath) -> ModuleName:
        """The name of the module in a location."""

    def current(
        self, name: ModuleName, importer: ModuleRecord | None = None
    ) -> tuple[ModuleType, ModuleRecord | None]:
        """Import a module, or return the one that was imported."""

    def keep(self, importer: ModuleRecord, needed: ModuleRecord) -> None:
        """Record that a module imported another."""


@final
class ImportHook:
    """The imports of one module."""

    __slots__ = ("_importlib", "_modules", "_record")

    def __init__(self, modules: HookModules, record: ModuleRecord) -> None:
        self._modules = modules
        self._record = record
        self._importlib: ModuleType | None = None

    def statement(
        self,
        name: Any,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - as the built-in calls them
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """What stands for the built-in ``__import__``, with the same arguments.

        Raises:
            ImportError: as the built-in does.
        """
        record = self._record
        # An empty list comes from C code that looks into sys.modules next: it means the environment's.
        if not isinstance(name, str):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        if level == 0 and (name in record.outside or (isinstance(fromlist, list) and not fromlist)):
            return builtins.__import__(name, globals, locals, fromlist or (), 0)
        full = self._below(name, level)
        asked = self._within(full) if level or full.startswith(f"{PACKAGE}.") else name
        if asked is not None:
            found = self._reach(asked)
            if found is not None:
                leaf, top = found
                if fromlist:
                    self._fill(leaf, asked, fromlist)
                    return leaf
                if level:
                    return leaf
                return top if asked is name else sys.modules[PACKAGE]
            if asked is not name:
                raise ModuleNotFoundError(f"No module named {asked[1:]!r}", name=asked[1:])
        module = builtins.__import__(name, globals, locals, fromlist or (), 0)
        if name.partition(".")[0] == "importlib":
            return self._facade if module is importlib else module
        record.outside.add(name)
        return module

    def import_module(self, name: str, package: str | None = None) -> ModuleType:
        """What stands for ``importlib.import_module``, with the same arguments.

        Raises:
            ImportError: as that does.
        """
        full = resolve_name(name, package)
        asked = self._within(full) if full.startswith(f"{PACKAGE}.") else full
        found = self._reach(asked) if asked is not None else None
        if found is not None:
            return found[0]
        if asked is not full:
            raise ModuleNotFoundError(f"No module named {full!r}", name=full)
        module = importlib.import_module(full)
        self._record.outside.add(full)
        return self._facade if module is importlib else module

    @property
    def _facade(self) -> ModuleType:
        """``importlib`` as this module has it: a name given to it means what it means to ``import``."""
        if self._importlib is None:
            facade = ModuleType("importlib", importlib.__doc__)
            vars(facade).update(
                {name: value for name, value in vars(importlib).items() if name.startswith("__")},
                import_module=self.import_module,
                __import__=self.statement,
                __getattr__=lambda attribute: getattr(importlib, attribute),
            )
            self._importlib = facade
        return self._importlib

    def _below(self, name: str, level: int) -> str:
        """The full name that a relative one means; an absolute one is that already."""
        if not level:
            return name
        world = str(self._record.name._replace(dotted=""))
        parts = self._record.package.split(".") if self._record.package else []
        if level - 1 > len(parts):
            raise ImportError("attempted relative import beyond top-level package", name=name)
        return ".".join([world, *parts[: len(parts) - level + 1], *filter(None, [name])])

    def _within(self, full: str) -> str | None:
        """What a full name is within this world, with a dot in front; ``None`` for another project's.

        Raises:
            ModuleNotFoundError: it names a module of another workspace.
        """
        name = ModuleName.read(full)
        if name is None or name.key != self._record.name.key:
            return None
        if name.world not in (self._record.name.world, CORE):
            raise ModuleNotFoundError(f"No module named {full!r}: it is another workspace's", name=full)
        return f".{name.dotted}"

    def _reach(self, asked: str) -> tuple[ModuleType, ModuleType] | None:
        """The last and the first module of a name, imported part by part; ``None`` for the environment's."""
        known = self._record.reached.get(asked)
        if known is not None:
            return known
        if ImportAttempt.current() is not None:
            return self._walk(asked)
        with self._modules.attempt():
            return self._walk(asked)

    def _walk(self, asked: str) -> tuple[ModuleType, ModuleType] | None:
        modules, record = self._modules, self._record
        dot, dotted = asked[: asked.startswith(".")], asked.removeprefix(".")
        if asked == ".":  # `from . import x` beside the files of a root
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
            record.asked[prefix] = place
            if place is None:
                if kind is not None and (kind is not ModuleKind.FOLDER or not _is_outside(parts[0])):
                    missing = prefix.removeprefix(".")
                    raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)
                return None
            module, needed = self._import(modules.name(place))
            if needed is not None:
                keeps = keeps and not needed.is_folder and not needed.is_initializing
            if above is not None and not hasattr(above, last):
                setattr(above, last, module)
            top = top or module
            above, kind = module, place.kind
        if top is None or above is None:
            return None
        if keeps:
            record.reached[asked] = above, top
        return above, top

    def _import(self, name: ModuleName) -> tuple[ModuleType, ModuleRecord | None]:
        attempt = ImportAttempt.current()
        fallen = 0 if attempt is None else len(attempt.fallen)
        try:
            return self._modules.current(name, self._record)
        except BaseException:
            for one in () if attempt is None else attempt.fallen[fallen:]:
                self._modules.keep(self._record, one)  # mended, it would be got: whoever tried must try again
            raise

    def _fill(self, module: ModuleType, asked: str, names: Sequence[str]) -> None:
        """Import the modules among the names that ``from`` takes out of a package."""
        for name in names:
            if name == "*":
                self._fill(module, asked, [one for one in getattr(module, "__all__", ()) if one != "*"])
            elif name not in vars(module) and hasattr(module, "__path__"):
                dotted = f"{asked}.{name}" if asked != "." else f".{name}"
                place = self._modules.places.seen(self._record.name.world, dotted)
                self._record.asked[dotted] = place
                if place is not None and not hasattr(module, name):
                    found = self._reach(dotted)
                    if found is not None and name not in vars(module):
                        setattr(module, name, found[0])


def _is_outside(top: str) -> bool:
    """Whether the environment has a module or package of a name."""
    try:
        return find_spec(top) is not None
    except (ImportError, ValueError):  # a module that was made by hand has no spec, and is there
        return True
