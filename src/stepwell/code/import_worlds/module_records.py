"""Records of loaded modules: text digest, imports and dependencies."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING, final

from stepwell.code.import_worlds.module_paths import ModuleKind, ModulePath, ModulePaths
from stepwell.code.import_worlds.names import ModuleName

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["ImportAttempt", "ModuleRecord", "digest_of", "outdated"]

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
        if self.place is None or self.place.kind is not ModuleKind.FILE:
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


@final
class ImportAttempt:
    """Context manager for one import; removes its modules if it fails."""

    __slots__ = ("_around", "_take_back", "added", "fallen")

    def __init__(self, take_back: Callable[[list[ModuleRecord]], object]) -> None:
        self._take_back = take_back
        self._around: ImportAttempt | None = None
        self.added: list[ModuleRecord] = []
        self.fallen: list[ModuleRecord] = []

    @staticmethod
    def current() -> ImportAttempt | None:
        """Return the innermost attempt of this thread."""
        return getattr(_running, "attempt", None)

    def __enter__(self) -> ImportAttempt:
        self._around = self.current()
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
