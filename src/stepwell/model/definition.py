"""Effective definitions in a view, and workspaces."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

from stepwell.model.fields import (
    Cost,
    HealthLimits,
    HyperparameterFields,
    Limits,
    PipelineFields,
    ProviderFields,
    StepFields,
    WorkspaceFields,
)
from stepwell.model.record import known_fields
from stepwell.source.document import FrozenMapping

if TYPE_CHECKING:
    from stepwell.source.document import Document

__all__ = [
    "IMPLEMENTATION_SETTINGS",
    "RESERVED_ID",
    "WORKSPACE_ID",
    "HyperparameterDefinition",
    "Model",
    "PipelineDefinition",
    "ProviderDefinition",
    "StepDefinition",
    "Workspace",
    "is_reserved",
]


@final
class StepDefinition(StepFields):
    """Effective definition of a step in a view, including defaults and conventions."""

    __slots__ = ()


@final
class HyperparameterDefinition(HyperparameterFields):
    """Effective definition of a hyperparameter class in a view."""

    __slots__ = ()


@final
class PipelineDefinition(PipelineFields):
    """Effective definition of a pipeline in a view; ``stepwell.model.graph`` builds its graph."""

    __slots__ = ()


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
class Model(NamedTuple):
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
            Model(model["name"], known_fields(Cost, model["cost"]) if "cost" in model else self.price)
            for model in self.models
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


WORKSPACE_ID: Final = r"[A-Za-z0-9][A-Za-z0-9_-]*"
"""Pattern of workspace ids, which are folder names."""

RESERVED_ID: Final = "all"
"""Represents all workspaces, so it is not a valid workspace id."""

_DEVICES: Final = frozenset(
    {
        *("con", "prn", "aux", "nul"),
        *(f"{port}{number}" for port in ("com", "lpt") for number in "123456789"),
    }
)


def is_reserved(name: str) -> bool:
    """Return whether Windows reserves the name of a file or folder, whatever its extension."""
    stem = name.partition(".")[0]
    return 3 <= len(stem) <= 4 and stem.lower() in _DEVICES


_NOTHING: Final[Mapping[str, Any]] = FrozenMapping()


@final
class Workspace(WorkspaceFields):
    """Settings of a workspace from its workspace file, with defaults.

    Args:
        document: the validated workspace file, if any.
    """

    __slots__ = ("document", "id")
    id: str
    document: Document | None

    def __init__(self, id: str, document: Document | None = None) -> None:  # noqa: A002 - the field's name
        super().__init__(_NOTHING if document is None else document.data)
        object.__setattr__(self, "id", id)
        object.__setattr__(self, "document", document)

    def __reduce__(self) -> tuple[type[Workspace], tuple[str, Document | None]]:
        return Workspace, (self.id, self.document)

    def __repr__(self) -> str:
        return f"<Workspace {self.id}>"

    def effective(self) -> dict[str, Any]:
        """Return the id and all settings with a value."""
        return {"id": self.id, **super().effective()}
