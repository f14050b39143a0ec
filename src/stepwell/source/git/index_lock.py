"""When git last changed files, told by its index and by the lock that it holds meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, final

__all__ = ["FRESH", "JUST", "IndexTimes", "index_times"]

FRESH: Final = 10.0
"""Seconds after which a lock is that of a git that crashed, or of a commit whose message is being written."""

JUST: Final = 0.1
"""Seconds for which a checkout that ended counts, since what it wrote last may not have been heard of yet."""

_LOCK: Final = "index.lock"
"""Held from before the first file of a checkout is touched until after the last; then it is the index."""

_INDEX: Final = "index"


@final
@dataclass(frozen=True, slots=True)
class IndexTimes:
    """The times of every index of some repositories, in seconds since the epoch.

    Args:
        locks: since when each lock is held.
        indexes: when each index was written.
    """

    locks: tuple[float, ...]
    indexes: tuple[float, ...]

    def is_changing(self, now: float) -> bool:
        """Whether git is in the middle of a checkout, or was just now."""
        return any(abs(now - one) < FRESH for one in self.locks) or any(
            abs(now - one) < JUST for one in self.indexes
        )

    def changed_since(self, then: float) -> bool:
        """Whether git wrote an index after a time."""
        return any(one > then for one in self.indexes)


def index_times(folders: Iterable[str]) -> IndexTimes:
    """The times of the indexes of all repositories that some folders lie in.

    No process is started: a look is two calls of ``stat`` for each folder on the way up.

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
