"""Kinds of definitions, and definitions as written in one file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple, final

from stepwell.model.definition import (
    HyperparameterDefinition,
    PipelineDefinition,
    ProviderDefinition,
    StepDefinition,
)
from stepwell.model.layer import Layer, Source

__all__ = [
    "KINDS",
    "KIND_OF_NOUN",
    "AuthoredDefinition",
    "Definition",
    "Kind",
    "kind_of",
]


Definition = StepDefinition | HyperparameterDefinition | ProviderDefinition | PipelineDefinition


@final
class Kind(NamedTuple):
    """One kind of definition."""

    noun: str
    title: str
    titles: str
    folder: str
    define: Callable[[Mapping[str, Any], tuple[Source, ...]], Definition]


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        item.folder: item
        for item in (
            Kind("step", "step", "steps", "steps", StepDefinition),
            Kind(
                "hyperparameter",
                "hyperparameter class",
                "hyperparameter classes",
                "hyperparameters",
                HyperparameterDefinition,
            ),
            Kind("provider", "provider", "providers", "providers", ProviderDefinition),
            Kind("pipeline", "pipeline", "pipelines", "pipelines", PipelineDefinition),
        )
    }
)
"""Kinds by folder name, in display order."""

KIND_OF_NOUN: Final[Mapping[str, Kind]] = MappingProxyType({kind.noun: kind for kind in KINDS.values()})
"""Kinds by noun, in the same order."""


def kind_of(definition: Definition) -> Kind:
    """Return the kind of a definition."""
    return _BY_RECORD[type(definition)]


_BY_RECORD: Final = {kind.define: kind for kind in KINDS.values()}


@final
@dataclass(frozen=True, slots=True, eq=False)
class AuthoredDefinition:
    """Content of one definition file: a complete definition or an override.

    Contains only stated values. Applying all layers produces a ``Definition`` with defaults and conventions.
    """

    kind: Kind
    source: Source
    _standalone: Definition | None = field(default=None, init=False, repr=False)

    @property
    def data(self) -> Mapping[str, Any]:
        return self.source.document.data

    @property
    def is_override(self) -> bool:
        """Whether the file is an override."""
        return self.source.layer is Layer.OVERRIDE

    def standalone(self) -> Definition | None:
        """The definition without layers below, always the same object; ``None`` for overrides.

        Reloads compare definitions by identity first.
        """
        if self._standalone is None and not self.is_override:
            object.__setattr__(self, "_standalone", self.kind.define(self.data, (self.source,)))
        return self._standalone
