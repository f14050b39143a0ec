"""Which step a class of the legacy table leads back to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, final

from stepwell.model import CONVENTIONS, StepDefinition
from stepwell.resolve.view import View

__all__ = ["Owners"]

_CHOOSE: Final[Mapping[str, Callable[..., tuple[int, str]]]] = {"config_class": max, "spec_type": min}
"""Of several steps ``CONFIG_STEP_REGISTRY`` keeps the last, and the look-up by type the first."""


@final
class Owners:
    """The steps of legacy tables by a class that they name; each layer is gone through once."""

    __slots__ = ("_indexes",)

    def __init__(self) -> None:
        self._indexes: dict[tuple[int, str], tuple[object, dict[str, list[str]]]] = {}

    def of(self, view: View, field: str, value: str) -> str | None:
        """The step that a class leads to in a view's tables; ``None`` where it leads to none.

        Args:
            view: which one.
            field: ``config_class`` or ``spec_type``.
            value: the class.
        """
        steps = view.steps
        names = list(self._index(steps.above, field).get(value, ()))
        names += [name for name in self._index(steps.below, field).get(value, ()) if name not in steps.above]
        if len(names) < 2:
            return names[0] if names else None
        ranks = {name: place for place, name in enumerate(steps.first)}
        return _CHOOSE[field]((ranks.get(name, len(ranks)), name) for name in names)[1]

    def _index(self, table: Mapping[str, StepDefinition], field: str) -> dict[str, list[str]]:
        known = self._indexes.get((id(table), field))
        if known is not None and known[0] is table:
            return known[1]
        found: dict[str, list[str]] = {}
        for name, step in table.items():
            data = step.data
            if data.get("sagemaker_step_type") is not None:
                found.setdefault(data.get(field) or name + CONVENTIONS[field], []).append(name)
        self._indexes[id(table), field] = (table, found)  # kept, so that no other gets its id
        return found
