"""Looking at every file again and again, where the file system tells nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Final, final

from stepwell.live.watch.debounce import Burst, Debounce
from stepwell.live.watch.folders import CONFIG_NAMES, Watched, entries

__all__ = ["Marks", "Polling", "differing", "scan"]

SETTLING: Final = 0.05
"""Seconds between two looks at files that are changing."""

TRIES: Final = 20
"""How often files may have changed again before they are read all the same."""

TRIES_IN_A_CHANGE: Final = 400
"""How often at most, while somebody says to be in the middle of a change of many files."""

Marks = Mapping[str, tuple[int, ...]]
"""Each path with what tells that it changed; the change time shows a mended permission, too."""


@final
class Polling:
    """Looks every so often, and hints at what differs.

    Args:
        every: seconds between two looks.
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
        """Whether it still looks: files are found by their paths, whatever was replaced."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._every):
            before, now = self._marks, scan(self._watched)
            found = differing(before, now)
            for tried in range(TRIES_IN_A_CHANGE if found else 0):
                if self._ended.wait(SETTLING):
                    return
                waits = self._is_changing()  # before the look, which then sees how the change ended
                later = scan(self._watched)
                more = differing(now, later)
                now = later
                found |= more
                if not waits and (not more or tried >= TRIES - 1):
                    break
            self._marks = now
            if found:
                self._debounce.hint(found)


def scan(watched: Watched) -> Marks:
    """What a project's files look like now, without reading one."""
    marks: dict[str, tuple[int, ...]] = {}
    for name in (*CONFIG_NAMES, *watched.deep):
        try:
            seen = os.stat(f"{watched.root}/{name}")
        except OSError:
            continue
        marks[name] = _of_folder(seen) if name in watched.deep else _of_file(seen)
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


def differing(before: Marks, now: Marks) -> set[str]:
    """The paths that appeared, changed or vanished."""
    changed = {path for path, mark in now.items() if before.get(path) != mark}
    return changed | (before.keys() - now.keys())


def _of_file(seen: os.stat_result) -> tuple[int, ...]:
    return seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino, seen.st_mode


def _of_folder(seen: os.stat_result) -> tuple[int, ...]:
    return seen.st_ino, seen.st_mode
