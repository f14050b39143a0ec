"""Polling of all files, for file systems without events."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Final, final

from stepwell.live.watch.debounce import Burst, Debounce
from stepwell.live.watch.folders import Watched, entries
from stepwell.model.settings import CONFIG_NAMES

__all__ = ["Marks", "Polling", "changed_paths", "scan"]

SETTLING: Final = 0.05
"""Seconds between two scans of changing files."""

TRIES: Final = 20
"""Maximum number of scans before changing files are read."""

TRIES_IN_A_CHANGE: Final = 400
"""Maximum number of scans during a change of many files."""

Marks = Mapping[str, tuple[int, ...]]
"""Signature of each path; the change time detects changed permissions."""


@final
class Polling:
    """Scans all files periodically and reports differences as hints.

    Args:
        every: seconds between two scans.
    """

    def __init__(
        self, watched: Watched, debounce: Debounce, every: float, is_changing: Callable[[], bool]
    ) -> None:
        self._watched = watched
        self._debounce = debounce
        self._every = every
        self._is_changing = is_changing
        self._ended = threading.Event()
        self._marks = scan(watched)
        self._thread = threading.Thread(target=self._run, name="stepwell-poll", daemon=True)
        self._thread.start()

    def intact(self, _: Burst | None) -> bool:
        """Return whether the thread is alive; replaced folders do not matter."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Stop polling."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._every):
            before, now = self._marks, scan(self._watched)
            changed = changed_paths(before, now)
            for tried in range(TRIES_IN_A_CHANGE if changed else 0):
                if self._ended.wait(SETTLING):
                    return
                waits = self._is_changing()  # before the scan, which then includes the end of the change
                later = scan(self._watched)
                more = changed_paths(now, later)
                now = later
                changed |= more
                if not waits and (not more or tried >= TRIES - 1):
                    break
            self._marks = now
            if changed:
                self._debounce.hint(changed)


def scan(watched: Watched) -> Marks:
    """Return the signatures of all files, without reading them."""
    marks: dict[str, tuple[int, ...]] = {}
    for name in (*CONFIG_NAMES, *watched.deep):
        try:
            status = os.stat(f"{watched.root}/{name}")
        except OSError:
            continue
        marks[name] = _of_folder(status) if name in watched.deep else _of_file(status)
    for folder in watched.deep:
        for path, entry in entries(watched, folder):
            mark = _mark(watched, path, entry)
            if mark is not None:
                marks[path] = mark
    return marks


def _mark(watched: Watched, path: str, entry: os.DirEntry[str]) -> tuple[int, ...] | None:
    try:
        if entry.is_dir():
            return _of_folder(entry.stat())
        return _of_file(entry.stat()) if watched.is_read(path) else None
    except OSError:
        return ()


def changed_paths(before: Marks, now: Marks) -> set[str]:
    """Return the paths that were added, changed or removed."""
    changed = {path for path, mark in now.items() if before.get(path) != mark}
    return changed | (before.keys() - now.keys())


def _of_file(status: os.stat_result) -> tuple[int, ...]:
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_mode


def _of_folder(status: os.stat_result) -> tuple[int, ...]:
    return status.st_ino, status.st_mode
