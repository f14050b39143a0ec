"""The providers of a project: chosen by capability, kept within their limits, and watched."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, final

from stepwell.model import ProviderDefinition
from stepwell.model.provider_protocol import Provider, ProviderError, Request, Setup
from stepwell.run.providers.circuit import Figures, ProviderState
from stepwell.run.providers.client import Guarded
from stepwell.run.providers.factory import CannotBeMade, Secrets, implementation_of, make
from stepwell.run.providers.strategies import (
    Answer,
    Failover,
    ProviderCandidate,
    SelectedProvider,
    Situation,
    in_order,
    nobody,
    strategy_named,
    unfit,
    unusable,
)
from stepwell.source.errors import NoProvider, StepwellError, UnknownProvider
from stepwell.source.spelling import closest, suggest

if TYPE_CHECKING:
    from stepwell.live.registry import Registry
    from stepwell.resolve.view import View

__all__ = [
    "ProviderRegistry",
    "Roster",
    "definition_of",
]


Key = tuple[str | None, str]
"""The workspace that a provider is of, and its name; views that see the same one share its limits."""


@final
class Roster:
    """The providers that were asked for so far; safe in threads.

    Args:
        clock: gives the time in seconds.
    """

    def __init__(
        self, registry: Registry, environment: Mapping[str, str], clock: Callable[[], float]
    ) -> None:
        self._registry = registry
        self._environment = environment
        self._clock = clock
        self._lock = threading.RLock()
        self._states: dict[Key, ProviderState] = {}
        self._made: dict[Key, tuple[object, Guarded]] = {}
        self._retired: list[Guarded] = []

    def guarded(self, definition: ProviderDefinition, view: View) -> Guarded:
        """What is asked in a provider's name: the same as before as long as its definition and its code are.

        Args:
            view: where it was found; other providers that it speaks of are looked for there.

        Raises:
            CannotBeMade: its implementation is not there, or refuses its settings.
        """
        key = _key(definition)
        code = self._registry.code if ":" in definition.implementation else None
        made_of = (definition.digest, code)
        with self._lock:
            known = self._made.get(key)
            if known is not None and known[0] == made_of:
                return known[1]
            factory = implementation_of(self._registry, definition)
            root = self._registry.project.root
            secrets = Secrets(definition.name, definition.secrets or {}, self._environment, root)
            setup = Setup(
                definition.name,
                tuple(one.name for one in definition.known_models),
                definition.settings or {},
                tuple(definition.secrets or ()),
                secrets.get,
                root,
                self._environment,
                lambda name: self._other(name, view),
            )
            guarded = Guarded(make(factory, setup), self.state(definition), secrets)
            if known is not None:
                self._retired.append(known[1])
            self._made[key] = (made_of, guarded)
            return guarded

    def state(self, definition: ProviderDefinition) -> ProviderState:
        """How a provider does."""
        key = _key(definition)
        with self._lock:
            state = self._states.get(key)
            if state is None:
                state = self._states[key] = ProviderState(definition, self._clock)
            else:
                state.keep_to(definition)
            return state

    async def close(self) -> None:
        """Let go of all that was made."""
        with self._lock:
            held = [guarded for _, guarded in self._made.values()] + self._retired
            self._made, self._retired = {}, []
        for guarded in held:
            await guarded.close()

    def _other(self, name: str, view: View) -> Provider:
        fault = ""
        try:
            return self.guarded(definition_of(view, name), view)
        except CannotBeMade as refusal:
            fault = str(refusal)
        raise LookupError(f"`{name}` cannot be used: {fault}")


def definition_of(view: View, name: str) -> ProviderDefinition:
    """A provider of a view.

    Raises:
        UnknownProvider: with suggestions.
    """
    found = view.providers.above.get(name) or view.providers.below.get(name)
    if found is None:
        raise UnknownProvider(name, closest(name, tuple(view.providers), 3), view.title)
    return found


def _key(definition: ProviderDefinition) -> Key:
    owner = next((one.workspace for one in definition.sources if one.workspace is not None), None)
    return owner, definition.name


_SESSIONS: Final = 10_000
"""How many conversations are remembered with the provider that they had last."""

_NOBODY: Final[Mapping[str, str]] = MappingProxyType({})

_log = logging.getLogger(__name__)


@final
class ProviderRegistry:
    """The providers of a registry, live: each choice is made among those that are served at that moment.

    How a provider does is remembered by its name, from one reload to the next. Safe in threads, tasks and
    several event loops.

    Args:
        environment: the environment variables, in which secrets are found.
        strategy: how to choose where a caller does not say.
        clock: gives the time in seconds, as ``time.monotonic``.

    Raises:
        UnknownStrategy: with suggestions.
    """

    def __init__(
        self,
        registry: Registry,
        environment: Mapping[str, str] = _NOBODY,
        *,
        strategy: str = "priority",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        strategy_named(strategy)
        self._registry = registry
        self._strategy = strategy
        self._clock = clock
        self._roster = Roster(registry, environment, clock)
        self._lock = threading.Lock()
        self._turns: dict[tuple[str, ...], int] = {}
        self._sessions: OrderedDict[str, str] = OrderedDict()

    def __repr__(self) -> str:
        return f"<ProviderRegistry at {self._registry.project.root}>"

    @property
    def registry(self) -> Registry:
        """The registry that serves the definitions."""
        return self._registry

    def select(
        self,
        requires: Iterable[str] = (),
        *,
        strategy: str | None = None,
        exclude: Collection[str] | Mapping[str, str] = (),
        session: str = "",
        model: str | None = None,
        workspace: str | None = None,
        view: View | None = None,
    ) -> SelectedProvider:
        """Choose a provider that can do all that is required.

        Args:
            requires: the capabilities that it must have.
            session: names a conversation that goes on, for ``sticky``.
            model: a model that it must have; a provider that lists none has any.
            workspace: in whose view; the core's where it is left out.
            view: the view itself, where it is not the one that is served now.

        Raises:
            NoProvider: none can be asked at this moment; with the reason for each.
            UnknownStrategy: with suggestions.
            StrategyFailed: a strategy of an installed package cannot be loaded, or fails.
            UnknownWorkspace: with suggestions.
        """
        wanted = tuple(dict.fromkeys(requires))
        chosen_by = strategy or self._strategy
        choose = strategy_named(chosen_by)
        seen = view if view is not None else self._registry.view(workspace)
        self._refuse_unknown(seen, wanted)
        passed_over: dict[str, str] = {}
        ready: list[tuple[ProviderCandidate, Guarded]] = []
        waits: list[float] = []
        for definition in in_order(seen):
            fault = unfit(definition, wanted, exclude, model)
            if not fault:
                try:
                    guarded = self._roster.guarded(definition, seen)
                except CannotBeMade as refusal:
                    fault = str(refusal)
                else:
                    fault = guarded.state.why_not()
                    if fault:
                        waits.append(guarded.state.back_in())
                    else:
                        ready.append((ProviderCandidate(definition, guarded.state.figures()), guarded))
            if fault:
                passed_over[definition.name] = fault
        if not ready:
            raise NoProvider(
                seen.title, nobody(seen, wanted, model), passed_over, min(waits) if waits else None
            )
        free = [held for held in ready if not held[1].state.is_full] or ready
        for candidate, _ in ready:
            if all(candidate is not one for one, _ in free):
                passed_over[candidate.name] = "as much is asked of it as its limits allow"
        candidates = tuple(candidate for candidate, _ in free)
        situation = self._situation(candidates, session, model)
        choice = choose(candidates, situation)
        for candidate in candidates:
            if candidate is not choice.candidate:
                passed_over[candidate.name] = f"{chosen_by} chose {choice.candidate.name}"
        if session:
            self._remember(session, choice.candidate.name)
        guarded = next(one for candidate, one in free if candidate is choice.candidate)
        _log.debug("chose the provider %s: %s", choice.candidate.name, choice.reason)
        return SelectedProvider(
            choice.candidate.definition, guarded, chosen_by, choice.reason, MappingProxyType(passed_over)
        )

    def named(self, name: str, *, workspace: str | None = None, view: View | None = None) -> SelectedProvider:
        """A provider by its name, whatever others can do.

        Raises:
            UnknownProvider: with suggestions.
            NoProvider: it cannot be used.
            UnknownWorkspace: with suggestions.
        """
        seen = view if view is not None else self._registry.view(workspace)
        definition = definition_of(seen, name)
        fault = ""
        try:
            guarded = self._roster.guarded(definition, seen)
        except CannotBeMade as refusal:
            fault = str(refusal)
        if fault:
            raise unusable(seen, name, fault)
        return SelectedProvider(definition, guarded, "named", "it was asked for by name", _NOBODY)

    async def complete(
        self,
        request: Request,
        requires: Iterable[str] = (),
        *,
        strategy: str | None = None,
        exclude: Collection[str] | Mapping[str, str] = (),
        session: str = "",
        workspace: str | None = None,
        view: View | None = None,
    ) -> Answer:
        """Ask one provider, and the next that fits where it fails.

        The arguments are those of ``select``.

        Raises:
            ProviderError: nobody answered; of the provider that was asked last.
            NoProvider: nobody could be asked.
        """
        failed: list[Failover] = []
        wanted = tuple(requires)
        out = dict(exclude) if isinstance(exclude, Mapping) else dict.fromkeys(exclude, "it was excluded")
        while True:
            try:
                chosen = self.select(
                    wanted,
                    strategy=strategy,
                    exclude=out,
                    session=session,
                    model=request.model,
                    workspace=workspace,
                    view=view,
                )
            except NoProvider:
                if failed:
                    raise failed[-1].error from None
                raise
            try:
                return Answer(await chosen.provider.complete(request), chosen, tuple(failed))
            except ProviderError as error:
                if not error.passes:
                    raise
                failed.append(Failover(chosen.name, error))
                out[chosen.name] = f"it failed: {error.failure.value}: {error.message}"
                _log.info("the provider %s failed, the next is asked: %s", chosen.name, error)

    def figures(self, name: str, *, workspace: str | None = None, view: View | None = None) -> Figures:
        """How a provider does at this moment.

        Raises:
            UnknownProvider: with suggestions.
            UnknownWorkspace: with suggestions.
        """
        seen = view if view is not None else self._registry.view(workspace)
        return self._roster.state(definition_of(seen, name)).figures()

    async def probe(
        self, names: Iterable[str] | None = None, *, workspace: str | None = None
    ) -> Mapping[str, StepwellError | None]:
        """Ask providers for a sign of life, all at once.

        Args:
            names: which ones; all of the view where they are left out.
            workspace: in whose view; the core's where it is left out.

        Returns:
            What is wrong with each, by name; ``None`` where it is well.

        Raises:
            UnknownProvider: with suggestions.
            UnknownWorkspace: with suggestions.
        """
        view = self._registry.view(workspace)
        asked = [definition_of(view, name) for name in names] if names is not None else in_order(view)
        told = await asyncio.gather(*(self._probe(one, view) for one in asked))
        return MappingProxyType({one.name: fault for one, fault in zip(asked, told, strict=True)})

    async def watch_over(self, workspace: str | None = None) -> None:
        """Probe every provider that asks for it, each at its interval, until this is cancelled.

        Args:
            workspace: in whose view; the core's where it is left out.
        """
        probed: dict[str, float] = {}
        while True:
            view = self._registry.view(workspace)
            now = self._clock()
            due = [
                one.name
                for one in in_order(view)
                if one.health_limits.probe
                and now - probed.get(one.name, -math.inf) >= one.health_limits.interval
            ]
            probed.update(dict.fromkeys(due, now))
            if due:
                await self.probe(due, workspace=workspace)
            await asyncio.sleep(self._until_next(view, probed))

    async def close(self) -> None:
        """Let go of all connections; whoever asks afterwards makes new ones."""
        await self._roster.close()

    async def __aenter__(self) -> ProviderRegistry:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _until_next(self, view: View, probed: Mapping[str, float]) -> float:
        now = self._clock()
        watched = [one for one in in_order(view) if one.health_limits.probe]
        left = (probed.get(one.name, now) + one.health_limits.interval - now for one in watched)
        return max(0.01, min((*left, 1.0)))  # at most a second: a reload may bring another interval

    async def _probe(self, definition: ProviderDefinition, view: View) -> StepwellError | None:
        try:
            guarded = self._roster.guarded(definition, view)
        except CannotBeMade as refusal:
            return unusable(view, definition.name, str(refusal))
        try:
            await guarded.probe(definition.health_limits.timeout)
        except ProviderError as error:
            return error
        return None

    def _situation(
        self, candidates: tuple[ProviderCandidate, ...], session: str, model: str | None
    ) -> Situation:
        among = tuple(one.name for one in candidates)
        with self._lock:
            turn = self._turns.get(among, 0)
            self._turns[among] = turn + 1
            return Situation(turn, session, self._sessions.get(session), model)

    def _remember(self, session: str, name: str) -> None:
        with self._lock:
            self._sessions[session] = name
            self._sessions.move_to_end(session)
            while len(self._sessions) > _SESSIONS:
                self._sessions.popitem(last=False)

    def _refuse_unknown(self, view: View, wanted: tuple[str, ...]) -> None:
        known = {word for one in view.providers.values() for word in one.capabilities}
        for word in wanted:
            if word not in known and known:
                hint = suggest(word, known) or f"there are {', '.join(sorted(known))}"
                raise NoProvider(view.title, f"none has the capability `{word}` ({hint})")
