"""Holds the current Snapshot, replaces it atomically and notifies subscribers.

Readers never wait; writers (reloads and registrations) take turns.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol, final

from stepwell.model.settings import CONFIG_NAME, CONFIG_NAMES, Project, open_project
from stepwell.resolve import collector_paused
from stepwell.resolve.load import FindPlugins, LoadResult, load
from stepwell.resolve.runtime_layer import Registered, with_one_more, with_registered
from stepwell.resolve.snapshot import Changes, Snapshot, changes_between
from stepwell.resolve.view import Code
from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.errors import ProjectError
from stepwell.source.foreign_code import Contained
from stepwell.source.fork_lock import ForkLock
from stepwell.source.immutable import InNotebook, immutable

__all__ = ["Event", "Meets", "RegistrySource", "RenewedCode", "Store", "Subscription"]

_log = logging.getLogger(__name__)

_GONE = Diagnostic(
    "unreadable-file",
    Severity.ERROR,
    "project settings not found",
    Span(CONFIG_NAME),
    "create it; it may be empty",
)

Subscriber = Callable[["Event"], object]
Meets = Callable[[frozenset[str]], tuple[Registered, ...]]
Prepare = Callable[[LoadResult, Snapshot, Meets], Registered]


class RenewedCode(Code, Protocol):
    """Sources that are renewed with the Snapshot."""

    def renew(
        self, changed: Iterable[str] | None, project: Project, workspaces: Iterable[str]
    ) -> RenewedCode:
        """Return the sources after a change; ``self`` if nothing differs."""


class RegistrySource(Protocol):
    """A registry elsewhere than in files of this machine."""

    url: str
    fault: Diagnostic | None
    """Why the last ``load`` failed."""

    def version(self) -> str:
        """Return a text that changes with the registry or its availability."""

    def load(self, today: date) -> LoadResult:
        """Read the current version.

        Raises:
            ProjectError: it cannot be read or is not valid.
        """


@final
@immutable
@dataclass(frozen=True, slots=True)
class Event(InNotebook):
    """A new Snapshot, accepted or rejected.

    Args:
        accepted: whether the new Snapshot is current; otherwise nothing changed but the findings.
        cause: ``reload``, ``register``, ``remove``, ``settings`` if only settings changed, or ``code`` if
            only Python sources changed.
        at: seconds since 1970.
        kept: views that keep their last valid state because of new errors; ``None`` is the core.
    """

    accepted: bool
    old: Snapshot
    new: Snapshot
    diagnostics: tuple[Diagnostic, ...]
    seconds: float
    cause: str = "reload"
    at: float = field(default_factory=time.time)
    kept: tuple[str | None, ...] = ()

    @property
    def old_digest(self) -> str:
        """Return the previous digest."""
        return self.old.digest

    @property
    def new_digest(self) -> str:
        """Return the current digest; after a rejection, that of the old Snapshot."""
        return self.new.digest if self.accepted else self.old.digest

    @property
    def changes(self) -> Changes:
        """Return the differences in the core and in each workspace."""
        return changes_between(self.old, self.new)


@final
class Subscription:
    """An active subscription; ``cancel`` ends it."""

    __slots__ = ("_store", "callback")

    def __init__(self, store: Store, callback: Subscriber) -> None:
        self._store = store
        self.callback = callback

    def cancel(self) -> None:
        """End the subscription; idempotent."""
        self._store.forget(self)


@final
class Store:
    """Holds the current Snapshot.

    Args:
        today: returns the date for deprecations.
        code: Python sources of the project, to locate components of steps.
        good: an earlier valid state, for views with errors; ``loaded`` itself if the project is missing.
        source: of a registry elsewhere; otherwise the project's folder is read.
    """

    def __init__(
        self,
        loaded: LoadResult,
        today: Callable[[], date],
        plugins: FindPlugins = tuple,
        code: RenewedCode | None = None,
        good: LoadResult | None = None,
        source: RegistrySource | None = None,
    ) -> None:
        self.source = source
        self._code = code
        self._today = today
        self._plugins = plugins
        self._lost = loaded is good  # whether the project was missing at the last reload
        self._seen = _with_code(loaded, code)  # current files, valid or not
        self._good = self._seen  # files of the current Snapshot
        self._kept: tuple[str | None, ...] = ()  # views that are older than the files
        if good is not None:
            self._good = _with_code(_with_first_errors(good, loaded), code)
            self._good, self._kept = self._last_valid(self._seen)
        if self._lost:
            self._seen = self._seen.replaced(diagnostics=(self._loss,))
        self._registered: tuple[Registered, ...] = ()
        self._by_word: dict[str, tuple[Registered, ...]] = {}  # registrations by words that may conflict
        self._snapshot = self._good.snapshot
        self._writing = ForkLock(guards_changes=True)
        self._subscriptions: tuple[Subscription, ...] = ()
        self._events: deque[Event] = deque()
        self._calls: deque[tuple[Subscription, Event]] = deque()  # of the event that is being delivered
        self._delivering: int | None = None  # the delivering process, which a fork changes
        self.counts: Counter[str] = Counter()
        self._counting = ForkLock()
        self.last_reload: Event | None = None
        self.last_refusal: Event | None = None

    @property
    def snapshot(self) -> Snapshot:
        """Return the current Snapshot."""
        return self._snapshot

    @property
    def seen(self) -> LoadResult:
        """Return the result of the last load, valid or not."""
        return self._seen

    @property
    def good(self) -> LoadResult:
        """Return the files and settings of the current Snapshot."""
        return self._good

    @property
    def kept(self) -> tuple[str | None, ...]:
        """Return the views that keep their last valid state because of errors; ``None`` is the core."""
        return self._kept

    @property
    def is_current(self) -> bool:
        """Return whether all views match the current files."""
        return not self._kept

    @property
    def registered(self) -> tuple[Registered, ...]:
        """Return all registrations, oldest first."""
        return self._registered

    def reload(self, changed: Iterable[str] | None = None, *, deliver: bool = True) -> Event | None:
        """Read changed files again; views with new errors keep their last valid state.

        Args:
            changed: relative paths; ``None`` for all.
            deliver: whether to call subscribers; otherwise ``deliver`` does.

        Returns:
            The outcome, or ``None`` if nothing changed.
        """
        with self._writing:
            began = time.perf_counter()
            hints = None if changed is None else frozenset(changed)
            before, seen = self._seen, self._read(hints)
            old_good, old_kept, old = self._good, self._kept, self._snapshot
            good, kept = self._last_valid(seen)
            has_new_code = self._renew_code(hints, good)
            self._seen = _with_code(seen, self._code)
            self._good, self._kept = _with_code(good, self._code), kept
            if self._good is not old_good:  # even without differences: locations may have moved
                self._snapshot = with_registered(self._good.snapshot, self._registered)
            same_content = _is_same(before, seen)
            same = same_content and before.project.settings == seen.project.settings
            if same and not has_new_code:
                return None
            accepted = (
                same
                or not kept
                or set(kept) < set(old_kept)
                or not _is_same(old_good, good)
                or old_good.project.settings != good.project.settings
            )
            new = self._snapshot if accepted else with_registered(self._seen.snapshot, self._registered)
            cause = "code" if same else "settings" if same_content else "reload"
            seconds = time.perf_counter() - began
            event = Event(accepted, old, new, seen.diagnostics, seconds, cause, kept=kept)
            self.counts["reloads" if accepted else "refusals"] += 1
            if accepted:
                self.last_reload = event
            else:
                self.last_refusal = event
            self._events.append(event)
            _log.debug(
                "%s in %.1f ms with %d findings",
                "accepted a reload" if accepted else "rejected a reload",
                event.seconds * 1000,
                len(event.diagnostics),
            )
        if deliver:
            self.deliver()
        return event

    def add(self, prepare: Prepare) -> Registered:
        """Register one more definition.

        Args:
            prepare: returns the registration, given the current files, the Snapshot and a lookup of
                conflicting
                registrations; called under the write lock. An exception leaves everything unchanged.
        """
        with self._writing:
            began = time.perf_counter()
            item = prepare(self._good, self._snapshot, self._meeting)
            registered = (*self._registered, item)
            new = with_one_more(self._good.snapshot, registered, self._snapshot)
            self._replace_registered(registered, new, "register", began)
            for word in item.words:
                self._by_word[word] = (*self._by_word.get(word, ()), item)
            _log.debug("registered %r for %s", item.definition, item.workspace or "all workspaces")
        self.deliver()
        return item

    def take_back(self, item: Registered) -> None:
        """Undo ``add``; idempotent."""
        with self._writing:
            kept = tuple(other for other in self._registered if other is not item)
            if len(kept) == len(self._registered):
                return
            began = time.perf_counter()
            self._replace_registered(kept, with_registered(self._good.snapshot, kept), "remove", began)
            for word in item.words:
                self._by_word[word] = tuple(other for other in self._by_word[word] if other is not item)
            _log.debug("removed %r for %s", item.definition, item.workspace or "all workspaces")
        self.deliver()

    def _meeting(self, words: frozenset[str]) -> tuple[Registered, ...]:
        return tuple(dict.fromkeys(item for word in words for item in self._by_word.get(word, ())))

    def _replace_registered(
        self, registered: tuple[Registered, ...], new: Snapshot, cause: str, began: float
    ) -> None:
        old, self._registered, self._snapshot = self._snapshot, registered, new
        self.counts["registrations" if cause == "register" else "removals"] += 1
        seconds = time.perf_counter() - began
        self._events.append(Event(True, old, new, self._seen.diagnostics, seconds, cause, kept=self._kept))

    def count(self, what: str) -> None:
        """Increment a counter; lookups are not counted."""
        with self._counting:
            self.counts[what] += 1

    def subscribe(self, callback: Subscriber) -> Subscription:
        """Call a function with every future Event, one at a time and in order.

        Raises:
            TypeError: the callback is not callable.
        """
        if not callable(callback):
            raise TypeError(f"a subscriber must be callable with one Event, got {callback!r}")
        subscription = Subscription(self, callback)
        with self._writing:
            self._subscriptions = (*self._subscriptions, subscription)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        """Remove a subscription."""
        with self._writing:
            self._subscriptions = tuple(item for item in self._subscriptions if item is not subscription)

    def _last_valid(self, seen: LoadResult) -> tuple[LoadResult, tuple[str | None, ...]]:
        """Return the current files where they are valid, and the views that keep their state."""
        from stepwell.resolve.incremental import last_valid

        if self._lost:
            return self._good, (None, *self._good.snapshot.workspaces)
        return last_valid(self._good, seen)

    def _renew_code(self, hints: frozenset[str] | None, good: LoadResult) -> bool:
        """Renew the Python sources; return whether they differ."""
        before = self._code
        if before is not None:
            self._code = before.renew(hints, good.project, good.layout.workspaces)
        return self._code is not before

    def _read(self, hints: frozenset[str] | None) -> LoadResult:
        if hints and all(path.endswith(".py") for path in hints) and not self._lost:
            return self._seen
        whole = hints is None or not hints.isdisjoint(CONFIG_NAMES) or self._lost or self.source is not None
        if hints is None or whole or self._today() != self._seen.today:
            return self._read_all()
        with collector_paused():
            from stepwell.resolve.incremental import reload

            return reload(self._seen, hints)

    @property
    def _loss(self) -> Diagnostic:
        """Why the project cannot be read at all."""
        fault = None if self.source is None else self.source.fault
        return fault or _GONE

    def _read_all(self) -> LoadResult:
        self._lost = False
        try:
            if self.source is not None:
                return self.source.load(self._today())
            return load(open_project(self._seen.project.root), self._today(), plugins=self._plugins)
        except ProjectError:
            self._lost = True
            return self._seen.replaced(diagnostics=(self._loss,))

    def deliver(self, *catching: type[BaseException]) -> None:
        """Deliver all events in order; concurrent calls leave new events to the running one.

        An exception that is not contained, such as an interrupt, is raised after all subscribers were called.

        Args:
            catching: exceptions of subscribers to contain besides ``Exception``.
        """
        with self._writing:
            if self._delivering == os.getpid():
                return
            self._delivering = os.getpid()
        finished = False
        try:
            while (call := self._next_call()) is not None:
                self._notify(*call, catching)
            finished = True
        finally:
            if not finished:
                self._delivering = None
                self.deliver(*catching)

    def _next_call(self) -> tuple[Subscription, Event] | None:
        with self._writing:
            while not self._calls:
                if not self._events:
                    self._delivering = None
                    return None
                event = self._events.popleft()
                self._calls.extend((subscription, event) for subscription in self._subscriptions)
            return self._calls.popleft()

    def _notify(
        self, subscription: Subscription, event: Event, catching: tuple[type[BaseException], ...]
    ) -> None:
        with Contained(*(() if catching else (SystemExit,)), catching=catching) as outcome:
            subscription.callback(event)
        if outcome.error is not None:
            self.count("subscriber_failures")
            _log.error("an event subscriber failed", exc_info=outcome.error)


def _with_code(loaded: LoadResult, code: Code | None) -> LoadResult:
    if code is None:
        return loaded
    snapshot = loaded.snapshot.with_code(code)
    return loaded if snapshot is loaded.snapshot else loaded.replaced(snapshot=snapshot)


def _with_first_errors(good: LoadResult, seen: LoadResult) -> LoadResult:
    """Return an earlier state that knows the errors of workspaces that it does not have."""
    new = seen.own.keys() - good.own.keys()
    return good.replaced(
        diagnostics=(*good.diagnostics, *(error for item in new for error in seen.own[item]))
    )


def _is_same(before: LoadResult, seen: LoadResult) -> bool:
    old, new = before.snapshot, seen.snapshot
    return (
        before.diagnostics == seen.diagnostics
        and old.core.digest == new.core.digest
        and old.workspaces == new.workspaces
        and all(old.view(name).digest == new.view(name).digest for name in new.workspaces)
    )
