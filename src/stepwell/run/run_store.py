"""The folder of all runs of a project: ids, listing, locks and the error for an unknown run.

What a run records differs by kind, and so does its format. Pipelines share one SQLite file, because steps end
concurrently and the cache is looked up across runs; a workflow has one JSON document of its own, which people
read and which is replaced as a whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, final

from stepwell.source.atomic_write import write_atomically
from stepwell.source.errors import StepwellError

__all__ = ["FOLDER", "RECORD", "RunBusy", "RunKind", "RunStore", "UnknownRun"]

FOLDER: Final = ".stepwell"
"""The folder of a project in which runs are kept; git ignores it."""

RECORD: Final = "record.json"
"""The record of a workflow run, in its folder."""

RunKind = Literal["pipeline", "workflow"]

_LOCK: Final = "lock"
_MARKS: Final[Mapping[RunKind, str]] = MappingProxyType({"pipeline": _LOCK, "workflow": RECORD})
"""The file that every run of a kind has in its folder from its beginning."""


@final
class UnknownRun(StepwellError, LookupError):
    """There is no run of this id, or it cannot be continued."""

    def __init__(self, run: str, message: str) -> None:
        self.run = run
        super().__init__(message)

    def __reduce__(self) -> tuple[type[UnknownRun], tuple[str, str]]:
        return UnknownRun, (self.run, str(self))


@final
class RunBusy(StepwellError):
    """Another process is at this run."""


@final
class RunStore:
    """The runs of a project; nothing is made before the first run begins."""

    __slots__ = ("folder", "runs")

    def __init__(self, root: str) -> None:
        self.folder = os.path.join(os.path.abspath(root), FOLDER)  # other processes work elsewhere
        self.runs = os.path.join(self.folder, "runs")

    def create(self) -> None:
        """Make the folder, and have git ignore it."""
        os.makedirs(self.runs, exist_ok=True)
        ignored = os.path.join(self.folder, ".gitignore")
        if not os.path.lexists(ignored):
            write_atomically(Path(ignored), "*\n")

    def begin(self, name: str, mode: int = 0o777) -> str:
        """Make the folder of a new run.

        Args:
            name: the id, which gets a number where it is taken; ids sort as their runs began.

        Returns:
            The id.
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
        """The folder of a run, absolute."""
        return os.path.join(self.runs, run)

    def ids(self, kind: RunKind) -> tuple[str, ...]:
        """The ids of all runs of a kind, sorted."""
        try:
            entries = sorted(os.listdir(self.runs))
        except OSError:
            return ()
        return tuple(one for one in entries if os.path.isfile(os.path.join(self.runs, one, _MARKS[kind])))

    @contextmanager
    def locked(self, run: str) -> Iterator[None]:
        """Be the only process at a run.

        Raises:
            RunBusy: another one is.
        """
        import fcntl  # not everywhere; reading a record needs none

        os.makedirs(self.folder_of(run), exist_ok=True)
        with open(os.path.join(self.folder_of(run), _LOCK), "a", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise RunBusy(f"the run {run} is still going on in another process") from None
            yield
