"""One class of hyperparameters."""

from __future__ import annotations

from typing import final

from stepwell.model.fields import HyperparameterFields

__all__ = ["HyperparameterDefinition"]


@final
class HyperparameterDefinition(HyperparameterFields):
    """One class of hyperparameters as a view serves it."""

    __slots__ = ()
