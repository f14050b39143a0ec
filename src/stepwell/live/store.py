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
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol, final

from stepwell.model.settings import CONFIG_NAME, Project, open_project
from stepwell.resolve.load import FindPlugins, LoadResult, collector_paused, load
from stepwell.resolve.runtime_layer import Registered, with_one_more, with_registered
from stepwell.resolve.snapshot import Changes, Snapshot, changes_between
from stepwell.resolve.view import Code
from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.errors import ProjectError
from stepwell.source.foreign_code import Contained
from stepwell.source.immutable import immutable

__all__ = ["Event", "Meets", "RenewedCode", "Store", "Subscription"]

_log = logging.getLogger(__name__)

_GONE = Diagnostic(
    "unreadable-file",
    Severity.ERROR,
    "the project's settings are gone, so nothing of it is read",
    Span(CONFIG_NAME),
    "an empty file is enough",
)

Subscriber = Callable[["Event"], object]
Meets = Callable[[frozenset[str]], tuple[Registered, ...]]
Prepare = Callable[[LoadResult, Snapshot, Meets], Registered]


class RenewedCode(Code, Protocol):
    """Sources that are renewed with the Snapshot."""

    def renew(
        self, changed: Iterable[str] | None, project: Project, workspaces: Iterable[str]
    ) -> RenewedCode:
        """The sources after a change; themselves where nothing differs."""


@final
@immutable
@dataclass(frozen=True, slots=True)
class Event:
    """One swap of the Snapshot, or one refusal of a bad one.

    Args:
        accepted: whether the new Snapshot is served; otherwise the last good one still is.
        cause: ``reload``, ``register`` or ``remove``; ``code`` where only Python sources changed.
        at: when it happened, in seconds since 1970.
    """

    accepted: bool
    old: Snapshot
    new: Snapshot
    diagnostics: tuple[Diagnostic, ...]
    seconds: float
    cause: str = "reload"
    at: float = field(default_factory=time.time)

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
        today: gives the date to hold deprecations against.
        code: the project's Python sources; without them no view knows where the parts of its steps are.
    """

    def __init__(
        self,
        loaded: LoadResult,
        today: Callable[[], date],
        plugins: FindPlugins = tuple,
        code: RenewedCode | None = None,
    ) -> None:
        loaded = _with_code(loaded, code)
        self._code = code
        self._today = today
        self._plugins = plugins
        self._lost = False  # whether there was no project when it was last looked for
        self._seen = loaded  # the files as they were last read, served or not
        self._good = loaded  # the files whose Snapshot is served
        self._registered: tuple[Registered, ...] = ()
        self._by_word: dict[str, tuple[Registered, ...]] = {}  # of the registered, what each could collide in
        self._snapshot = loaded.snapshot
        self._writing = threading.RLock()
        self._subscriptions: tuple[Subscription, ...] = ()
        self._events: deque[Event] = deque()
        self._delivering = False
        self.counts: Counter[str] = Counter()
        self._counting = threading.Lock()
        self.last_reload: Event | None = None
        self.last_refusal: Event | None = None

    @property
    def snapshot(self) -> Snapshot:
        """What is served now."""
        return self._snapshot

    @property
    def seen(self) -> LoadResult:
        """The files as they were last read, served or not."""
        return self._seen

    @property
    def is_current(self) -> bool:
        """Whether the files that are served are the files as they were last read."""
        return self._good is self._seen

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
            hints = None if changed is None else frozenset(changed)
            before, seen = self._seen, self._read(hints)
            has_new_code = self._renew_code(hints, seen)
            seen = _with_code(seen, self._code)
            self._seen = seen
            old = self._snapshot
            same = _says_the_same(before, seen)
            takes_it = self._good is before if same else not _new_errors(self._good, seen)
            if takes_it:  # also where it says the same: lines may have moved, which explanations tell
                self._good = seen
            elif has_new_code:
                self._good = _with_code(self._good, self._code)
            if takes_it or has_new_code:
                self._snapshot = with_registered(self._good.snapshot, self._registered)
            if same and not has_new_code:
                return None
            accepted = same or takes_it
            new = self._snapshot if accepted else with_registered(seen.snapshot, self._registered)
            cause = "code" if same else "reload"
            event = Event(accepted, old, new, seen.diagnostics, time.perf_counter() - began, cause)
            self.counts["reloads" if accepted else "refusals"] += 1
            if accepted:
                self.last_reload = event
            else:
                self.last_refusal = event
            self._events.append(event)
            _log.debug(
                "%s in %.1f ms with %d findings",
                "served the files anew" if accepted else "refused the files as they are",
                event.seconds * 1000,
                len(event.diagnostics),
            )
        self._deliver()
        return event

    def add(self, prepare: Prepare) -> Registered:
        """Lay one more definition over all files.

        Args:
            prepare: gives it, from what is served at that moment and from what tells which registered
                definitions have one of some words; while it looks nothing else is written, so that what it
                finds free stays free. What it raises leaves all as it was.
        """
        with self._writing:
            began = time.perf_counter()
            one = prepare(self._good, self._snapshot, self._meeting)
            registered = (*self._registered, one)
            new = with_one_more(self._good.snapshot, registered, self._snapshot)
            self._lay(registered, new, "register", began)
            for word in one.words:
                self._by_word[word] = (*self._by_word.get(word, ()), one)
            _log.debug("registered %r for %s", one.definition, one.workspace or "everybody")
        self._deliver()
        return one

    def take_back(self, one: Registered) -> None:
        """Undo ``add``; twice is harmless."""
        with self._writing:
            kept = tuple(other for other in self._registered if other is not one)
            if len(kept) == len(self._registered):
                return
            began = time.perf_counter()
            self._lay(kept, with_registered(self._good.snapshot, kept), "remove", began)
            for word in one.words:
                self._by_word[word] = tuple(other for other in self._by_word[word] if other is not one)
            _log.debug("removed %r for %s", one.definition, one.workspace or "everybody")
        self._deliver()

    def _meeting(self, words: frozenset[str]) -> tuple[Registered, ...]:
        return tuple(dict.fromkeys(one for word in words for one in self._by_word.get(word, ())))

    def _lay(self, registered: tuple[Registered, ...], new: Snapshot, cause: str, began: float) -> None:
        old, self._registered, self._snapshot = self._snapshot, registered, new
        self.counts["registrations" if cause == "register" else "removals"] += 1
        seconds = time.perf_counter() - began
        self._events.append(Event(True, old, new, self._seen.diagnostics, seconds, cause))

    def count(self, what: str) -> None:
        """Count one thing that happened; not for look-ups, which are counted nowhere."""
        with self._counting:
            self.counts[what] += 1

    def subscribe(self, callback: Subscriber) -> Subscription:
        """Call a function with every Event from now on, one at a time and in order.

        Raises:
            TypeError: it cannot be called.
        """
        if not callable(callback):
            raise TypeError(f"a subscriber is a function of one Event; {callback!r} cannot be called")
        subscription = Subscription(self, callback)
        with self._writing:
            self._subscriptions = (*self._subscriptions, subscription)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        """Call a function no more."""
        with self._writing:
            self._subscriptions = tuple(one for one in self._subscriptions if one is not subscription)

    def _renew_code(self, hints: frozenset[str] | None, seen: LoadResult) -> bool:
        """Whether the Python sources are other ones now, for anybody who asked for something in them."""
        before = self._code
        if before is not None:
            self._code = before.renew(hints, seen.project, seen.layout.workspaces)
        return self._code is not before

    def _read(self, hints: frozenset[str] | None) -> LoadResult:
        if hints and all(path.endswith(".py") for path in hints) and not self._lost:
            return self._seen
        whole = hints is None or hints & {CONFIG_NAME, "pyproject.toml"} or self._lost
        if hints is None or whole or self._today() != self._seen.today:
            return self._read_all()
        with collector_paused():
            from stepwell.resolve.incremental import reload

            return reload(self._seen, hints)

    def _read_all(self) -> LoadResult:
        self._lost = False
        try:
            return load(open_project(self._seen.project.root), self._today(), plugins=self._plugins)
        except ProjectError:
            self._lost = True
            return self._seen._replace(diagnostics=(_GONE,))

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
                self._tell(subscription, event)

    def _tell(self, subscription: Subscription, event: Event) -> None:
        with Contained(SystemExit) as outcome:
            subscription.callback(event)
        if outcome.error is not None:
            self.count("subscriber_failures")
            _log.error("a subscriber failed; the others are told all the same", exc_info=outcome.error)


def _with_code(loaded: LoadResult, code: Code | None) -> LoadResult:
    if code is None:
        return loaded
    snapshot = loaded.snapshot.with_code(code)
    return loaded if snapshot is loaded.snapshot else loaded._replace(snapshot=snapshot)


def _says_the_same(before: LoadResult, seen: LoadResult) -> bool:
    old, new = before.snapshot, seen.snapshot
    return (
        before.diagnostics == seen.diagnostics
        and old.core.digest == new.core.digest
        and old.workspaces == new.workspaces
        and all(old.view(one).digest == new.view(one).digest for one in new.workspaces)
    )


def _new_errors(good: LoadResult, seen: LoadResult) -> bool:
    """Whether files have an error now that they did not have when they were last served."""
    known = {_fault(found) for found in good.diagnostics}
    return any(found.severity is Severity.ERROR and _fault(found) not in known for found in seen.diagnostics)


def _fault(found: Diagnostic) -> tuple[str, str, str]:
    """A finding without its line, which moves when other lines do."""
    return found.id, found.message, found.span.path if found.span is not None else ""
