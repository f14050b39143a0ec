"""Detects checkouts in progress from git's index and its lock."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, final

__all__ = ["FRESH", "JUST", "IndexTimes", "index_times"]

FRESH: Final = 10.0
"""Maximum age of a lock in seconds; an older one belongs to a crashed git or an open commit message."""

JUST: Final = 0.1
"""Seconds after a checkout during which its last writes may not be noticed yet."""

_LOCK: Final = "index.lock"
"""Exists from the first to the last write of a checkout, then replaces the index."""

_INDEX: Final = "index"


@final
@dataclass(frozen=True, slots=True)
class IndexTimes:
    """Times of the indexes of some repositories, in seconds since the epoch.

    Args:
        locks: creation times of the locks.
        indexes: write times of the indexes.
    """

    locks: tuple[float, ...]
    indexes: tuple[float, ...]

    def is_changing(self, now: float) -> bool:
        """Return whether a checkout is in progress or has just finished."""
        return any(abs(now - item) < FRESH for item in self.locks) or any(
            abs(now - item) < JUST for item in self.indexes
        )

    def changed_since(self, then: float) -> bool:
        """Return whether git wrote an index after a time."""
        return any(item > then for item in self.indexes)


def index_times(folders: Iterable[str]) -> IndexTimes:
    """Return the times of the indexes of all repositories of some folders.

    Needs no process, only two ``stat`` calls per parent folder.

    Args:
        folders: absolute; they need not exist.
    """
    seen: set[str] = set()
    locks: list[float] = []
    indexes: list[float] = []
    for folder in folders:
        here = folder
        while here not in seen:
            seen.add(here)
            place = os.path.join(here, ".git")
            for name, times in ((_LOCK, locks), (_INDEX, indexes)):
                time = _written(place, name)
                if time is not None:
                    times.append(time)
            here = os.path.dirname(here)
    return IndexTimes(tuple(locks), tuple(indexes))


def _written(place: str, name: str) -> float | None:
    try:
        return os.stat(os.path.join(place, name)).st_mtime
    except NotADirectoryError:  # a linked worktree or a submodule: a file names the folder
        elsewhere = _named_in(place)
        return None if elsewhere is None else _written(elsewhere, name)
    except OSError:
        return None


def _named_in(file: str) -> str | None:
    try:
        with open(file, encoding="utf-8", errors="surrogateescape") as text:
            word, _, named = text.readline().partition(": ")
    except OSError:
        return None
    folder = os.path.join(os.path.dirname(file), named.rstrip("\r\n"))
    return folder if word == "gitdir" and os.path.isdir(folder) else None
