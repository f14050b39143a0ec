"""One pipeline: a graph of steps, as its file states it."""

from __future__ import annotations

from typing import final

from stepwell.model.fields import PipelineFields

__all__ = ["PipelineDefinition"]


@final
class PipelineDefinition(PipelineFields):
    """One pipeline as a view serves it; ``stepwell.model.graph`` makes its graph, with what it extends."""

    __slots__ = ()
