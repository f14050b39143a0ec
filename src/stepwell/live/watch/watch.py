"""Watch loop: each finished burst of hints triggers one reload."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from queue import SimpleQueue
from typing import Final, Literal, Protocol, final

from stepwell.live.store import Store
from stepwell.live.watch.debounce import Burst, Debounce
from stepwell.live.watch.folders import Watched, entries, folders_changed_since, watched
from stepwell.live.watch.observer import EventWatcher, eventless
from stepwell.model.settings import CONFIG_NAMES, Project
from stepwell.source.foreign_code import Contained
from stepwell.source.git import IndexTimes, index_times
from stepwell.source.immutable import record

__all__ = ["LastBurst", "Marks", "Polling", "Watch", "WatchState", "changed_paths", "scan"]

SETTLING: Final = 0.05
"""Seconds between two scans of changing files."""

TRIES: Final = 20
"""Maximum number of scans before changing files are read."""

TRIES_IN_A_CHANGE: Final = 400
"""Maximum number of scans during a change of many files."""

Marks = Mapping[str, object]
"""Signature of each path; the change time detects changed permissions."""


@final
class Polling:
    """Scans all files periodically and reports differences as hints.

    Args:
        scan: returns a mark of each path.
        every: seconds between two scans.
    """

    def __init__(
        self, scan: Callable[[], Marks], debounce: Debounce, every: float, is_changing: Callable[[], bool]
    ) -> None:
        self._scan = scan
        self._debounce = debounce
        self._every = every
        self._is_changing = is_changing
        self._ended = threading.Event()
        self._marks = scan()
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
            before, now = self._marks, self._scan()
            changed = changed_paths(before, now)
            for tried in range(TRIES_IN_A_CHANGE if changed else 0):
                if self._ended.wait(SETTLING):
                    return
                waits = self._is_changing()  # before the scan, which then includes the end of the change
                later = self._scan()
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


_log = logging.getLogger(__name__)

CHECK: Final = 1.0
"""Seconds between two checks of the watched folders."""

POLL: Final = 1.0
"""Default seconds between two scans without events."""

POLL_REMOTE: Final = 10.0
"""Default seconds between two requests to a published registry."""

FAREWELL: Final = 1.0
"""Maximum seconds to wait for subscribers when a watch stops."""

LATE: Final = 5.0
"""Maximum delay of hints under load, in seconds."""


@final
@record
class LastBurst:
    """The last processed burst of changes.

    Args:
        paths: number of paths; ``None`` if everything was read again.
        ended: end of the reload, in seconds of ``time.monotonic``.
    """

    paths: int | None
    ended: float
    seconds: float


@final
@record
class WatchState:
    """State of a watch at one instant.

    Args:
        poll: seconds between two scans; ``None`` with events.
        reason: why there are no events; empty if polling was requested.
    """

    running: bool
    mode: Literal["events", "polling"]
    poll: float | None
    reason: str
    bursts: int
    last_burst: LastBurst | None


class Watcher(Protocol):
    def intact(self, burst: Burst | None) -> bool: ...

    def stop(self) -> None: ...


@final
class Watch:
    """Updates a store when files change; ``with`` starts and stops it.

    Subscribers are called in another thread than reloads, so that a slow subscriber delays no reload.

    Args:
        poll: seconds between two scans of all files (default: use events).
    """

    def __init__(
        self, store: Store, poll: float | None = None, notify: Callable[[str], object] | None = None
    ) -> None:
        self._store = store
        self._wanted = poll
        self._notify = notify
        self._warned: set[str] = set()
        self._changing = threading.Lock()
        self._debounce = Debounce(self._is_changing)
        self._watcher: Watcher | None = None
        self._watched: Watched | None = None
        self._project: Project | None = None
        self._thread: threading.Thread | None = None
        self._news: SimpleQueue[bool] = SimpleQueue()  # false ends the delivery
        self._delivery: threading.Thread | None = None
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
        """Return the current state."""
        running = self._thread is not None and self._thread.is_alive() and not self._debounce.closed
        mode: Literal["events", "polling"] = "events" if self._poll is None else "polling"
        return WatchState(running, mode, self._poll, self._reason, self._bursts, self._last_burst)

    def start(self) -> None:
        """Start watching, including changes since the last load; idempotent."""
        with self._changing:
            if self.state.running:
                return
            self._debounce = Debounce(self._is_changing)
            self._look()
            self._news = SimpleQueue()
            self._thread = threading.Thread(target=self._run, name="stepwell-watch", daemon=True)
            self._delivery = threading.Thread(
                target=self._deliver, args=(self._news,), name="stepwell-events", daemon=True
            )
            self._thread.start()
            self._delivery.start()

    def stop(self) -> None:
        """Stop watching and wait for a running reload, and shortly for subscribers; idempotent."""
        with self._changing:
            self._debounce.close()
            if self._thread is not None:
                self._thread.join()
            self._news.put(False)
            delivery = self._delivery
        if delivery is not None and delivery is not threading.current_thread():
            delivery.join(FAREWELL)  # not for long: a subscriber may wait for this thread

    def _deliver(self, news: SimpleQueue[bool]) -> None:
        while news.get():
            self._store.deliver(BaseException)

    def _run(self) -> None:
        debounce = self._debounce
        try:
            self._reload(None)
            self._follow_settings()
            while not debounce.closed:
                self._follow(debounce.next(CHECK))
        finally:
            if self._watcher is not None:
                self._watcher.stop()

    def _follow(self, burst: Burst | None) -> None:
        """Process a burst, or check the watched folders after a timeout."""
        if self._debounce.closed:
            return
        if self._watcher is not None and not self._watcher.intact(burst):
            self._look()
            self._reload(None)
        elif burst is not None:
            self._reload(None if self._failed else self._of_checkout(burst))
        else:
            return
        self._follow_settings()

    def _follow_settings(self) -> None:
        """Watch the folders of changed settings, and read them again."""
        project = self._store.seen.project
        if project is self._project or self._store.source is not None:
            return
        self._project = project
        if watched(project) != self._watched or project.settings.poll != self._poll_of_settings:
            self._look()
            self._reload(None)

    def _look(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()
        source = self._store.source
        if source is not None:
            self._poll = self._wanted or POLL_REMOTE
            self._watcher = Polling(
                lambda: {source.url: source.version()}, self._debounce, self._poll, self._is_changing
            )
            return
        project = self._project = self._store.seen.project
        self._watched = watched(project)
        self._poll_of_settings = project.settings.poll
        self._poll = self._wanted or project.settings.poll or None
        self._reason = "" if self._poll else eventless(project.root)
        if self._poll is None and not self._reason:
            try:
                self._watcher = EventWatcher(self._watched, self._debounce)
            except OSError as error:
                self._reason = _message(error)
            else:
                return
        if self._poll is None:
            self._poll = POLL
            self._warn(f"{self._reason}; polling all files every {POLL:g} s instead")
        scanning = partial(scan, self._watched)
        self._watcher = Polling(scanning, self._debounce, self._poll, self._is_changing)

    def _warn(self, message: str) -> None:
        if message in self._warned:
            return
        self._warned.add(message)
        _log.warning("%s", message)
        if self._notify is not None:
            self._notify(message)

    def _is_changing(self, paths: frozenset[str] = frozenset()) -> bool:
        """Return whether a git checkout is in progress in the project's repository or one below it."""
        if self._store.source is not None:
            return False
        return self._index_times(paths).is_changing(time.time())

    def _index_times(self, paths: frozenset[str]) -> IndexTimes:
        root = self._store.seen.project.root
        folders = dict.fromkeys(os.path.dirname(path) for path in paths)
        return index_times([root, *(os.path.join(root, folder) for folder in folders)])

    def _of_checkout(self, burst: Burst) -> frozenset[str] | None:
        """Return the paths of a burst, plus changed folders after a checkout whose hints may be pending."""
        if burst.paths is None or self._watched is None:  # the latter for a published registry
            return None
        then = time.time() - burst.seconds - LATE
        if not self._index_times(burst.paths).changed_since(then):
            return burst.paths
        return burst.paths.union(folders_changed_since(self._watched, then))

    def _reload(self, paths: frozenset[str] | None) -> None:
        began = time.monotonic()
        with Contained() as outcome:  # keep the loop running
            self._store.reload(paths, deliver=False)
        self._news.put(True)
        self._failed = outcome.error is not None
        if outcome.error is not None:
            message = "reload failed; the next change reads all files again"
            _log.error(message, exc_info=outcome.error)
        ended = time.monotonic()
        self._bursts += 1
        self._last_burst = LastBurst(None if paths is None else len(paths), ended, ended - began)
        paths_text = "everything" if paths is None else ", ".join(sorted(paths))
        _log.debug("reloaded in %.1f ms: %s", (ended - began) * 1000, paths_text)


def _message(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "the system allows no more watches (fs.inotify.max_user_watches)"
    if error.errno == errno.EMFILE:
        return "the system allows no more observers (fs.inotify.max_user_instances)"
    return f"files cannot be watched: {(error.strerror or str(error)).lower()}"
