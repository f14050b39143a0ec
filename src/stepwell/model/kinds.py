"""Kinds of definitions, and definitions as written in one file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, final

from stepwell.model.definition import (
    HyperparameterDefinition,
    PipelineDefinition,
    ProviderDefinition,
    StepDefinition,
)
from stepwell.model.layer import BASED_ON, Layer, Source
from stepwell.source.document import FrozenMapping, without
from stepwell.source.immutable import Immutable

__all__ = [
    "KINDS",
    "KIND_OF_NOUN",
    "AuthoredDefinition",
    "Definition",
    "Kind",
    "authored_in",
    "kind_of",
]


_set: Final = object.__setattr__

_NOTHING: Final[Mapping[str, Any]] = FrozenMapping()

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


def authored_in(kind: Kind, source: Source) -> AuthoredDefinition:
    """Return the definition in a document; ``based_on`` of an override is not part of its patch."""
    based_on = source.document.data.get(BASED_ON) if source.layer is Layer.OVERRIDE else None
    if based_on is None:
        return AuthoredDefinition(kind, source)
    document = without(source.document, [(BASED_ON,)])
    return AuthoredDefinition(kind, source._replace(document=document), based_on)


@final
class AuthoredDefinition(Immutable):
    """Content of one definition file: a complete definition or an override.

    Contains only stated values. Applying all layers produces a ``Definition`` with defaults and conventions.

    Args:
        based_on: values below an override when it was written; empty if unknown.
    """

    __slots__ = ("_standalone", "based_on", "kind", "source")
    kind: Kind
    source: Source
    based_on: Mapping[str, Any]
    _standalone: Definition | None

    def __init__(self, kind: Kind, source: Source, based_on: Mapping[str, Any] = _NOTHING) -> None:
        _set(self, "kind", kind)
        _set(self, "source", source)
        _set(self, "based_on", based_on)
        _set(self, "_standalone", None)

    def __reduce__(self) -> tuple[type[AuthoredDefinition], tuple[Kind, Source, Mapping[str, Any]]]:
        return AuthoredDefinition, (self.kind, self.source, self.based_on)

    def __repr__(self) -> str:
        return f"AuthoredDefinition(kind={self.kind!r}, source={self.source!r})"

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
            _set(self, "_standalone", self.kind.define(self.data, (self.source,)))
        return self._standalone
