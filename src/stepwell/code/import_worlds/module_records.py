"""Records of loaded modules: text digest, imports, dependencies, and the state that they may edit."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from hashlib import blake2b
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, final

from stepwell.code.import_worlds.module_paths import ModuleKind, ModulePath, ModulePaths
from stepwell.code.import_worlds.names import PACKAGE, ModuleName

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

__all__ = ["ImportAttempt", "ModuleRecord", "ProcessState", "digest_of", "edits_in", "outdated"]

_running = threading.local()

Seen = Callable[[str, str], ModulePath | None]


@final
class ModuleRecord:
    """Record of one world module, created when its code starts to run.

    Args:
        place: ``None`` for the world itself.

    Attributes:
        digest: of the executed text; ``None`` before it is read.
        needs: imported modules, including failed ones, and the parent package.
        requested: every requested name with its location.
        reached: imported modules by name.
        outside: names imported from the environment.
        stale: whether the module or a dependency changed during the import.
        held: whether a caller has received an object of the module.
    """

    __slots__ = (
        "digest",
        "held",
        "name",
        "needs",
        "outside",
        "place",
        "reached",
        "requested",
        "spec",
        "stale",
    )

    def __init__(self, name: ModuleName, place: ModulePath | None, spec: ModuleSpec) -> None:
        self.name = name
        self.place = place
        self.spec = spec
        self.digest: bytes | None = None
        self.needs: set[ModuleRecord] = set()
        self.requested: dict[str, ModulePath | None] = {}
        self.reached: dict[str, tuple[ModuleType, ModuleType]] = {}
        self.outside: set[str] = set()
        self.stale = False
        self.held = False

    def __repr__(self) -> str:
        return f"<Record of {self.name}>"

    @property
    def is_initializing(self) -> bool:
        """Return whether the import is in progress."""
        return bool(getattr(self.spec, "_initializing", False))

    @property
    def is_folder(self) -> bool:
        """Return whether it is a package without code."""
        return self.place is None or self.place.kind is ModuleKind.FOLDER

    @property
    def package(self) -> str:
        """Return the package of its relative imports, within its world."""
        if self.place is None or self.place.kind not in (ModuleKind.FILE, ModuleKind.EXTENSION):
            return self.name.dotted
        return self.name.dotted.rpartition(".")[0]

    def differs(self, places: ModulePaths, is_hinted: Callable[[str], bool], seen: Seen) -> bool:
        """Return whether a new import would return another module or other dependencies.

        Args:
            is_hinted: returns whether a file may have changed.
        """
        if self.place is not None and places.own(self.name.world, self.name.dotted) != self.place:
            return True
        if not self.is_folder and self.place is not None and self.digest is not None:
            path = self.place.paths[0]
            if is_hinted(path) and digest_of(path) != self.digest:
                return True
        return any(seen(self.name.world, name) != place for name, place in self.requested.items())


_EDITS: Final[Mapping[str, re.Pattern[bytes]]] = {
    "path": re.compile(
        rb"\bsys\s*\.\s*(?:path|meta_path|path_hooks)\b|\baddsitedir\b|\bfrom\s+sys\b|\bsys\s+as\b"
    ),
    "modules": re.compile(rb"\bsys\s*\.\s*modules\b|\bfrom\s+sys\b|\bsys\s+as\b"),
    "environment": re.compile(rb"\b(?:environ|environb|putenv|unsetenv|dotenv|load_dotenv)\b"),
    "directory": re.compile(rb"\b(?:chdir|fchdir)\b"),
}
"""Words in the source of a module that may edit each part of the state."""


def edits_in(content: bytes) -> frozenset[str]:
    """Return the parts of the state that the source of a module may edit.

    Changes that libraries make when they are imported stay, because the libraries may need them.
    """
    return frozenset(part for part, words in _EDITS.items() if words.search(content))


@final
class ProcessState:
    """The state before a load."""

    __slots__ = ("_directory", "_environment", "_lists", "_modules")

    def __init__(self) -> None:
        lists: tuple[list[Any], ...] = (sys.path, sys.meta_path, sys.path_hooks)
        self._lists = tuple((each, list(each)) for each in lists)
        self._modules = dict(sys.modules)
        self._environment = dict(os.environ)
        self._directory = _directory()

    def restore(self, edited: Collection[str]) -> None:
        """Restore the edited parts.

        Args:
            edited: parts as of ``edits_in``.
        """
        if "environment" in edited:
            for name in os.environ.keys() - self._environment.keys():
                del os.environ[name]
            for name, value in self._environment.items():
                if os.environ.get(name) != value:
                    os.environ[name] = value
        if "directory" in edited and self._directory is not None and _directory() != self._directory:
            os.chdir(self._directory)
        added: tuple[str, ...] = ()
        if "path" in edited:
            known = {os.path.abspath(entry) for entry in self._lists[0][1] if isinstance(entry, str)}
            entries = {os.path.abspath(entry) for entry in sys.path if isinstance(entry, str)}
            added = tuple(f"{entry}{os.sep}" for entry in entries - known)
            sys.path, sys.meta_path, sys.path_hooks = (each for each, _ in self._lists)
            for each, before in self._lists:
                if each != before:
                    each[:] = before
        if "modules" in edited or added:
            self._restore_modules(added, replaced="modules" in edited)

    def _restore_modules(self, added: tuple[str, ...], *, replaced: bool) -> None:
        """Remove modules that a module of a world put in place, or that come from its own paths."""
        for name, module in [*sys.modules.items()]:
            if name in self._modules or _is_of_world(name):
                continue
            origin = getattr(getattr(module, "__spec__", None), "origin", None)
            is_foreign = isinstance(origin, str) and origin.startswith(added) if added else False
            if is_foreign or (replaced and _is_put(name, module)):
                sys.modules.pop(name, None)
        if replaced:
            for name, module in self._modules.items():
                if not _is_of_world(name) and sys.modules.get(name) is not module:
                    sys.modules[name] = module


def _is_of_world(name: str) -> bool:
    return name == PACKAGE or name.startswith(f"{PACKAGE}.")


def _is_put(name: str, module: object) -> bool:
    """Return whether a top-level entry of ``sys.modules`` was not imported under its name."""
    if "." in name:
        return _is_put(name.partition(".")[0], sys.modules.get(name.partition(".")[0]))
    if not isinstance(module, ModuleType) or module.__spec__ is None:
        return True
    return _is_of_world(module.__name__)


def _directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # deleted
        return None


@final
class ImportAttempt:
    """Context manager for one import; removes its modules if it fails, and restores what they edited.

    Attributes:
        edits: parts of the process's state that the modules may have edited.
    """

    __slots__ = ("_around", "_before", "_take_back", "added", "edits", "fallen")

    def __init__(self, take_back: Callable[[list[ModuleRecord]], object]) -> None:
        self._take_back = take_back
        self._around: ImportAttempt | None = None
        self.added: list[ModuleRecord] = []
        self.fallen: list[ModuleRecord] = []
        self.edits: set[str] = set()
        self._before: ProcessState | None = None

    @staticmethod
    def current() -> ImportAttempt | None:
        """Return the innermost attempt of this thread."""
        return getattr(_running, "attempt", None)

    def __enter__(self) -> ImportAttempt:
        self._around = self.current()
        self._before = ProcessState() if self._around is None else None
        _running.attempt = self
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        _running.attempt = self._around
        if kind is not None:
            self._take_back(self.added)
        elif self._around is not None:
            self._around.added += self.added
        if self._around is not None:
            self._around.fallen += self.fallen
            self._around.edits |= self.edits
        elif self._before is not None and self.edits:
            self._before.restore(self.edits)


def digest_of(path: str) -> bytes | None:
    """Return the digest of a file; ``None`` if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return blake2b(file.read(), digest_size=16).digest()
    except OSError:
        return None


def outdated(
    records: Iterable[ModuleRecord], places: ModulePaths, is_hinted: Callable[[str], bool]
) -> tuple[set[ModuleRecord], set[ModuleRecord]]:
    """Return the modules to import again, and the packages without code to recreate.

    A module is outdated if it or a dependency differs, and so are its parent packages with code, which return
    access to it.

    Args:
        is_hinted: returns whether a file may have changed.
    """
    in_use = {str(record.name): record for record in records}
    every: set[ModuleRecord] = set()
    pending = [*in_use.values()]
    while pending:
        record = pending.pop()
        if record not in every:
            every.add(record)
            pending += record.needs
    needed_by: dict[ModuleRecord, list[ModuleRecord]] = {}
    for record in every:
        for needed in record.needs:
            needed_by.setdefault(needed, []).append(record)
    seen = cache(places.seen)  # most modules import the same names
    old: set[ModuleRecord] = set()
    around: set[ModuleRecord] = set()
    pending = [record for record in every if record.differs(places, is_hinted, seen)]
    while pending:
        record = pending.pop()
        if record in old:
            continue
        old.add(record)
        pending += needed_by.get(record, ())
        above = in_use.get(str(record.name).rpartition(".")[0])
        while above is not None:
            if above.is_folder:
                around.add(above)
            else:
                pending.append(above)
            above = in_use.get(str(above.name).rpartition(".")[0])
    return old & set(in_use.values()), (around - old) & set(in_use.values())
