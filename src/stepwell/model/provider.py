"""Provider definitions: fields, models and limits."""

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
"""Built-in implementations and their settings."""


@final
@dataclass(frozen=True, slots=True)
class Model:
    """One model of a provider.

    Args:
        cost: the model's cost, or the provider's.
    """

    name: str
    cost: Cost


@final
class ProviderDefinition(ProviderFields):
    """Effective definition of a provider; contains references to secrets, not secrets."""

    __slots__ = ()

    @property
    def known_models(self) -> tuple[Model, ...]:
        """Models with their costs."""
        return tuple(
            Model(one["name"], known_fields(Cost, one["cost"]) if "cost" in one else self.price)
            for one in self.models
        )

    @property
    def price(self) -> Cost:
        """Cost per 1,000 tokens."""
        return self.cost or Cost()

    @property
    def quota(self) -> Limits:
        """Rate and concurrency limits."""
        return self.limits or Limits()

    @property
    def health_limits(self) -> HealthLimits:
        """Thresholds of health checks, including defaults."""
        return self.health or HealthLimits()
