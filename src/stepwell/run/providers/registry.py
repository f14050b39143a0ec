"""Providers of a project: selection, limits, failover and health checks."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from contextvars import ContextVar
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
    none_left,
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
    "Clients",
    "ProviderRegistry",
    "definition_of",
]


Key = tuple[str | None, str]
"""Workspace and name; views that see the same definition share its limits."""


@final
class Clients:
    """Provider clients created so far; thread-safe.

    Args:
        clock: returns seconds.
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

    def client(self, definition: ProviderDefinition, view: View) -> Guarded:
        """Return the client of a provider, cached until its definition or code changes.

        Raises:
            CannotBeMade: the implementation is missing or rejects its settings.
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
                tuple(model.name for model in definition.known_models),
                definition.settings or {},
                tuple(definition.secrets or ()),
                secrets.get,
                root,
                self._environment,
                lambda name: self._other(name, view),
            )
            client = Guarded(make(factory, setup), self.state(definition), secrets)
            if known is not None:
                self._retired.append(known[1])
            self._made[key] = (made_of, client)
            return client

    def state(self, definition: ProviderDefinition) -> ProviderState:
        """Return the state of a provider."""
        key = _key(definition)
        with self._lock:
            state = self._states.get(key)
            if state is None:
                state = self._states[key] = ProviderState(definition, self._clock)
            else:
                state.keep_to(definition)
            return state

    async def close(self) -> None:
        """Close all clients."""
        with self._lock:
            clients = [client for _, client in self._made.values()] + self._retired
            self._made, self._retired = {}, []
        for client in clients:
            await client.close()

    def _other(self, name: str, view: View) -> Provider:
        fault = ""
        try:
            return self.client(definition_of(view, name), view)
        except CannotBeMade as refusal:
            fault = str(refusal)
        raise LookupError(f"`{name}` cannot be used: {fault}")


def definition_of(view: View, name: str) -> ProviderDefinition:
    """Return a provider of a view.

    Raises:
        UnknownProvider: with suggestions.
    """
    definition = view.providers.above.get(name) or view.providers.below.get(name)
    if definition is None:
        raise UnknownProvider(name, closest(name, tuple(view.providers), 3), view.title)
    return definition


def _key(definition: ProviderDefinition) -> Key:
    owner = next((source.workspace for source in definition.sources if source.workspace is not None), None)
    return owner, definition.name


_SESSIONS: Final = 10_000
"""Maximum number of sessions whose provider is remembered."""

_NONE: Final[Mapping[str, str]] = MappingProxyType({})

_log = logging.getLogger(__name__)


STRATEGY: Final[ContextVar[str | None]] = ContextVar("provider_strategy", default=None)
"""Strategy of the step that is running, if it has one."""


@final
class ProviderRegistry:
    """The providers of a registry; each selection uses the current definitions.

    Provider state is kept by name across reloads. Safe in threads, tasks and several event loops.

    Args:
        environment: environment variables, for secrets.
        strategy: default strategy; ``None`` for that of the project's settings.
        clock: returns seconds, like ``time.monotonic``.

    Raises:
        UnknownStrategy: with suggestions.
    """

    def __init__(
        self,
        registry: Registry,
        environment: Mapping[str, str] = _NONE,
        *,
        strategy: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        strategy_named(strategy or registry.project.settings.provider_strategy)
        self._registry = registry
        self._strategy = strategy
        self._clock = clock
        self._clients = Clients(registry, environment, clock)
        self._lock = threading.Lock()
        self._turns: dict[tuple[str, ...], int] = {}
        self._sessions: OrderedDict[str, str] = OrderedDict()

    def __repr__(self) -> str:
        return f"<ProviderRegistry at {self._registry.project.root}>"

    @property
    def registry(self) -> Registry:
        """Return the registry that contains the definitions."""
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
        """Select a provider that has all required capabilities.

        Args:
            session: conversation name, for ``sticky``.
            model: required model; a provider without a list of models accepts any.
            workspace: default: the core.
            view: overrides ``workspace``.

        Raises:
            NoProvider: no provider is available; with the reason for each.
            UnknownStrategy: with suggestions.
            StrategyFailed: an installed strategy cannot be loaded or raises.
            UnknownWorkspace: with suggestions.
        """
        wanted = tuple(dict.fromkeys(requires))
        settings = self._registry.project.settings
        chosen_by = strategy or STRATEGY.get() or self._strategy or settings.provider_strategy
        choose = strategy_named(chosen_by)
        current = view if view is not None else self._registry.view(workspace)
        self._reject_unknown(current, wanted)
        passed_over: dict[str, str] = {}
        ready: list[tuple[ProviderCandidate, Guarded]] = []
        waits: list[float] = []
        for definition in in_order(current):
            fault = unfit(definition, wanted, exclude, model)
            if not fault:
                try:
                    client = self._clients.client(definition, current)
                except CannotBeMade as refusal:
                    fault = str(refusal)
                else:
                    fault = client.state.why_not()
                    if fault:
                        waits.append(client.state.back_in())
                    else:
                        ready.append((ProviderCandidate(definition, client.state.figures()), client))
            if fault:
                passed_over[definition.name] = fault
        if not ready:
            raise NoProvider(
                current.title, none_left(current, wanted, model), passed_over, min(waits) if waits else None
            )
        free = [pair for pair in ready if not pair[1].state.is_full] or ready
        for candidate, _ in ready:
            if all(candidate is not other for other, _ in free):
                passed_over[candidate.name] = "at its concurrency or rate limit"
        candidates = tuple(candidate for candidate, _ in free)
        situation = self._situation(candidates, session, model)
        choice = choose(candidates, situation)
        for candidate in candidates:
            if candidate is not choice.candidate:
                passed_over[candidate.name] = f"{chosen_by} selected {choice.candidate.name}"
        if session:
            self._remember(session, choice.candidate.name)
        client = next(client for candidate, client in free if candidate is choice.candidate)
        _log.debug("selected provider %s: %s", choice.candidate.name, choice.reason)
        return SelectedProvider(
            choice.candidate.definition, client, chosen_by, choice.reason, MappingProxyType(passed_over)
        )

    def named(self, name: str, *, workspace: str | None = None, view: View | None = None) -> SelectedProvider:
        """Return a provider by name.

        Raises:
            UnknownProvider: with suggestions.
            NoProvider: the provider cannot be used.
            UnknownWorkspace: with suggestions.
        """
        current = view if view is not None else self._registry.view(workspace)
        definition = definition_of(current, name)
        fault = ""
        try:
            client = self._clients.client(definition, current)
        except CannotBeMade as refusal:
            fault = str(refusal)
        if fault:
            raise unusable(current, name, fault)
        return SelectedProvider(definition, client, "named", "requested by name", _NONE)

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
        """Send a request, with failover to the next matching provider.

        The other arguments are those of ``select``.

        Raises:
            ProviderError: every provider failed; the error of the last one.
            NoProvider: no provider is available.
        """
        failed: list[Failover] = []
        wanted = tuple(requires)
        out = dict(exclude) if isinstance(exclude, Mapping) else dict.fromkeys(exclude, "excluded")
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
                out[chosen.name] = f"failed: {error.failure.value}: {error.message}"
                _log.info("provider %s failed, trying the next one: %s", chosen.name, error)

    def figures(self, name: str, *, workspace: str | None = None, view: View | None = None) -> Figures:
        """Return status and health figures of a provider.

        Raises:
            UnknownProvider: with suggestions.
            UnknownWorkspace: with suggestions.
        """
        current = view if view is not None else self._registry.view(workspace)
        return self._clients.state(definition_of(current, name)).figures()

    async def probe(
        self, names: Iterable[str] | None = None, *, workspace: str | None = None
    ) -> Mapping[str, StepwellError | None]:
        """Run the health checks of several providers concurrently.

        Args:
            names: default: all providers of the view.
            workspace: default: the core.

        Returns:
            Errors by name; ``None`` for a healthy provider.

        Raises:
            UnknownProvider: with suggestions.
            UnknownWorkspace: with suggestions.
        """
        view = self._registry.view(workspace)
        definitions = [definition_of(view, name) for name in names] if names is not None else in_order(view)
        errors = await asyncio.gather(*(self._probe(definition, view) for definition in definitions))
        return MappingProxyType(
            {definition.name: error for definition, error in zip(definitions, errors, strict=True)}
        )

    async def watch_over(self, workspace: str | None = None) -> None:
        """Run the configured health checks periodically until cancelled.

        Args:
            workspace: default: the core.
        """
        probed: dict[str, float] = {}
        while True:
            view = self._registry.view(workspace)
            now = self._clock()
            due = [
                definition.name
                for definition in in_order(view)
                if definition.health_limits.probe
                and now - probed.get(definition.name, -math.inf) >= definition.health_limits.interval
            ]
            probed.update(dict.fromkeys(due, now))
            if due:
                await self.probe(due, workspace=workspace)
            await asyncio.sleep(self._until_next(view, probed))

    async def close(self) -> None:
        """Close all connections; later requests open new ones."""
        await self._clients.close()

    async def __aenter__(self) -> ProviderRegistry:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _until_next(self, view: View, probed: Mapping[str, float]) -> float:
        now = self._clock()
        watched = [definition for definition in in_order(view) if definition.health_limits.probe]
        left = (probed.get(item.name, now) + item.health_limits.interval - now for item in watched)
        return max(0.01, min((*left, 1.0)))  # at most a second: a reload may change the interval

    async def _probe(self, definition: ProviderDefinition, view: View) -> StepwellError | None:
        try:
            client = self._clients.client(definition, view)
        except CannotBeMade as refusal:
            return unusable(view, definition.name, str(refusal))
        try:
            await client.probe(definition.health_limits.timeout)
        except ProviderError as error:
            return error
        return None

    def _situation(
        self, candidates: tuple[ProviderCandidate, ...], session: str, model: str | None
    ) -> Situation:
        names = tuple(candidate.name for candidate in candidates)
        with self._lock:
            turn = self._turns.get(names, 0)
            self._turns[names] = turn + 1
            return Situation(turn, session, self._sessions.get(session), model)

    def _remember(self, session: str, name: str) -> None:
        with self._lock:
            self._sessions[session] = name
            self._sessions.move_to_end(session)
            while len(self._sessions) > _SESSIONS:
                self._sessions.popitem(last=False)

    def _reject_unknown(self, view: View, wanted: tuple[str, ...]) -> None:
        known = {word for definition in view.providers.values() for word in definition.capabilities}
        for word in wanted:
            if word not in known and known:
                hint = suggest(word, known) or f"available: {', '.join(sorted(known))}"
                raise NoProvider(view.title, f"unknown capability `{word}` ({hint})")
