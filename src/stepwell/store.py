"""The one mutable cell: which Snapshot is served, swapped whole, and who is told.

Readers read one attribute and never wait. Writers (reloads and registrations) take turns; no
lock that a reader could meet is held while files are read.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import final

from stepwell.changes import Changes, changes_between
from stepwell.diagnostics import Diagnostic, Severity
from stepwell.load import Loaded, collector_paused, load
from stepwell.project import CONFIG_NAME, open_project
from stepwell.reloading import reload
from stepwell.runtime import Registered, with_registered
from stepwell.snapshot import Snapshot

__all__ = ["Event", "Store", "Subscription"]

_log = logging.getLogger(__name__)

Subscriber = Callable[["Event"], object]


@final
@dataclass(frozen=True, slots=True)
class Event:
    """One swap of the Snapshot, or one refusal of a bad one.

    Args:
        accepted: whether the new Snapshot is served; otherwise the last good one still is.
        old: the Snapshot before.
        new: the Snapshot that was made, served or not.
        diagnostics: everything that is found in the files as they are now.
        seconds: how long the work took.
        cause: ``reload``, ``register`` or ``remove``.
    """

    accepted: bool
    old: Snapshot
    new: Snapshot
    diagnostics: tuple[Diagnostic, ...]
    seconds: float
    cause: str = "reload"

    @property
    def old_digest(self) -> str:
        """The digest of what was served before."""
        return self.old.digest

    @property
    def new_digest(self) -> str:
        """The digest of what is served now: the old one's after a refusal."""
        return self.new.digest if self.accepted else self.old.digest

    @property
    def changes(self) -> Changes:
        """What was added, removed and changed, for the core and for each workspace."""
        return changes_between(self.old, self.new)


@final
class Subscription:
    """A standing wish to be told; ``cancel`` ends it."""

    __slots__ = ("_store", "callback")

    def __init__(self, store: Store, callback: Subscriber) -> None:
        self._store = store
        self.callback = callback

    def cancel(self) -> None:
        """Tell no more; twice is harmless."""
        self._store.forget(self)


@final
class Store:
    """Holds the Snapshot that is served.

    Args:
        loaded: the first load of the project.
        today: gives the date to hold deprecations against.
    """

    def __init__(self, loaded: Loaded, today: Callable[[], date]) -> None:
        self._today = today
        self._seen = loaded  # the files as they were last read, served or not
        self._good = loaded  # the files whose Snapshot is served
        self._registered: tuple[Registered, ...] = ()
        self._snapshot = loaded.snapshot
        self._writing = threading.RLock()
        self._subscriptions: tuple[Subscription, ...] = ()
        self._events: deque[Event] = deque()
        self._delivering = False
        self.counts: Counter[str] = Counter()
        self.last_reload: Event | None = None
        self.last_refusal: Event | None = None

    @property
    def snapshot(self) -> Snapshot:
        """What is served now."""
        return self._snapshot

    @property
    def seen(self) -> Loaded:
        """The files as they were last read, served or not."""
        return self._seen

    @property
    def registered(self) -> tuple[Registered, ...]:
        """What code registered, oldest first."""
        return self._registered

    def reload(self, changed: Iterable[str] | None = None) -> Event | None:
        """Read again what changed, and serve it if it brings no new error.

        Args:
            changed: files and folders, relative to the project; ``None`` reads everything.

        Returns:
            What happened; ``None`` when the files say what they said.
        """
        with self._writing:
            began = time.perf_counter()
            before, seen = self._seen, self._read(changed)
            self._seen = seen
            old = self._snapshot
            if _says_the_same(before, seen) and self._good is before:
                self._good = seen
                return None
            accepted = not _new_errors(self._good, seen)
            new = with_registered(seen.snapshot, self._registered)
            if accepted:
                self._good = seen
                self._snapshot = new
            event = Event(accepted, old, new, seen.diagnostics, time.perf_counter() - began)
            self.counts["reloads" if accepted else "refusals"] += 1
            if accepted:
                self.last_reload = event
            else:
                self.last_refusal = event
            self._events.append(event)
        self._deliver()
        return event

    def add(self, one: Registered) -> None:
        """Lay one more definition over all files."""
        self._lay((*self._registered, one), "register")

    def take_back(self, one: Registered) -> None:
        """Undo ``add``; twice is harmless."""
        self._lay(tuple(kept for kept in self._registered if kept is not one), "remove")

    def _lay(self, registered: tuple[Registered, ...], cause: str) -> None:
        with self._writing:
            if registered == self._registered:
                return
            began = time.perf_counter()
            old, self._registered = self._snapshot, registered
            self._snapshot = with_registered(self._good.snapshot, registered)
            seconds = time.perf_counter() - began
            self.counts["registrations"] += cause == "register"
            self._events.append(Event(True, old, self._snapshot, self._seen.diagnostics, seconds, cause))
        self._deliver()

    def subscribe(self, callback: Subscriber) -> Subscription:
        """Call a function with every Event from now on, one at a time and in order."""
        subscription = Subscription(self, callback)
        with self._writing:
            self._subscriptions = (*self._subscriptions, subscription)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        """Call a function no more."""
        with self._writing:
            self._subscriptions = tuple(one for one in self._subscriptions if one is not subscription)

    def _read(self, changed: Iterable[str] | None) -> Loaded:
        hints = None if changed is None else frozenset(changed)
        if hints is None or hints & {CONFIG_NAME, "pyproject.toml"} or self._today() != self._seen.today:
            return load(open_project(self._seen.project.root), self._today())
        with collector_paused():
            return reload(self._seen, hints)

    def _deliver(self) -> None:
        """Tell the events in their order; whoever is telling already tells the new ones too."""
        with self._writing:
            if self._delivering:
                return
            self._delivering = True
        while True:
            with self._writing:
                if not self._events:
                    self._delivering = False
                    return
                event = self._events.popleft()
                listening = self._subscriptions
            for subscription in listening:
                try:
                    subscription.callback(event)
                except Exception:
                    _log.exception("a subscriber failed; the others are told all the same")


def _says_the_same(before: Loaded, seen: Loaded) -> bool:
    return before.diagnostics == seen.diagnostics and before.snapshot.digest == seen.snapshot.digest


def _new_errors(good: Loaded, seen: Loaded) -> bool:
    """Whether files have an error now that they did not have when they were last served."""
    known = {_fault(found) for found in good.diagnostics}
    return any(found.severity is Severity.ERROR and _fault(found) not in known for found in seen.diagnostics)


def _fault(found: Diagnostic) -> tuple[str, str, str]:
    """A finding without its line, which moves when other lines do."""
    return found.id, found.message, found.span.path if found.span is not None else ""
