"""The strategies that choose among providers that fit, and those that packages add.

A strategy is a pure function. Ours are in a written-out dict; an installed package adds its own by an
entry point of the group ``stepwell.provider_strategies``, imported when somebody asks for it by name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, final

from stepwell.model import Cost, ProviderDefinition
from stepwell.model.provider_protocol import Provider, ProviderError, Response
from stepwell.resolve.strategies import load_strategy
from stepwell.run.providers.circuit import Figures
from stepwell.source.errors import NoProvider, StrategyFailed
from stepwell.source.exception_text import worded
from stepwell.source.foreign_code import Translated

if TYPE_CHECKING:
    from stepwell.resolve.view import View

__all__ = [
    "GROUP",
    "STRATEGIES",
    "Answer",
    "Failover",
    "ProviderCandidate",
    "ProviderSelection",
    "ProviderStrategy",
    "SelectedProvider",
    "Situation",
    "in_order",
    "nobody",
    "strategy_named",
    "unfit",
    "unusable",
]


GROUP: Final = "stepwell.provider_strategies"
"""The group of entry points by which an installed package adds strategies."""


@final
@dataclass(frozen=True, slots=True)
class ProviderCandidate:
    """A provider that fits and can be asked."""

    definition: ProviderDefinition
    figures: Figures

    @property
    def name(self) -> str:
        """Its name."""
        return self.definition.name

    def cost(self, model: str | None) -> float | None:
        """What 1,000 tokens in and 1,000 out cost together; ``None`` where that is not known.

        Args:
            model: of which model; the usual one's where none is named.
        """
        models = self.definition.known_models
        named = next((one.cost for one in models if model in (None, one.name)), self.definition.price)
        return _together(named)


@final
@dataclass(frozen=True, slots=True)
class Situation:
    """What a choice may depend on besides the candidates.

    Args:
        session: names a conversation that goes on; empty for none.
        last: the provider that this conversation had last; ``None`` where there was none.
        model: the model that is asked for; ``None`` for any.
    """

    turn: int = 0
    session: str = ""
    last: str | None = None
    model: str | None = None


@final
class ProviderSelection(NamedTuple):
    """What a strategy chooses."""

    candidate: ProviderCandidate
    reason: str


class ProviderStrategy(Protocol):
    """A pure function that chooses one of several providers."""

    def __call__(
        self, candidates: tuple[ProviderCandidate, ...], situation: Situation, /
    ) -> ProviderSelection:
        """Choose.

        Args:
            candidates: at least one, by priority, then by name.
            situation: what the choice may depend on.
        """
        ...


def priority(candidates: tuple[ProviderCandidate, ...], _situation: Situation) -> ProviderSelection:
    """The one with the lowest priority; among equals the first by name."""
    first = candidates[0]
    return ProviderSelection(first, f"it has the lowest priority, {first.definition.priority}")


def round_robin(candidates: tuple[ProviderCandidate, ...], situation: Situation) -> ProviderSelection:
    """One after the other."""
    place = situation.turn % len(candidates)
    return ProviderSelection(candidates[place], f"it is its turn, {place + 1} of {len(candidates)}")


def least_latency(candidates: tuple[ProviderCandidate, ...], situation: Situation) -> ProviderSelection:
    """The one that answered quickest of late; one that was never asked is tried first."""
    unmeasured = [one for one in candidates if one.figures.latency is None]
    if unmeasured:
        one = unmeasured[situation.turn % len(unmeasured)]
        return ProviderSelection(one, "how quick it is is not known yet")
    one = min(candidates, key=lambda held: held.figures.latency or 0.0)
    return ProviderSelection(
        one, f"it answered quickest of late, in {(one.figures.latency or 0.0) * 1000:.0f} ms"
    )


def least_errors(candidates: tuple[ProviderCandidate, ...], _situation: Situation) -> ProviderSelection:
    """The one with the smallest share of errors of late."""
    one = min(candidates, key=lambda held: round(held.figures.error_share, 3))
    return ProviderSelection(
        one, f"it has the smallest share of errors of late, {one.figures.error_share:.0%}"
    )


def cheapest(candidates: tuple[ProviderCandidate, ...], situation: Situation) -> ProviderSelection:
    """The one that costs least; one whose cost is not stated counts as the dearest."""
    costs = [(one.cost(situation.model), one) for one in candidates]
    known = [(cost, one) for cost, one in costs if cost is not None]
    if not known:
        return ProviderSelection(candidates[0], "no cost is stated, and it has the lowest priority")
    cost, one = min(known, key=lambda held: held[0])
    return ProviderSelection(one, f"it costs least, {cost:g} per 1,000 tokens in and out")


def sticky(candidates: tuple[ProviderCandidate, ...], situation: Situation) -> ProviderSelection:
    """The one that the session had before, as long as it can be asked."""
    if not situation.session:
        return priority(candidates, situation)._replace(reason="no session is named; lowest priority")
    for one in candidates:
        if one.name == situation.last:
            return ProviderSelection(one, f"the session {situation.session} had it before")
    kept = f"the session {situation.session} begins with it"
    if situation.last is not None:
        kept = f"the session {situation.session} had {situation.last}, which cannot be asked"
    return ProviderSelection(candidates[0], kept)


STRATEGIES: Final[Mapping[str, ProviderStrategy]] = MappingProxyType(
    {
        "priority": priority,
        "round_robin": round_robin,
        "least_latency": least_latency,
        "least_errors": least_errors,
        "cheapest": cheapest,
        "sticky": sticky,
    }
)
"""Our own strategies, by name."""


def strategy_named(name: str) -> ProviderStrategy:
    """A strategy of ours, or of an installed package.

    Raises:
        UnknownStrategy: when there is none; with suggestions.
        StrategyFailed: when a package has it and it cannot be loaded.
    """
    return STRATEGIES.get(name) or _installed(name)


@cache  # what is imported stays imported; a failure is not kept
def _installed(name: str) -> ProviderStrategy:
    loaded = load_strategy(GROUP, name, STRATEGIES)
    return _guarded(name, loaded.package, loaded.call)


def _guarded(name: str, package: str, function: Any) -> ProviderStrategy:
    """A foreign strategy whose mistakes are told as its own."""

    def failed(error: BaseException) -> StrategyFailed:
        return StrategyFailed(name, package, f"fails with {worded(error)}")

    def choose(candidates: tuple[ProviderCandidate, ...], situation: Situation, /) -> ProviderSelection:
        with Translated(failed, SystemExit):
            candidate, reason = function(candidates, situation)
        if not any(candidate is one for one in candidates):
            raise StrategyFailed(name, package, "chose what is not a candidate")
        return ProviderSelection(candidate, str(reason))

    return choose


def _together(cost: Cost) -> float | None:
    if cost.input is None and cost.output is None:
        return None
    return (cost.input or 0.0) + (cost.output or 0.0)


@final
@dataclass(frozen=True, slots=True)
class SelectedProvider:
    """The provider that was chosen, and why.

    Args:
        provider: what to ask; it keeps to the provider's limits, and is told how each request went.
    """

    definition: ProviderDefinition
    provider: Provider
    strategy: str
    reason: str
    passed_over: Mapping[str, str]

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.definition.name


@final
@dataclass(frozen=True, slots=True)
class Failover:
    """That a provider failed and the next one was asked."""

    provider: str
    error: ProviderError


@final
@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, and how it was come by.

    Args:
        failovers: who failed before, in their order.
    """

    response: Response
    selection: SelectedProvider
    failovers: tuple[Failover, ...] = ()


def in_order(view: View) -> list[ProviderDefinition]:
    """The providers of a view, by priority, then by name."""
    return sorted(view.providers.values(), key=lambda one: (one.priority, one.name))


def unfit(
    definition: ProviderDefinition,
    wanted: tuple[str, ...],
    exclude: Collection[str] | Mapping[str, str],
    model: str | None,
) -> str:
    """Why a provider does not fit, whatever its health; empty where it does."""
    missing = [word for word in wanted if word not in definition.capabilities]
    if missing:
        return f"it lacks {' and '.join(f'`{word}`' for word in missing)}"
    if definition.name in exclude:
        return exclude[definition.name] if isinstance(exclude, Mapping) else "it was excluded"
    if model is not None and definition.models and all(one["name"] != model for one in definition.models):
        return f"it has no model `{model}`"
    return ""


def unusable(view: View, name: str, fault: str) -> NoProvider:
    """The error for a provider that was asked for by name and cannot be used."""
    return NoProvider(view.title, f"`{name}` cannot be used", {name: fault})


def nobody(view: View, wanted: tuple[str, ...], model: str | None) -> str:
    """Why no provider of a view is left, in words."""
    if not view.providers:
        return "there are none; a file in `providers/` defines one"
    asked = " and ".join(f"`{word}`" for word in wanted)
    if model is not None:
        asked = f"{asked} and the model `{model}`" if asked else f"the model `{model}`"
    return f"none that has {asked} is left" if asked else "none is left"
