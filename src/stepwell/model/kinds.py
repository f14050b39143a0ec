"""The kinds of definition, and one definition as its file states it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple, final

from stepwell.model.definition import HyperparameterDefinition, PipelineDefinition, StepDefinition
from stepwell.model.layer import Layer, Source
from stepwell.model.provider import ProviderDefinition

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
        one.folder: one
        for one in (
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
"""Every kind, by its folder, in the order in which they are told."""

KIND_OF_NOUN: Final[Mapping[str, Kind]] = MappingProxyType({one.noun: one for one in KINDS.values()})
"""Every kind, by its noun, in the same order."""


def kind_of(definition: Definition) -> Kind:
    """The kind of a definition."""
    return _BY_RECORD[type(definition)]


_BY_RECORD: Final = {one.define: one for one in KINDS.values()}


@final
@dataclass(frozen=True, slots=True, eq=False)
class AuthoredDefinition:
    """One definition as its file states it: whole, or an override that patches another one.

    It holds what is stated and nothing else: no value of another layer, by convention or by default.
    Views, frozen modules and exporters take a ``Definition``, which applying the layers makes of it.
    """

    kind: Kind
    source: Source
    _standalone: Definition | None = field(default=None, init=False, repr=False)

    @property
    def data(self) -> Mapping[str, Any]:
        """What is stated."""
        return self.source.document.data

    @property
    def is_override(self) -> bool:
        """Whether it patches a definition of its name below."""
        return self.source.layer is Layer.OVERRIDE

    def standalone(self) -> Definition | None:
        """The definition that it makes with nothing below it, always the same object; none for an override.

        A reload compares definitions by identity first, so an unchanged file must keep its own.
        """
        if self._standalone is None and not self.is_override:
            object.__setattr__(self, "_standalone", self.kind.define(self.data, (self.source,)))
        return self._standalone
