"""The loop of a watch: a burst of hints is over, the folders are still the same, one reload."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol, final

from stepwell.live.store import Store
from stepwell.live.watch.debounce import Burst, Debounce
from stepwell.live.watch.folders import CONFIG_NAMES, Watched, folders_changed_since, watched
from stepwell.live.watch.observer import Observing, eventless
from stepwell.live.watch.poll import Polling
from stepwell.source.foreign_code import Contained
from stepwell.source.git import IndexTimes, index_times

__all__ = ["LastBurst", "Watch", "WatchState"]

_log = logging.getLogger(__name__)

CHECK: Final = 1.0
"""Seconds between two looks at whether the watched folders are still the same."""

POLL: Final = 1.0
"""Seconds between two looks at the files where there are no events and nobody said how often."""

LATE: Final = 5.0
"""Seconds that a hint may be on its way when there is much to do."""


@final
@dataclass(frozen=True, slots=True)
class LastBurst:
    """The burst of changes that was answered last.

    Args:
        paths: how many paths were hinted at; ``None`` when everything was read again.
        ended: when the reload was over, in seconds of ``time.monotonic``.
    """

    paths: int | None
    ended: float
    seconds: float


@final
@dataclass(frozen=True, slots=True)
class WatchState:
    """What a watch does at this instant.

    Args:
        poll: seconds between two such looks; ``None`` with events.
        reason: why there are no events, in words; empty where they were not wanted.
    """

    running: bool
    mode: Literal["events", "polling"]
    poll: float | None
    reason: str
    bursts: int
    last_burst: LastBurst | None


class _Eyes(Protocol):
    def intact(self, burst: Burst | None) -> bool: ...

    def stop(self) -> None: ...


@final
class Watch:
    """Keeps a store right while files change; ``with`` starts and stops it.

    Args:
        poll: seconds between two looks at all files, instead of waiting for events.
    """

    def __init__(
        self, store: Store, poll: float | None = None, tell: Callable[[str], object] | None = None
    ) -> None:
        self._store = store
        self._wanted = poll
        self._tell = tell
        self._told: set[str] = set()
        self._changing = threading.Lock()
        self._debounce = Debounce(self._is_changing)
        self._eyes: _Eyes | None = None
        self._watched: Watched | None = None
        self._thread: threading.Thread | None = None
        self._poll: float | None = None
        self._poll_of_settings = 0.0
        self._reason = ""
        self._failed = False
        self._bursts = 0
        self._last_burst: LastBurst | None = None

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def state(self) -> WatchState:
        """What the watch does at this instant."""
        running = self._thread is not None and self._thread.is_alive() and not self._debounce.closed
        mode: Literal["events", "polling"] = "events" if self._poll is None else "polling"
        return WatchState(running, mode, self._poll, self._reason, self._bursts, self._last_burst)

    def start(self) -> None:
        """Follow every change from now on, and what changed since the files were read; twice is harmless."""
        with self._changing:
            if self.state.running:
                return
            self._debounce = Debounce(self._is_changing)
            self._look()
            self._thread = threading.Thread(target=self._run, name="stepwell-watch", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Follow no more; a reload that is under way is over when this returns. Twice is harmless."""
        with self._changing:
            self._debounce.close()
            thread = self._thread
            if thread is not None and thread is not threading.current_thread():
                thread.join()

    def _run(self) -> None:
        debounce = self._debounce
        try:
            self._reload(None)
            while not debounce.closed:
                self._follow(debounce.next(CHECK))
        finally:
            if self._eyes is not None:
                self._eyes.stop()

    def _follow(self, burst: Burst | None) -> None:
        """Answer a burst, or the silence after which the folders are looked at."""
        if self._debounce.closed:
            return
        if self._eyes is not None and not self._eyes.intact(burst):
            self._look()
            self._reload(None)
        elif burst is not None:
            self._reload(None if self._failed else self._of_checkout(burst))
            if burst.paths is None or burst.paths.intersection(CONFIG_NAMES):
                self._follow_settings()

    def _follow_settings(self) -> None:
        """Look where the settings say now; what changed there before anybody looked is read again."""
        project = self._store.seen.project
        if watched(project) != self._watched or project.settings.poll != self._poll_of_settings:
            self._look()
            self._reload(None)

    def _look(self) -> None:
        if self._eyes is not None:
            self._eyes.stop()
        project = self._store.seen.project
        self._watched = watched(project)
        self._poll_of_settings = project.settings.poll
        self._poll = self._wanted or project.settings.poll or None
        self._reason = "" if self._poll else eventless(project.root)
        if self._poll is None and not self._reason:
            try:
                self._eyes = Observing(self._watched, self._debounce)
            except OSError as error:
                self._reason = _in_words(error)
            else:
                return
        if self._poll is None:
            self._poll = POLL
            self._say(f"{self._reason}; looking at all files every {POLL:g} s instead")
        self._eyes = Polling(self._watched, self._debounce, self._poll, self._is_changing)

    def _say(self, message: str) -> None:
        if message in self._told:
            return
        self._told.add(message)
        _log.warning("%s", message)
        if self._tell is not None:
            self._tell(message)

    def _is_changing(self, paths: frozenset[str] = frozenset()) -> bool:
        """Whether git is in the middle of a checkout, in the project's repository or one that lies in it."""
        return self._index_times(paths).is_changing(time.time())

    def _index_times(self, paths: frozenset[str]) -> IndexTimes:
        root = self._store.seen.project.root
        folders = dict.fromkeys(os.path.dirname(path) for path in paths)
        return index_times([root, *(os.path.join(root, one) for one in folders)])

    def _of_checkout(self, burst: Burst) -> frozenset[str] | None:
        """What a burst names, and where a checkout is over of which hints may still be on their way."""
        if burst.paths is None or self._watched is None:
            return None
        then = time.time() - burst.seconds - LATE
        if not self._index_times(burst.paths).changed_since(then):
            return burst.paths
        return burst.paths.union(folders_changed_since(self._watched, then))

    def _reload(self, paths: frozenset[str] | None) -> None:
        began = time.monotonic()
        with Contained(SystemExit) as outcome:  # the loop must survive
            self._store.reload(paths)
        self._failed = outcome.error is not None
        if outcome.error is not None:
            message = "a reload failed; with the next change everything is read again"
            _log.error(message, exc_info=outcome.error)
        ended = time.monotonic()
        self._bursts += 1
        self._last_burst = LastBurst(None if paths is None else len(paths), ended, ended - began)
        what = "everything" if paths is None else ", ".join(sorted(paths))
        _log.debug("read again in %.1f ms: %s", (ended - began) * 1000, what)


def _in_words(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "the system allows no more watches (fs.inotify.max_user_watches)"
    if error.errno == errno.EMFILE:
        return "the system allows no more observers (fs.inotify.max_user_instances)"
    return f"files cannot be watched: {(error.strerror or str(error)).lower()}"
