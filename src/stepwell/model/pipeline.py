"""One pipeline: a graph of steps, as its file states it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, final

from stepwell.model.record import Record, refuse

__all__ = ["PipelineDefinition"]

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@final
class PipelineDefinition(Record):
    """One pipeline as a view sees it; ``stepwell.model.graph`` makes its graph, with what it extends."""

    __slots__ = ()
    __setattr__ = refuse
    __delattr__ = refuse
    FIELDS = ("name", "description", "extends", "without", "parameters", "steps", "extensions")

    @property
    def extends(self) -> str | None:
        """The pipeline that it starts from; its own name for the one below it."""
        return self.data.get("extends")

    @property
    def without(self) -> tuple[str, ...]:
        """The ids of the extended pipeline's steps that it leaves out."""
        words: tuple[str, ...] = self.data.get("without", ())
        return words

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The values that a run may set, by name, each with its default."""
        stated: Mapping[str, Any] = self.data.get("parameters", _NOTHING)
        return stated

    @property
    def steps(self) -> tuple[Mapping[str, Any], ...]:
        """Its own steps as they are stated; those of what it extends are not among them."""
        stated: tuple[Mapping[str, Any], ...] = self.data.get("steps", ())
        return stated
