"""Loaded modules of a project, and the single entry point for importing them."""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Final, final

from stepwell.code.import_worlds.finder import FINDER
from stepwell.code.import_worlds.import_hook import ImportHook
from stepwell.code.import_worlds.module_paths import ModuleKind, ModulePath, ModulePaths
from stepwell.code.import_worlds.module_records import ImportAttempt, ModuleRecord, outdated
from stepwell.code.import_worlds.names import CORE, ModuleName, escaped, project_key
from stepwell.source.fork_lock import ForkLock

__all__ = ["ModuleCache"]

_LEAF: Final = ("__name__",)
"""``fromlist`` that makes ``__import__`` return the last module of a dotted name."""


@final
class ModuleCache:
    """The modules of one project, shared by everything that opens it in this process.

    ``sys.modules`` stores them under private names, with the locks of the import system. The cache records
    dependencies, so that an edit reloads all dependents.
    """

    __slots__ = ("_records", "_writing", "key", "places")

    def __init__(self, places: ModulePaths) -> None:
        self.key = project_key(places.root)
        self.places = places
        self._records: dict[str, ModuleRecord] = {}
        self._writing = ForkLock()  # not held while user code runs

    @classmethod
    def of(cls, places: ModulePaths) -> ModuleCache:
        """Return the modules of a project, refreshed if they were loaded before."""
        mine = cls(places)
        shared = FINDER.enter(mine.key, mine)
        if shared is not mine:
            shared.renew(None, places)
        return shared

    def attempt(self) -> ImportAttempt:
        """Return a context manager that removes the modules of a failed import."""
        return ImportAttempt(self._remove)

    def name(self, place: ModulePath) -> ModuleName:
        """Return the module name of a location."""
        return ModuleName(self.key, place.world, place.dotted)

    def current(
        self, name: ModuleName, importer: ModuleRecord | None = None, *, held: bool = False
    ) -> tuple[ModuleType, ModuleRecord | None]:
        """Import a module or return the loaded one, unless its text is outdated.

        Args:
            held: whether a caller keeps objects of it, so that it survives a failed outer import.
        """
        full = str(name)
        while True:
            self._expel(full)
            module = builtins.__import__(full, None, None, _LEAF, 0)
            with self._writing:
                if sys.modules.get(full) is not module:
                    continue  # removed by a failed import
                record = self._records.get(full)
                if record is None:
                    return module, None
                if record.stale and not self._is_busy(full):
                    continue  # changed during the import
                if importer is not None:
                    self.keep(importer, record)
                record.held |= held
                return module, record

    def is_in_use(self, record: ModuleRecord) -> bool:
        """Return whether a module is the current one of its name."""
        return self._records.get(str(record.name)) is record

    def core_package(self, name: ModuleName, attribute: str) -> ModuleType | None:
        """Return the core's package of a folder, unless the folder has a module with the attribute's name."""
        if name.world == CORE or self.places.own(name.world, f"{name.dotted}.{escaped(attribute)}"):
            return None
        place = self.places.own(CORE, name.dotted)
        outside = None if place is None else self.places.importable(place.paths[0])
        if outside is not None:
            return _outside(outside, attribute)
        if place is None or place.kind is not ModuleKind.PACKAGE:
            return None
        return self.current(self.name(place), self._records.get(str(name)))[0]

    def imports_of(self, record: ModuleRecord) -> ImportHook:
        """Return the import functions of a module."""
        return ImportHook(self, record)

    def keep(self, importer: ModuleRecord, needed: ModuleRecord) -> None:
        """Record that a module imported another."""
        with self._writing:
            importer.needs.add(needed)
            importer.stale |= needed.stale

    @contextmanager
    def importing(self, record: ModuleRecord) -> Iterator[None]:
        """Register a module while it runs; remove it if it fails."""
        full = str(record.name)
        attempt = ImportAttempt.current()
        with self._writing:
            self._records[full] = record
            above = self._records.get(full.rpartition(".")[0])
            if above is not None:
                record.needs.add(above)
        try:
            yield
        except BaseException:
            with self._writing:
                if self._records.get(full) is record:
                    del self._records[full]
                self._unbind(record.name, sys.modules.get(full))
            if attempt is not None:
                attempt.fallen.append(record)
            raise
        if attempt is not None:
            attempt.added.append(record)

    def renew(self, changed: Iterable[str] | None, places: ModulePaths) -> frozenset[str]:
        """Remove the modules that are outdated; return their names.

        Existing objects keep working. Modules that are being imported are removed afterwards.

        Args:
            changed: absolute paths that may have changed; ``None`` for all.
        """
        hints = None if changed is None else frozenset(os.path.normpath(path) for path in changed)
        with self._writing:
            self.places = places
            old, around = outdated(self._records.values(), places, _hinted(hints))
            for record in old:
                record.stale = True
            gone = [record for record in old if not self._is_busy(str(record.name))]
            values = {id(sys.modules.get(str(record.name))) for record in gone}
            self._drop(gone)
            for record in sorted(around, key=lambda record: str(record.name), reverse=True):
                self._recreate(record, values)
        return frozenset(str(record.name) for record in old)

    def _recreate(self, record: ModuleRecord, gone: set[int]) -> None:
        """Replace a package without code that provides outdated modules."""
        full = str(record.name)
        before = sys.modules.get(full)
        if before is None or record.is_initializing:
            return
        after = ModuleType(full)
        for attribute, value in vars(before).items():
            if isinstance(value, ModuleType) and (id(value) in gone or not _is_current(value)):
                value = sys.modules.get(value.__name__)  # already recreated
                if value is None:
                    continue
            vars(after)[attribute] = value
        sys.modules[full] = after
        above, _, last = full.rpartition(".")
        package = self._records.get(above)
        if package is None or not package.is_folder:  # otherwise it is recreated next
            setattr(sys.modules[above], last, after)

    def _remove(self, added: list[ModuleRecord]) -> None:
        """Remove the modules of a failed import, except those that others have imported since."""
        with self._writing:
            gone = {record for record in added if self.is_in_use(record) and not record.held}
            while True:
                stay = [record for record in self._records.values() if record not in gone]
                needed = {each for record in stay for each in record.needs} & gone
                if not needed:
                    break
                gone -= needed
            modules = [(record.name, sys.modules.get(str(record.name))) for record in gone]
            self._drop(gone)
            for name, module in modules:
                self._unbind(name, module)

    def _unbind(self, name: ModuleName, module: ModuleType | None) -> None:
        """Remove a module from the packages that it is an attribute of."""
        last = name.dotted.rpartition(".")[2]
        for full in self._records if module is not None else ():
            package = sys.modules.get(full)
            attributes = vars(package) if isinstance(package, ModuleType) else {}
            if "__path__" in attributes and attributes.get(last) is module:
                delattr(package, last)

    def _expel(self, full: str) -> None:
        """Remove outdated modules on the path to a module, unless they are running."""
        with self._writing:
            while full:
                record = self._records.get(full)
                if record is not None and record.stale and not self._is_busy(full):
                    self._drop([record])
                full = full.rpartition(".")[0]

    def _is_busy(self, full: str) -> bool:
        """Return whether a module or a submodule is being imported."""
        start = f"{full}."
        return any(
            record.is_initializing and (name == full or name.startswith(start))
            for name, record in self._records.items()
        )

    def _drop(self, records: Iterable[ModuleRecord]) -> None:
        for record in records:
            full = str(record.name)
            if self._records.get(full) is record:
                del self._records[full]
                sys.modules.pop(full, None)


def _hinted(hints: frozenset[str] | None) -> Callable[[str], bool]:
    if hints is None:
        return lambda _: True

    def is_hinted(path: str) -> bool:
        while path not in hints:
            above = os.path.dirname(path)
            if above == path:
                return False
            path = above
        return True

    return is_hinted


def _outside(package: str, attribute: str) -> ModuleType:
    """Import a package of the environment, and the submodule that the attribute may be."""
    module = import_module(package)
    if not hasattr(module, attribute) and find_spec(f"{package}.{attribute}") is not None:
        import_module(f"{package}.{attribute}")
    return module


def _is_current(module: ModuleType) -> bool:
    return sys.modules.get(module.__name__, module) is module
