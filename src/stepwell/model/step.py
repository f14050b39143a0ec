"""One step, and its deprecation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, final

from stepwell.model.record import Record, refuse

__all__ = ["CONVENTIONS", "Deprecation", "StepDefinition"]

CONVENTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {"config_class": "Config", "builder_step_name": "StepBuilder", "spec_type": ""}
)
"""What a step's name is followed by in the fields that a ``sagemaker_step_type`` makes conventional."""


@final
@dataclass(frozen=True, slots=True)
class Deprecation:
    """That a step should no longer be used, and what to use."""

    since: str | None = None
    replaced_by: str | None = None
    remove_after: str | None = None
    note: str | None = None


@final
class StepDefinition(Record):
    """One step as a view sees it: every field has a value, from a file, by convention or by default."""

    __slots__ = ()
    __setattr__ = refuse
    __delattr__ = refuse
    FIELDS = (
        "name",
        "sagemaker_step_type",
        "description",
        "framework",
        "config_class",
        "builder_step_name",
        "spec_type",
        "priority",
        "environment_tags",
        "compatibility_tags",
        "conflict_resolution_strategy",
        "aliases",
        "deprecated",
        "components",
        "interface",
        "examples",
        "implementation",
        "parameters",
        "capabilities",
        "requires",
        "timeout",
        "retry",
        "since",
        "compatible_with",
        "extensions",
    )
    LATER = frozenset(
        {
            "components",
            "interface",
            "examples",
            "implementation",
            "parameters",
            "capabilities",
            "requires",
            "timeout",
            "retry",
            "since",
            "compatible_with",
        }
    )

    @property
    def sagemaker_step_type(self) -> str | None:
        """The type in the legacy tables; a step without one is not in them."""
        return self.data.get("sagemaker_step_type")

    @property
    def framework(self) -> str | None:
        """The framework that it is written for."""
        return self.data.get("framework")

    @property
    def config_class(self) -> str | None:
        """The class that configures it."""
        return self._stated_or_conventional("config_class")

    @property
    def builder_step_name(self) -> str | None:
        """The class that builds it."""
        return self._stated_or_conventional("builder_step_name")

    @property
    def spec_type(self) -> str | None:
        """The type that specifications use for it."""
        return self._stated_or_conventional("spec_type")

    @property
    def priority(self) -> int:
        """From 0 to 1000; where definitions of one name compete, the lowest wins."""
        return int(self.data.get("priority", 100))

    @property
    def environment_tags(self) -> tuple[str, ...]:
        """The environments that it is meant for; none means all."""
        words: tuple[str, ...] = self.data.get("environment_tags", ())
        return words

    @property
    def compatibility_tags(self) -> tuple[str, ...]:
        """What it works together with."""
        words: tuple[str, ...] = self.data.get("compatibility_tags", ())
        return words

    @property
    def conflict_resolution_strategy(self) -> str:
        """How one of several definitions of its name is chosen."""
        strategy: str = self.data.get("conflict_resolution_strategy", "workspace_priority")
        return strategy

    @property
    def aliases(self) -> tuple[str, ...]:
        """Old names that still answer."""
        words: tuple[str, ...] = self.data.get("aliases", ())
        return words

    @property
    def deprecated(self) -> Deprecation | None:
        """That it should no longer be used, and what to use."""
        stated = self.data.get("deprecated")
        return None if stated is None else Deprecation(**stated)

    @property
    def components(self) -> Mapping[str, str] | None:
        """Where its parts are declared to lie, by kind; ``View.components`` finds the rest."""
        return self.data.get("components")

    @property
    def interface(self) -> Mapping[str, Any] | None:
        """What goes in, what comes out and what its script needs, as the schema names it."""
        return self.data.get("interface")

    @property
    def examples(self) -> tuple[Mapping[str, Any], ...] | None:
        """Configurations that it can be built with: keyword arguments of its configuration class."""
        return self.data.get("examples")

    @property
    def implementation(self) -> str | None:
        """What runs it, ``package.module:Name`` or ``path/to/file.py:Name``; ``View.load`` imports it."""
        return self.data.get("implementation")

    @property
    def parameters(self) -> Mapping[str, Any] | None:
        """What it may be configured with, as it is stated; ``schema.expanded`` gives the JSON Schema."""
        return self.data.get("parameters")

    @property
    def capabilities(self) -> tuple[str, ...] | None:
        """What it can do; ``None`` where it does not say."""
        return self.data.get("capabilities")

    @property
    def requires(self) -> tuple[str, ...] | None:
        """The capabilities that its provider must have; ``None`` or none where it needs no provider."""
        return self.data.get("requires")

    @property
    def timeout(self) -> float | None:
        """How long one attempt may take, in seconds; ``None`` for as long as it takes."""
        return self.data.get("timeout")

    @property
    def retry(self) -> Mapping[str, Any] | None:
        """What is done when an attempt fails, as the schema names it; ``None`` where it does not say."""
        return self.data.get("retry")

    @property
    def since(self) -> str | None:
        """The first version of the interface of step types that can run it."""
        return self.data.get("since")

    @property
    def compatible_with(self) -> str | None:
        """The versions of the interface of step types that it was made for (PEP 440)."""
        return self.data.get("compatible_with")

    def _stated_or_conventional(self, name: str) -> str | None:
        data = self.data
        stated: str | None = data.get(name)
        if stated is not None or data.get("sagemaker_step_type") is None:
            return stated
        return str(data["name"] + CONVENTIONS[name])
