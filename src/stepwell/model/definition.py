"""Effective definitions of steps, hyperparameter classes and pipelines."""

from __future__ import annotations

from typing import final

from stepwell.model.fields import HyperparameterFields, PipelineFields, StepFields

__all__ = [
    "HyperparameterDefinition",
    "PipelineDefinition",
    "StepDefinition",
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
