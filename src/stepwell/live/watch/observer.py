"""File system events as hints, with watchdog."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Final, final

from watchdog import events
from watchdog.observers import Observer
from watchdog.utils import BaseThread

from stepwell.live.watch.debounce import Burst, Debounce
from stepwell.live.watch.folders import Watched, link_at, links_below
from stepwell.model.settings import CONFIG_NAMES

__all__ = [
    "EventWatcher",
    "eventless",
]


_MOUNTS: Final = "/proc/self/mounts"

_EVENTLESS: Final = frozenset(
    {"9p", "afs", "ceph", "cifs", "drvfs", "lustre", "ncpfs", "nfs", "nfs4"}
    | {"prl_fs", "smb3", "smbfs", "vboxsf", "virtiofs"}
)
"""File systems with changes by other machines, which inotify does not report (inotify(7), "Limitations")."""


def eventless(folder: str, mounts: str = _MOUNTS) -> str:
    """Return why a folder has no file system events; empty if it has.

    Args:
        folder: absolute.
        mounts: mount table (fstab(5)); if it is missing, events are expected.
    """
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as table:
            lines = [line.split(" ") for line in table]
    except OSError:
        return ""
    place, kind = "", ""
    for fields in lines:
        point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[1])
        if len(point) >= len(place) and f"{folder}/".startswith(point.rstrip(os.sep) + os.sep):
            place, kind = point, fields[2]
    if kind in _EVENTLESS or kind.startswith("fuse."):
        return f"files on {kind} can change without an event"
    return ""


_SAYS_CLOSED: Final = sys.platform.startswith("linux")
"""Whether the system reports when a written file is closed."""

_ONLY_RECURSIVE: Final = sys.platform == "darwin"
"""Whether every watch includes all subfolders: the parent folder of a project can be a whole home folder."""

_WANTED: Final = [
    events.FileCreatedEvent,
    events.FileDeletedEvent,
    events.FileMovedEvent,
    events.FileModifiedEvent,
    events.FileClosedEvent,
    events.DirCreatedEvent,
    events.DirDeletedEvent,
    events.DirMovedEvent,
    # missing in older watchdog, which reports permission changes as modifications
    *(kind for kind in (getattr(events, f"{what}AttribEvent", None) for what in ("File", "Dir")) if kind),
]

_UNWATCHED: Final = os.path.dirname(os.path.abspath(__file__))
"""An existing unwatched folder, to test whether another watch can be added."""

_Identity = tuple[int, int] | None


@final
class EventWatcher:
    """Watches the folders of a project with file system events.

    Raises:
        OSError: no more watches are available.
    """

    def __init__(self, watched: Watched, debounce: Debounce) -> None:
        self._watched = watched
        self._debounce = debounce
        self._trouble = _LostEvents(debounce.hint_all)
        # watchdog warns in its thread about a folder that is moved away and back
        warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)
        threads = set(threading.enumerate())
        self._observer = Observer()
        self._identities: dict[str, _Identity] = {}
        with ExitStack() as undo:
            undo.callback(self.stop)
            self._observer.start()
            for folder in watched.deep:
                self._look(f"{watched.root}/{folder}", self._below, recursive=True)
            for folder in watched.way:
                self._look(f"{watched.root}/{folder}".rstrip("/"), self._on_the_way)
            if not _ONLY_RECURSIVE:
                self._look(os.path.dirname(watched.root), self._on_the_way)
            for real in sorted(set(watched.links.values())):
                if os.path.isdir(real):
                    self._look(real, self._below, recursive=True)
                else:
                    self._look(os.path.dirname(real), self._below)
            self._try_one_more()
            self._threads = [
                thread
                for thread in threading.enumerate()
                if thread not in threads and isinstance(thread, BaseThread)
            ]
            undo.pop_all()

    def intact(self, burst: Burst | None) -> bool:
        """Return whether all watched folders and links are unchanged.

        Args:
            burst: hints since the last call.
        """
        if not all(thread.is_alive() for thread in self._threads):
            return False
        if any(_identity(path) != known for path, known in self._identities.items()):
            return False
        if burst is None or burst.paths is None:
            return not self._watched.moved_links()
        folders = [path for path in burst.paths if os.path.isdir(f"{self._watched.root}/{path}")]
        if folders:
            try:
                self._try_one_more()
            except OSError:
                return False
        return not any(self._links_differ(path) for path in burst.paths)

    def stop(self) -> None:
        """Stop watching."""
        self._trouble.ignore = True  # ignore messages during shutdown
        if self._observer.is_alive():
            try:
                self._observer.stop()
            except KeyError:  # watchdog 7 fails for a recreated folder and skips the rest
                for emitter in tuple(self._observer.emitters):
                    with suppress(KeyError):
                        emitter.stop()
            self._observer.join()
        self._trouble.end()

    def _look(
        self, path: str, callback: Callable[[events.FileSystemEvent], None], *, recursive: bool = False
    ) -> None:
        if path in self._identities:
            return
        self._identities[path] = _identity(path)  # before watching, to detect a later replacement
        if self._identities[path] is None:
            return
        # deleted or unreadable: detected by the identity check and the reload
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            self._observer.schedule(_Handler(callback), path, recursive=recursive, event_filter=_WANTED)

    def _try_one_more(self) -> None:
        """Raise if no watch is left: watchdog silently skips subfolders in that case."""
        watch = self._observer.schedule(_Handler(_ignore), _UNWATCHED, event_filter=_WANTED)
        self._observer.unschedule(watch)

    def _below(self, event: events.FileSystemEvent) -> None:
        paths = [
            path for full in _paths(event) for path in self._watched.ways(full) if self._concerns(path, event)
        ]
        if paths:
            self._debounce.hint(paths, unfinished=_SAYS_CLOSED and _is_being_written(event))
        elif any(os.path.islink(full) for full in _paths(event)):  # perhaps in a chain of links
            moved = self._watched.moved_links()
            if moved:
                self._debounce.hint(moved)

    def _concerns(self, path: str, event: events.FileSystemEvent) -> bool:
        if path in CONFIG_NAMES:  # the target of a link
            return True
        if not self._watched.matters(path):
            return False
        if event.is_directory or self._watched.is_read(path) or path in self._watched.links:
            return True
        return os.path.islink(f"{self._watched.root}/{path}")

    def _on_the_way(self, event: events.FileSystemEvent) -> None:
        for full in _paths(event):
            path = self._watched.relative(full)
            if path == "":
                self._debounce.hint_all()
            elif path in CONFIG_NAMES:
                self._debounce.hint([path], unfinished=_SAYS_CLOSED and _is_being_written(event))
            elif path in self._watched.deep or path in self._watched.way:
                self._debounce.hint([path])

    def _links_differ(self, path: str) -> bool:
        known = {link: real for link, real in self._watched.links.items() if _within(link, path)}
        full = f"{self._watched.root}/{path}"
        if os.path.islink(full):
            return known.get(path) != link_at(self._watched.root, path).get(path)
        return known != (links_below(self._watched, path) if os.path.isdir(full) else {})


@final
class _Handler(events.FileSystemEventHandler):
    def __init__(self, callback: Callable[[events.FileSystemEvent], None]) -> None:
        self._callback = callback

    def dispatch(self, event: events.FileSystemEvent) -> None:
        self._callback(event)


@final
class _LostEvents(logging.Handler):
    """Log handler that detects lost events, which watchdog only logs."""

    def __init__(self, notify: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._notify = notify
        self.ignore = False
        logging.getLogger("watchdog").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if self.ignore:
            return
        logging.getLogger(__name__).warning("watchdog: %s; reading all files again", record.getMessage())
        self._notify()

    def end(self) -> None:
        logging.getLogger("watchdog").removeHandler(self)


def _ignore(_: events.FileSystemEvent) -> None:
    pass


def _paths(event: events.FileSystemEvent) -> list[str]:
    return [os.fsdecode(path) for path in (event.src_path, event.dest_path) if path]


def _is_being_written(event: events.FileSystemEvent) -> bool:
    if event.event_type == "modified":
        return True
    if event.event_type != "created" or event.is_directory:
        return False
    try:
        status = os.lstat(event.src_path)
    except OSError:
        return False
    return status.st_size == 0


def _identity(path: str) -> _Identity:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")
