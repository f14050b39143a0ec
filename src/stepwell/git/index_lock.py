"""Whether git is in the middle of changing files, told by the lock it holds meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

__all__ = ["FRESH", "is_changing_files"]

FRESH: Final = 10.0
"""Seconds after which a lock is that of a git that crashed, or of a commit whose message is being written."""

JUST: Final = 0.1
"""Seconds for which a checkout that ended counts, since what it wrote last may not have been heard of yet."""

_LOCK: Final = "index.lock"
"""Held from before the first file of a checkout is touched until after the last; then it is the index."""

_INDEX: Final = "index"


def is_changing_files(folders: Iterable[str], now: float) -> bool:
    """Whether git holds the index of a repository that a folder lies in, or did just now, as for a checkout.

    No process is started: a look is two of ``stat`` for each folder on the way up.

    Args:
        folders: absolute; they need not exist.
        now: seconds since the epoch, as the file system's clock tells them.
    """
    seen: set[str] = set()
    for folder in folders:
        here = folder
        while here not in seen:
            seen.add(here)
            if _is_fresh(os.path.join(here, ".git"), now):
                return True
            here = os.path.dirname(here)
    return False


def _is_fresh(place: str, now: float) -> bool:
    for file, age in ((_LOCK, FRESH), (_INDEX, JUST)):
        try:
            written = os.stat(os.path.join(place, file)).st_mtime
        except NotADirectoryError:  # a linked worktree or a submodule: a file names the folder
            elsewhere = _named_in(place)
            return elsewhere is not None and _is_fresh(elsewhere, now)
        except OSError:
            continue
        if abs(now - written) < age:
            return True
    return False


def _named_in(file: str) -> str | None:
    try:
        with open(file, encoding="utf-8", errors="surrogateescape") as text:
            word, _, named = text.readline().partition(": ")
    except OSError:
        return None
    folder = os.path.join(os.path.dirname(file), named.rstrip("\r\n"))
    return folder if word == "gitdir" and os.path.isdir(folder) else None
