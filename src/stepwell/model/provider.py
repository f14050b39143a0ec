"""Providers as definitions: their fields, models and limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

from stepwell.model.fields import Cost, HealthLimits, Limits, ProviderFields
from stepwell.model.record import known_fields

__all__ = [
    "IMPLEMENTATION_SETTINGS",
    "Cost",
    "HealthLimits",
    "Limits",
    "Model",
    "ProviderDefinition",
]


_OVER_HTTP: Final = ("base_url", "timeout", "max_output", "headers", "proxy", "ca_file", "plain_http")

IMPLEMENTATION_SETTINGS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "openai_compatible": (*_OVER_HTTP, "strict", "stream_usage", "max_tokens_field", "probe_path"),
        "anthropic": (*_OVER_HTTP, "version", "max_tokens", "structured"),
        "gemini": (*_OVER_HTTP, "schema_field"),
        "command": ("argv", "input", "environment", "timeout", "max_output"),
        "replay": ("file", "mode", "provider"),
        "echo": ("delay", "prefix", "answer"),
    }
)
"""Our own implementations, and the settings that each reads."""


@final
@dataclass(frozen=True, slots=True)
class Model:
    """One model of a provider.

    Args:
        cost: what it costs: its own where it has one, the provider's otherwise.
    """

    name: str
    cost: Cost


@final
class ProviderDefinition(ProviderFields):
    """One provider as a view serves it; of its secrets it holds only where they are found."""

    __slots__ = ()

    @property
    def known_models(self) -> tuple[Model, ...]:
        """Its models, each with what it costs."""
        return tuple(
            Model(one["name"], known_fields(Cost, one["cost"]) if "cost" in one else self.price)
            for one in self.models
        )

    @property
    def price(self) -> Cost:
        """What 1,000 tokens cost."""
        return self.cost or Cost()

    @property
    def quota(self) -> Limits:
        """How much may be asked of it."""
        return self.limits or Limits()

    @property
    def health_limits(self) -> HealthLimits:
        """When it counts as unwell, with what holds where nothing is stated."""
        return self.health or HealthLimits()
