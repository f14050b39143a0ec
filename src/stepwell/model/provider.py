"""One provider: what answers the requests of steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, final

from stepwell.model.record import Record, refuse

__all__ = ["IMPLEMENTATION_SETTINGS", "Cost", "HealthLimits", "Limits", "Model", "ProviderDefinition"]

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

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
class Cost:
    """What 1,000 tokens cost, in the project's one currency; ``None`` where nothing is said."""

    input: float | None = None
    output: float | None = None


@final
@dataclass(frozen=True, slots=True)
class Model:
    """One model of a provider.

    Args:
        name: what the provider calls it.
        cost: what it costs: its own where it has one, the provider's otherwise.
    """

    name: str
    cost: Cost


@final
@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be asked of a provider; ``None`` for as much as anybody likes.

    Args:
        concurrency: requests that may be under way at once.
        requests_per_minute: requests that may be sent within any minute.
    """

    concurrency: int | None = None
    requests_per_minute: int | None = None


@final
@dataclass(frozen=True, slots=True)
class HealthLimits:
    """When a provider counts as unwell, and how that is found out.

    Args:
        probe: whether to ask for a sign of life now and then.
        interval: seconds between two probes.
        timeout: seconds after which a probe has failed.
        failures: after how many failures in a row it is left alone.
        recovery: seconds that it is left alone.
    """

    probe: bool = True
    interval: float = 30
    timeout: float = 5
    failures: int = 5
    recovery: float = 30


@final
class ProviderDefinition(Record):
    """One provider as a view sees it; of its secrets it holds only where they are found."""

    __slots__ = ()
    __setattr__ = refuse
    __delattr__ = refuse
    FIELDS = (
        "name",
        "description",
        "implementation",
        "capabilities",
        "models",
        "priority",
        "cost",
        "limits",
        "health",
        "settings",
        "secrets",
        "extensions",
    )

    @property
    def implementation(self) -> str:
        """What speaks to it: a name, ``package.module:Name`` or ``path/to/file.py:Name``."""
        implementation: str = self.data["implementation"]
        return implementation

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What it can do, in the project's own words."""
        words: tuple[str, ...] = self.data.get("capabilities", ())
        return words

    @property
    def models(self) -> tuple[Mapping[str, Any], ...]:
        """The models that it answers with, the usual one first, as they are stated."""
        stated: tuple[Mapping[str, Any], ...] = self.data.get("models", ())
        return stated

    @property
    def priority(self) -> int:
        """From 0 to 1000; the lowest is asked first."""
        return int(self.data.get("priority", 100))

    @property
    def cost(self) -> Mapping[str, float]:
        """What 1,000 tokens cost, as it is stated."""
        stated: Mapping[str, float] = self.data.get("cost", _NOTHING)
        return stated

    @property
    def limits(self) -> Mapping[str, int]:
        """How much may be asked of it, as it is stated."""
        stated: Mapping[str, int] = self.data.get("limits", _NOTHING)
        return stated

    @property
    def health(self) -> Mapping[str, Any]:
        """When it counts as unwell, as it is stated."""
        stated: Mapping[str, Any] = self.data.get("health", _NOTHING)
        return stated

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the implementation needs to know, by its own names."""
        settings: Mapping[str, Any] = self.data.get("settings", _NOTHING)
        return settings

    @property
    def secrets(self) -> Mapping[str, str]:
        """Where its secrets are found: ``env:NAME`` or ``file:PATH``, by the implementation's names."""
        references: Mapping[str, str] = self.data.get("secrets", _NOTHING)
        return references

    @property
    def known_models(self) -> tuple[Model, ...]:
        """Its models, each with what it costs."""
        return tuple(
            Model(one["name"], Cost(**one["cost"]) if "cost" in one else self.price) for one in self.models
        )

    @property
    def price(self) -> Cost:
        """What 1,000 tokens cost."""
        return Cost(**self.cost)

    @property
    def quota(self) -> Limits:
        """How much may be asked of it."""
        return Limits(**self.limits)

    @property
    def health_limits(self) -> HealthLimits:
        """When it counts as unwell, with what holds where nothing is stated."""
        return HealthLimits(**self.health)
