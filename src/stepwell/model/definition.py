"""The effective definition of a step, a hyperparameter class and a pipeline."""

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
    """One step as a view serves it: a field has a value from a file, by convention or by default."""

    __slots__ = ()


@final
class HyperparameterDefinition(HyperparameterFields):
    """One class of hyperparameters as a view serves it."""

    __slots__ = ()


@final
class PipelineDefinition(PipelineFields):
    """One pipeline as a view serves it; ``stepwell.model.graph`` makes its graph, with what it extends."""

    __slots__ = ()
