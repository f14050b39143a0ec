"""Hints gathered until they stop coming: one Condition, and no thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, final

__all__ = ["Burst", "Debounce"]

QUIET: Final = 0.025
"""Seconds without a hint after which a burst is over."""

MANY: Final = 8
"""Paths in one burst above which it is a checkout or an unpacking, that pauses at times."""

QUIET_AFTER_MANY: Final = 0.1
"""Seconds without a hint after which a burst of many paths is over."""

PATIENCE: Final = 0.5
"""Seconds that a file may stay open for writing before it is read all the same."""

LONGEST: Final = 2.0
"""Seconds after which a burst is over although hints still come."""

LONGEST_CHANGE: Final = 20.0
"""Seconds after which a burst is over although somebody is still in the middle of a change of many files."""


@final
@dataclass(frozen=True, slots=True)
class Burst:
    """What was hinted at from the first hint to the quiet after the last.

    Args:
        paths: files and folders, relative to the project; ``None`` when anything may have changed.
    """

    paths: frozenset[str] | None
    seconds: float


@final
class Debounce:
    """Takes hints from any thread, and gives them to one as bursts.

    Args:
        is_changing: whether somebody is in the middle of a change of many files, of which some are those at
            paths relative to the project. It is asked when a burst would be over.
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
        """Something happened to paths.

        Args:
            paths: files and folders, relative to the project, with ``/``.
            unfinished: whether somebody is still writing; a later hint says when that is over.
        """
        with self._condition:
            before = bool(self._unfinished)
            self._paths.update(paths)
            if unfinished:
                self._unfinished.update(paths)
            else:
                self._unfinished.difference_update(paths)
            self._note(sooner=before and not self._unfinished)

    def hint_all(self) -> None:
        """Anything may have changed."""
        with self._condition:
            self._everything = True
            self._note(sooner=False)

    def next(self, patience: float) -> Burst | None:
        """Wait for a burst to be over.

        Args:
            patience: seconds to wait for a first hint.

        Returns:
            The burst; ``None`` when there was no hint, or after ``close``.
        """
        with self._condition:
            asked = time.monotonic()
            until = asked + patience
            while not self._closed:
                due = until if self._first is None else self._due(self._first)
                now = time.monotonic()
                if now < due:
                    self._condition.wait(due - now)
                elif self._first is None:
                    return None
                elif now - max(asked, due) > QUIET and now < self._first + LONGEST:
                    self._last = now  # nobody ran this process meanwhile: hints may be on their way
                elif now < self._begun + LONGEST_CHANGE and self._is_changing(frozenset(self._paths)):
                    self._first = self._last = now  # it is a hint, too
                else:
                    return self._take()
            return None

    def close(self) -> None:
        """Give no more bursts."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    @property
    def closed(self) -> bool:
        """Whether no more bursts are given."""
        return self._closed

    def _note(self, *, sooner: bool) -> None:
        self._last = time.monotonic()
        if self._first is None:
            self._first = self._begun = self._last
            sooner = True
        if sooner:  # a later end of the burst is found when the wait for the earlier one is over
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
