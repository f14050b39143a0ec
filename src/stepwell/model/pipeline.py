"""One pipeline: a graph of steps, as its file states it."""

from __future__ import annotations

from typing import final

from stepwell.model.record import Record, refuse

__all__ = ["PipelineDefinition"]


@final
class PipelineDefinition(Record):
    """One pipeline as a view sees it."""

    __slots__ = ()
    __setattr__ = refuse
    __delattr__ = refuse
    FIELDS = ("name", "description", "extensions")
