"""Debouncing of file hints into bursts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final, final

from stepwell.source.immutable import record

__all__ = ["Burst", "Debounce"]

QUIET: Final = 0.025
"""Seconds without a hint that end a burst."""

MANY: Final = 8
"""Number of paths above which a burst is considered a checkout or an archive extraction."""

QUIET_AFTER_MANY: Final = 0.1
"""Seconds without a hint that end a burst of many paths."""

PATIENCE: Final = 0.5
"""Maximum seconds to wait for a file that is open for writing."""

LONGEST: Final = 2.0
"""Maximum seconds of a burst."""

LONGEST_CHANGE: Final = 20.0
"""Maximum seconds of a burst during a change of many files."""


@final
@record
class Burst:
    """Hints from the first one to the quiet period after the last.

    Args:
        paths: relative to the project; ``None`` if anything may have changed.
    """

    paths: frozenset[str] | None
    seconds: float


@final
class Debounce:
    """Collects hints from any thread and delivers them as bursts.

    Args:
        is_changing: returns whether a change of many files, including the given relative paths, is in
            progress.
    """

    def __init__(self, is_changing: Callable[[frozenset[str]], bool]) -> None:
        self._is_changing = is_changing
        self._condition = threading.Condition()
        self._paths: set[str] = set()
        self._unfinished: set[str] = set()
        self._everything = False
        self._first: float | None = None
        self._last = 0.0
        self._begun = 0.0
        self._closed = False

    def hint(self, paths: Iterable[str], *, unfinished: bool = False) -> None:
        """Report a change of paths.

        Args:
            paths: relative to the project, with ``/``.
            unfinished: whether the file is still being written; a later hint marks the end.
        """
        with self._condition:
            before = bool(self._unfinished)
            self._paths.update(paths)
            if unfinished:
                self._unfinished.update(paths)
            else:
                self._unfinished.difference_update(paths)
            self._record(sooner=before and not self._unfinished)

    def hint_all(self) -> None:
        """Report that anything may have changed."""
        with self._condition:
            self._everything = True
            self._record(sooner=False)

    def next(self, patience: float) -> Burst | None:
        """Wait for the end of a burst.

        Args:
            patience: seconds to wait for the first hint.

        Returns:
            The burst; ``None`` without a hint, or after ``close``.
        """
        with self._condition:
            started = time.monotonic()
            until = started + patience
            while not self._closed:
                due = until if self._first is None else self._due(self._first)
                now = time.monotonic()
                if now < due:
                    self._condition.wait(due - now)
                elif self._first is None:
                    return None
                elif now - max(started, due) > QUIET and now < self._first + LONGEST:
                    self._last = now  # the process was suspended: hints may be pending
                elif now < self._begun + LONGEST_CHANGE and self._is_changing(frozenset(self._paths)):
                    self._first = self._last = now  # counts as a hint
                else:
                    return self._take()
            return None

    def close(self) -> None:
        """Deliver no more bursts."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    @property
    def closed(self) -> bool:
        """Return whether the debouncer is closed."""
        return self._closed

    def _record(self, *, sooner: bool) -> None:
        self._last = time.monotonic()
        if self._first is None:
            self._first = self._begun = self._last
            sooner = True
        if sooner:  # a later end is noticed after the earlier timeout
            self._condition.notify_all()

    def _due(self, first: float) -> float:
        quiet = QUIET_AFTER_MANY if len(self._paths) > MANY else QUIET
        return min(first + LONGEST, self._last + (PATIENCE if self._unfinished else quiet))

    def _take(self) -> Burst:
        paths = None if self._everything else frozenset(self._paths)
        burst = Burst(paths, time.monotonic() - self._begun)
        self._paths.clear()
        self._unfinished.clear()
        self._everything, self._first = False, None
        return burst
