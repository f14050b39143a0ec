"""The kinds of definition, and the folders that hold them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, final

from stepwell.model.hyperparameter import HyperparameterDefinition
from stepwell.model.layer import Source
from stepwell.model.pipeline import PipelineDefinition
from stepwell.model.provider import ProviderDefinition
from stepwell.model.step import StepDefinition

__all__ = ["KINDS", "KIND_OF_NOUN", "Definition", "Kind", "kind_of"]

Definition = StepDefinition | HyperparameterDefinition | ProviderDefinition | PipelineDefinition


@final
class Kind(NamedTuple):
    """One kind of definition.

    Args:
        noun: its schema's name, and what one is called in messages that speak of its fields.
        title: what one is called in a sentence.
        titles: what several are called.
        folder: the folder under each layer that holds its files.
        define: the record of a document that fits the schema.
    """

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
