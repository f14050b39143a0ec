"""The file system's own events, turned into hints; the one module that knows watchdog."""

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
from stepwell.live.watch.folders import CONFIG_NAMES, Watched, links_below

__all__ = [
    "Observing",
    "eventless",
]


_MOUNTS: Final = "/proc/self/mounts"

_EVENTLESS: Final = frozenset(
    {"9p", "afs", "ceph", "cifs", "drvfs", "lustre", "ncpfs", "nfs", "nfs4"}
    | {"prl_fs", "smb3", "smbfs", "vboxsf", "virtiofs"}
)
"""Types whose files change on another machine, of which inotify hears nothing (inotify(7), "Limitations")."""


def eventless(folder: str, mounts: str = _MOUNTS) -> str:
    """Why no events are to be expected in a folder, in words; empty where they are.

    Args:
        folder: an absolute path.
        mounts: the system's table of mounts (fstab(5)); where there is none, events are expected.
    """
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as table:
            lines = [line.split(" ") for line in table]
    except OSError:
        return ""
    place, kind = "", ""
    for fields in lines:
        point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[1])
        if len(point) >= len(place) and f"{folder}/".startswith(point.rstrip(os.sep) + os.sep):
            place, kind = point, fields[2]
    if kind in _EVENTLESS or kind.startswith("fuse."):
        return f"files on {kind} can change without an event"
    return ""


_SAYS_CLOSED: Final = sys.platform.startswith("linux")
"""Whether the system tells when a written file is closed; elsewhere its change is all that is told."""

_WANTED: Final = [
    events.FileCreatedEvent,
    events.FileDeletedEvent,
    events.FileMovedEvent,
    events.FileModifiedEvent,
    events.FileClosedEvent,
    events.DirCreatedEvent,
    events.DirDeletedEvent,
    events.DirMovedEvent,
    # newer than the oldest watchdog that serves; there a change of permissions is a modification
    *(kind for kind in (getattr(events, f"{what}AttribEvent", None) for what in ("File", "Dir")) if kind),
]

_UNWATCHED: Final = os.path.dirname(os.path.abspath(__file__))
"""A folder that is there and that nobody else watches: can one more be watched?"""

_Identity = tuple[int, int] | None


@final
class Observing:
    """Watches what there is of a project's folders.

    Raises:
        OSError: the system allows no more watches, or has none.
    """

    def __init__(self, watched: Watched, debounce: Debounce) -> None:
        self._watched = watched
        self._debounce = debounce
        self._trouble = _Trouble(debounce.hint_all)
        # a folder that is moved out and in again is still watched, and watchdog warns of it in its thread
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
            self._look(os.path.dirname(watched.root), self._on_the_way)
            for real in sorted(set(watched.links.values())):
                if os.path.isdir(real):
                    self._look(real, self._below, recursive=True)
                else:
                    self._look(os.path.dirname(real), self._below)
            self._try_one_more()
            self._threads = [
                one for one in threading.enumerate() if one not in threads and isinstance(one, BaseThread)
            ]
            undo.pop_all()

    def intact(self, burst: Burst | None) -> bool:
        """Whether everything is still watched: no folder was replaced, no link came or went.

        Args:
            burst: what was hinted at since the last time, if anything.
        """
        if not all(one.is_alive() for one in self._threads):
            return False
        if any(_identity(path) != known for path, known in self._identities.items()):
            return False
        if burst is None or burst.paths is None:
            return True
        folders = [path for path in burst.paths if os.path.isdir(f"{self._watched.root}/{path}")]
        if folders:
            try:
                self._try_one_more()
            except OSError:
                return False
        return not any(self._links_differ(path) for path in burst.paths)

    def stop(self) -> None:
        """Watch no more."""
        self._trouble.ignore = True  # what watchdog says of its own end
        if self._observer.is_alive():
            try:
                self._observer.stop()
            except KeyError:  # watchdog 7 loses count of a folder that went and came, and leaves out the rest
                for emitter in tuple(self._observer.emitters):
                    with suppress(KeyError):
                        emitter.stop()
            self._observer.join()
        self._trouble.end()

    def _look(
        self, path: str, told: Callable[[events.FileSystemEvent], None], *, recursive: bool = False
    ) -> None:
        if path in self._identities:
            return
        self._identities[path] = _identity(path)  # before it is watched: a later replacement shows
        if self._identities[path] is None:
            return
        # vanished since, or not ours to look into: the check of identities and the reading tell
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            self._observer.schedule(_Telling(told), path, recursive=recursive, event_filter=_WANTED)

    def _try_one_more(self) -> None:
        """Watchdog passes over a subfolder for which there is no watch left; this does not."""
        watch = self._observer.schedule(_Telling(_ignore), _UNWATCHED, event_filter=_WANTED)
        self._observer.unschedule(watch)

    def _below(self, event: events.FileSystemEvent) -> None:
        paths = [path for full in _paths(event) for path in self._ways(full) if self._tells(path, event)]
        if paths:
            self._debounce.hint(paths, unfinished=_SAYS_CLOSED and _is_being_written(event))

    def _tells(self, path: str, event: events.FileSystemEvent) -> bool:
        if path in CONFIG_NAMES:  # it is a link, and this is what it leads to
            return True
        if not self._watched.matters(path):
            return False
        if event.is_directory or self._watched.is_read(path) or path in self._watched.links:
            return True
        return os.path.islink(f"{self._watched.root}/{path}")

    def _ways(self, full: str) -> set[str]:
        """A path relative to the project, and as it is reached through each link."""
        ways = {full[len(self._watched.root) + 1 :]}
        for link, real in self._watched.links.items():
            if full == real or full.startswith(real + os.sep):
                ways.add(link + full[len(real) :])
        return {way.replace(os.sep, "/") for way in ways}

    def _on_the_way(self, event: events.FileSystemEvent) -> None:
        root = self._watched.root
        for full in _paths(event):
            if full == root:
                self._debounce.hint_all()
            path = full[len(root) + 1 :].replace(os.sep, "/") if full.startswith(root + os.sep) else ""
            if path in CONFIG_NAMES:
                self._debounce.hint([path], unfinished=_SAYS_CLOSED and _is_being_written(event))
            elif path in self._watched.deep or (path and path in self._watched.way):
                self._debounce.hint([path])

    def _links_differ(self, path: str) -> bool:
        known = {link: real for link, real in self._watched.links.items() if _within(link, path)}
        full = f"{self._watched.root}/{path}"
        if os.path.islink(full):
            real = os.path.realpath(full)
            return known.get(path) != (real if real.startswith(self._watched.root + os.sep) else None)
        return known != (links_below(self._watched, path) if os.path.isdir(full) else {})


@final
class _Telling(events.FileSystemEventHandler):
    def __init__(self, told: Callable[[events.FileSystemEvent], None]) -> None:
        self._told = told

    def dispatch(self, event: events.FileSystemEvent) -> None:
        self._told(event)


@final
class _Trouble(logging.Handler):
    """Hears when watchdog lost events: it says so nowhere but in its log."""

    def __init__(self, tell: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell
        self.ignore = False
        logging.getLogger("watchdog").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if self.ignore:
            return
        logging.getLogger(__name__).warning("the observer: %s; everything is read again", record.getMessage())
        self._tell()

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
        seen = os.lstat(event.src_path)
    except OSError:
        return False
    return seen.st_size == 0


def _identity(path: str) -> _Identity:
    try:
        seen = os.stat(path)
    except OSError:
        return None
    return seen.st_dev, seen.st_ino


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")
