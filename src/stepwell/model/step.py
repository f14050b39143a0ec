"""One step."""

from __future__ import annotations

from typing import final

from stepwell.model.fields import StepFields

__all__ = ["StepDefinition"]


@final
class StepDefinition(StepFields):
    """One step as a view serves it: a field has a value from a file, by convention or by default."""

    __slots__ = ()
