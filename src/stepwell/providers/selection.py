"""What a choice among providers gives, and why a provider is not chosen."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from stepwell.model import ProviderDefinition
from stepwell.model.provider import Provider, ProviderError, Response
from stepwell.source.errors import NoProvider

if TYPE_CHECKING:
    from stepwell.resolve.view import View

__all__ = ["Answer", "Failover", "Selection", "in_order", "nobody", "unfit", "unusable"]


@final
@dataclass(frozen=True, slots=True)
class Selection:
    """The provider that was chosen, and why.

    Args:
        definition: the provider, as its view serves it.
        provider: what to ask; it keeps to the provider's limits, and is told how each request went.
        strategy: how it was chosen.
        reason: why, in words.
        passed_over: why each other provider of the view was not, by name.
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
        response: the answer.
        selection: who gave it.
        failovers: who failed before, in their order.
    """

    response: Response
    selection: Selection
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
