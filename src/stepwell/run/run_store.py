"""Folder of all runs of a project: ids, listing, locks and the error for an unknown run.

Pipelines share one SQLite file, because steps end concurrently and the cache is looked up across runs. Each
workflow run has its own JSON document, which is human-readable and replaced as a whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, final

from stepwell.source.atomic_write import lock, write_atomically
from stepwell.source.errors import StepwellError

__all__ = ["FOLDER", "RECORD", "RunBusy", "RunKind", "RunStore", "UnknownRun"]

FOLDER: Final = ".stepwell"
"""Folder of the runs in a project; ignored by git."""

RECORD: Final = "record.json"
"""Record of a workflow run, in its folder."""

RunKind = Literal["pipeline", "workflow"]

_LOCKS: Final[Mapping[RunKind, str]] = MappingProxyType({"pipeline": "lock", "workflow": ".lock"})
_MARKS: Final[Mapping[RunKind, str]] = MappingProxyType({"pipeline": _LOCKS["pipeline"], "workflow": RECORD})
"""File that identifies the runs of each kind."""


@final
class UnknownRun(StepwellError, LookupError):
    """The run does not exist or cannot be continued."""

    def __init__(self, run: str, message: str) -> None:
        self.run = run
        super().__init__(message)

    def __reduce__(self) -> tuple[type[UnknownRun], tuple[str, str]]:
        return UnknownRun, (self.run, str(self))


@final
class RunBusy(StepwellError):
    """Another process is executing the run."""


@final
class RunStore:
    """The runs of a project; created when the first run starts."""

    __slots__ = ("folder", "runs")

    def __init__(self, root: str) -> None:
        self.folder = os.path.join(os.path.abspath(root), FOLDER)  # other processes work elsewhere
        self.runs = os.path.join(self.folder, "runs")

    def create(self) -> None:
        """Create the folder and its ``.gitignore``."""
        os.makedirs(self.runs, exist_ok=True)
        ignored = os.path.join(self.folder, ".gitignore")
        if not os.path.lexists(ignored):
            write_atomically(Path(ignored), "*\n")

    def begin(self, name: str, mode: int = 0o777) -> str:
        """Create the folder of a new run and return its id.

        Args:
            name: preferred id, numbered if it is taken; ids sort by start time.
        """
        self.create()
        run, number = name, 1
        while True:
            with suppress(FileExistsError):
                os.mkdir(self.folder_of(run), mode)
                return run
            number += 1
            run = f"{name}-{number}"

    def folder_of(self, run: str) -> str:
        """Return the absolute folder of a run."""
        return os.path.join(self.runs, run)

    def ids(self, kind: RunKind) -> tuple[str, ...]:
        """Return the ids of all runs of a kind, sorted."""
        try:
            entries = sorted(os.listdir(self.runs))
        except OSError:
            return ()
        return tuple(run for run in entries if os.path.isfile(os.path.join(self.runs, run, _MARKS[kind])))

    @contextmanager
    def locked(self, run: str, kind: RunKind = "pipeline") -> Iterator[None]:
        """Lock a run for this process.

        Raises:
            RunBusy: another process holds the lock.
        """
        os.makedirs(self.folder_of(run), exist_ok=True)
        with open(os.path.join(self.folder_of(run), _LOCKS[kind]), "a", encoding="utf-8") as file:
            if lock(file.fileno()) is False:
                raise RunBusy(f"run {run} is in progress in another process")
            yield
