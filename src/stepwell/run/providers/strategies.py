"""Selection strategies for providers, built in and installed.

A strategy is a pure function. A package adds its own with an entry point of the group
``stepwell.provider_strategies``, imported on first use.
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
from stepwell.source.foreign_code import Translated, worded

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
    "none_left",
    "strategy_named",
    "unfit",
    "unusable",
]


GROUP: Final = "stepwell.provider_strategies"
"""Entry point group for strategies in installed packages."""


@final
@dataclass(frozen=True, slots=True)
class ProviderCandidate:
    """A provider that meets the requirements and accepts requests."""

    definition: ProviderDefinition
    figures: Figures

    @property
    def name(self) -> str:
        """Return the name of the provider."""
        return self.definition.name

    def cost(self, model: str | None) -> float | None:
        """Return the total cost of 1,000 input and 1,000 output tokens, if known.

        Args:
            model: default: the provider's first model.
        """
        models = self.definition.known_models
        cost = next((entry.cost for entry in models if model in (None, entry.name)), self.definition.price)
        return _together(cost)


@final
@dataclass(frozen=True, slots=True)
class Situation:
    """Context of a selection.

    Args:
        turn: number of previous selections among the same candidates.
        session: conversation name; empty for none.
        last: provider of the previous selection in this session.
        model: requested model; ``None`` for any.
    """

    turn: int = 0
    session: str = ""
    last: str | None = None
    model: str | None = None


@final
class ProviderSelection(NamedTuple):
    """Candidate that a strategy selects, with the reason."""

    candidate: ProviderCandidate
    reason: str


class ProviderStrategy(Protocol):
    """A pure function that selects one of several providers."""

    def __call__(
        self, candidates: tuple[ProviderCandidate, ...], situation: Situation, /
    ) -> ProviderSelection:
        """Select a provider.

        Args:
            candidates: at least one, sorted by priority and name.
        """
        ...


def priority(candidates: tuple[ProviderCandidate, ...], _situation: Situation) -> ProviderSelection:
    """Select the lowest priority; ties go to the first name."""
    first = candidates[0]
    return ProviderSelection(first, f"lowest priority, {first.definition.priority}")


def round_robin(candidates: tuple[ProviderCandidate, ...], situation: Situation) -> ProviderSelection:
    """Select each provider in turn."""
    index = situation.turn % len(candidates)
    return ProviderSelection(candidates[index], f"next in turn, {index + 1} of {len(candidates)}")


def least_latency(candidates: tuple[ProviderCandidate, ...], situation: Situation) -> ProviderSelection:
    """Select the lowest recent latency; providers without a measurement come first."""
    unmeasured = [candidate for candidate in candidates if candidate.figures.latency is None]
    if unmeasured:
        return ProviderSelection(unmeasured[situation.turn % len(unmeasured)], "latency is not known yet")
    best = min(candidates, key=lambda candidate: candidate.figures.latency or 0.0)
    return ProviderSelection(best, f"lowest recent latency, {(best.figures.latency or 0.0) * 1000:.0f} ms")


def least_errors(candidates: tuple[ProviderCandidate, ...], _situation: Situation) -> ProviderSelection:
    """Select the lowest recent error rate."""
    best = min(candidates, key=lambda candidate: round(candidate.figures.error_share, 3))
    return ProviderSelection(best, f"lowest recent error rate, {best.figures.error_share:.0%}")


def cheapest(candidates: tuple[ProviderCandidate, ...], situation: Situation) -> ProviderSelection:
    """Select the lowest cost; providers without a declared cost come last."""
    costs = [(candidate.cost(situation.model), candidate) for candidate in candidates]
    known = [(cost, candidate) for cost, candidate in costs if cost is not None]
    if not known:
        return ProviderSelection(candidates[0], "lowest priority (no provider declares its cost)")
    cost, best = min(known, key=lambda pair: pair[0])
    return ProviderSelection(best, f"lowest cost, {cost:g} per 1,000 input and output tokens")


def sticky(candidates: tuple[ProviderCandidate, ...], situation: Situation) -> ProviderSelection:
    """Select the previous provider of the session while it is available."""
    if not situation.session:
        return priority(candidates, situation)._replace(reason="lowest priority (no session given)")
    for candidate in candidates:
        if candidate.name == situation.last:
            return ProviderSelection(candidate, f"used before in session {situation.session}")
    reason = f"first in session {situation.session}"
    if situation.last is not None:
        reason = f"{situation.last} of session {situation.session} is unavailable"
    return ProviderSelection(candidates[0], reason)


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
"""Built-in strategies by name."""


def strategy_named(name: str) -> ProviderStrategy:
    """Return a built-in or installed strategy.

    Raises:
        UnknownStrategy: no such strategy.
        StrategyFailed: the strategy cannot be loaded.
    """
    return STRATEGIES.get(name) or _installed(name)


@cache  # failures are not cached
def _installed(name: str) -> ProviderStrategy:
    loaded = load_strategy(GROUP, name, STRATEGIES)
    return _guarded(name, loaded.package, loaded.call)


def _guarded(name: str, package: str, function: Any) -> ProviderStrategy:
    """Wrap a foreign strategy and report its exceptions."""

    def failed(error: BaseException) -> StrategyFailed:
        return StrategyFailed(name, package, f"raised {worded(error)}")

    def choose(candidates: tuple[ProviderCandidate, ...], situation: Situation, /) -> ProviderSelection:
        with Translated(failed, SystemExit):
            candidate, reason = function(candidates, situation)
        if not any(candidate is item for item in candidates):
            raise StrategyFailed(name, package, "did not return one of the candidates")
        return ProviderSelection(candidate, str(reason))

    return choose


def _together(cost: Cost) -> float | None:
    if cost.input is None and cost.output is None:
        return None
    return (cost.input or 0.0) + (cost.output or 0.0)


@final
@dataclass(frozen=True, slots=True)
class SelectedProvider:
    """A selected provider, with the reason.

    Args:
        passed_over: reason for each provider that was not selected.
    """

    definition: ProviderDefinition
    provider: Provider
    strategy: str
    reason: str
    passed_over: Mapping[str, str]

    @property
    def name(self) -> str:
        """Return the name of the provider."""
        return self.definition.name


@final
@dataclass(frozen=True, slots=True)
class Failover:
    """Failure of a provider that led to the next one."""

    provider: str
    error: ProviderError


@final
@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and the selection that led to it.

    Args:
        failovers: previous failures, in order.
    """

    response: Response
    selection: SelectedProvider
    failovers: tuple[Failover, ...] = ()


def in_order(view: View) -> list[ProviderDefinition]:
    """Return the providers of a view, sorted by priority and name."""
    return sorted(view.providers.values(), key=lambda definition: (definition.priority, definition.name))


def unfit(
    definition: ProviderDefinition,
    wanted: tuple[str, ...],
    exclude: Collection[str] | Mapping[str, str],
    model: str | None,
) -> str:
    """Return why a provider does not meet the requirements, regardless of health; empty if it does."""
    missing = [word for word in wanted if word not in definition.capabilities]
    if missing:
        return f"lacks {' and '.join(f'`{word}`' for word in missing)}"
    if definition.name in exclude:
        return exclude[definition.name] if isinstance(exclude, Mapping) else "excluded"
    if model is not None and definition.models and all(entry["name"] != model for entry in definition.models):
        return f"has no model `{model}`"
    return ""


def unusable(view: View, name: str, fault: str) -> NoProvider:
    """Return the error for a provider that was requested by name but cannot be used."""
    return NoProvider(view.title, f"`{name}` cannot be used", {name: fault})


def none_left(view: View, wanted: tuple[str, ...], model: str | None) -> str:
    """Return the message for a view without available providers."""
    if not view.providers:
        return "none is defined; add one in `providers/`"
    required = " and ".join(f"`{word}`" for word in wanted)
    if model is not None:
        required = f"{required} and model `{model}`" if required else f"model `{model}`"
    return f"none with {required} is available" if required else "none is available"
