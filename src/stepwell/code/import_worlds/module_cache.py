"""All modules of one project that this process has loaded, and the one way in which each is imported."""

from __future__ import annotations

import builtins
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Final, final

from stepwell.code.import_worlds.finder import FINDER
from stepwell.code.import_worlds.import_hook import ImportHook
from stepwell.code.import_worlds.module_paths import ModuleKind, ModulePath, ModulePaths
from stepwell.code.import_worlds.module_records import ImportAttempt, ModuleRecord, outdated
from stepwell.code.import_worlds.names import CORE, ModuleName, escaped, project_key

__all__ = ["ModuleCache"]

_LEAF: Final = ("__name__",)
"""What ``__import__`` is asked for so that it gives the last module of a dotted name, not the first."""


@final
class ModuleCache:
    """The modules of one project, shared by all that open it in this process.

    The import system keeps them in ``sys.modules`` under names of our own, and its locks let one thread
    run a module while others wait. Here stands what each one needs, so that an edit reaches all that
    depend on it.
    """

    __slots__ = ("_records", "_writing", "key", "places")

    def __init__(self, places: ModulePaths) -> None:
        self.key = project_key(places.root)
        self.places = places
        self._records: dict[str, ModuleRecord] = {}
        self._writing = threading.RLock()  # never held while code of a user runs

    @classmethod
    def of(cls, places: ModulePaths) -> ModuleCache:
        """The modules of a project; those that were loaded before are held against its files first."""
        mine = cls(places)
        shared = FINDER.enter(mine.key, mine)
        if shared is not mine:
            shared.renew(None, places)
        return shared

    def attempt(self) -> ImportAttempt:
        """One import, whose modules are taken back if it fails."""
        return ImportAttempt(self._take_back)

    def name(self, place: ModulePath) -> ModuleName:
        """How the module of a place is called."""
        return ModuleName(self.key, place.world, place.dotted)

    def current(
        self, name: ModuleName, importer: ModuleRecord | None = None, *, held: bool = False
    ) -> tuple[ModuleType, ModuleRecord | None]:
        """Import a module, or take it as it was imported; never one whose text is known to be old.

        Args:
            held: whether it stays when an import that brought it fails, for somebody has what is in it.
        """
        full = str(name)
        while True:
            self._expel(full)
            module = builtins.__import__(full, None, None, _LEAF, 0)
            with self._writing:
                if sys.modules.get(full) is not module:
                    continue  # an attempt that failed took it back just now
                record = self._records.get(full)
                if record is None:
                    return module, None
                if record.stale and not self._is_busy(full):
                    continue  # it grew old while it was being imported
                if importer is not None:
                    self.keep(importer, record)
                record.held |= held
                return module, record

    def is_in_use(self, record: ModuleRecord) -> bool:
        """Whether a module is the one that an import of its name gives now."""
        return self._records.get(str(record.name)) is record

    def core_package(self, name: ModuleName, attribute: str) -> ModuleType | None:
        """The core's package of a folder's name, unless the folder itself has a module of the attribute's."""
        if name.world == CORE or self.places.own(name.world, f"{name.dotted}.{escaped(attribute)}"):
            return None
        place = self.places.own(CORE, name.dotted)
        if place is None or place.kind is not ModuleKind.PACKAGE:
            return None
        return self.current(self.name(place), self._records.get(str(name)))[0]

    def imports_of(self, record: ModuleRecord) -> ImportHook:
        """What the import statements of a module call."""
        return ImportHook(self, record)

    def keep(self, importer: ModuleRecord, needed: ModuleRecord) -> None:
        """Remember that a module got another one."""
        with self._writing:
            importer.needs.add(needed)
            importer.stale |= needed.stale

    @contextmanager
    def importing(self, record: ModuleRecord) -> Iterator[None]:
        """Know a module from the moment that it begins to run; forget it if it fails."""
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
        """Forget the modules whose files say something else now, and all that need them.

        Objects that came out of them go on working. What is being imported meanwhile is forgotten as
        soon as that is over.

        Args:
            changed: the files and folders that may have changed, absolute; ``None`` for all.

        Returns:
            The names of what is forgotten.
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
            for record in sorted(around, key=lambda one: str(one.name), reverse=True):
                self._make_anew(record, values)
        return frozenset(str(record.name) for record in old)

    def _make_anew(self, record: ModuleRecord, gone: set[int]) -> None:
        """Put a package without code in the place of one through which old modules are reached."""
        full = str(record.name)
        before = sys.modules.get(full)
        if before is None or record.is_initializing:
            return
        after = ModuleType(full)
        for attribute, value in vars(before).items():
            if isinstance(value, ModuleType) and (id(value) in gone or not _is_current(value)):
                value = sys.modules.get(value.__name__)  # one made anew already
                if value is None:
                    continue
            vars(after)[attribute] = value
        sys.modules[full] = after
        above, _, last = full.rpartition(".")
        package = self._records.get(above)
        if package is None or not package.is_folder:  # else it is made anew next, and takes this one up
            setattr(sys.modules[above], last, after)

    def _take_back(self, added: list[ModuleRecord]) -> None:
        """Remove what an attempt brought before it failed, but for what others have taken up since."""
        with self._writing:
            gone = {one for one in added if self.is_in_use(one) and not one.held}
            while True:
                stay = [one for one in self._records.values() if one not in gone]
                needed = {one for record in stay for one in record.needs} & gone
                if not needed:
                    break
                gone -= needed
            modules = [(record.name, sys.modules.get(str(record.name))) for record in gone]
            self._drop(gone)
            for name, module in modules:
                self._unbind(name, module)

    def _unbind(self, name: ModuleName, module: ModuleType | None) -> None:
        """Take a module that is no more out of every package that it was made a part of."""
        last = name.dotted.rpartition(".")[2]
        for full in self._records if module is not None else ():
            package = sys.modules.get(full)
            held = vars(package) if isinstance(package, ModuleType) else {}
            if "__path__" in held and held.get(last) is module:
                delattr(package, last)

    def _expel(self, full: str) -> None:
        """Drop a module and the packages above it where they are old, and nothing runs in them."""
        with self._writing:
            while full:
                record = self._records.get(full)
                if record is not None and record.stale and not self._is_busy(full):
                    self._drop([record])
                full = full.rpartition(".")[0]

    def _is_busy(self, full: str) -> bool:
        """Whether a module, or one below it, is being imported: the import system then needs it there."""
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


def _is_current(module: ModuleType) -> bool:
    return sys.modules.get(module.__name__, module) is module
