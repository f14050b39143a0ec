"""Legacy tables of views, and the changes of workspaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

from stepwell.model import StepDefinition
from stepwell.resolve.view import View
from stepwell.write.freeze.literals import ROW_FIELDS

__all__ = [
    "LegacyNaming",
    "Row",
    "hyperparameter_rows",
    "own_rows",
    "rows_of",
]

Row = dict[str, str]


@final
@dataclass(frozen=True, slots=True)
class LegacyNaming:
    """Settings of the legacy lookup by file name.

    Args:
       abbreviations: expansions of file name parts; ``""`` removes the part.
    """

    job_type_suffixes: tuple[str, ...] = ()
    abbreviations: Mapping[str, str] = field(default_factory=dict)


def rows_of(view: View) -> dict[str, Row]:
    """Return the steps with a ``sagemaker_step_type`` in table order.

    Raises:
       ValueError: a step lacks another field of the table.
    """
    return {step.name: _row(step) for step in view.values() if step.sagemaker_step_type is not None}


def _row(step: StepDefinition) -> Row:
    row = {name: step[name] for name in ROW_FIELDS}
    lacking = ", ".join(name for name, value in row.items() if value is None)
    if lacking:
        raise ValueError(f"step {step.name} has a sagemaker_step_type and lacks {lacking}")
    return row


def hyperparameter_rows(view: View) -> dict[str, dict[str, str | None]]:
    """Return the legacy table of hyperparameter classes in view order."""
    return {
        name: {
            "class_name": name,
            "module_path": each.module_path,
            "model_type": each.model_type,
            "description": each.description,
        }
        for name, each in view.hyperparameters.items()
    }


def own_rows(view: View) -> dict[str, Row | None]:
    """Return the rows and fields that a workspace's own files set, by name; ``None`` removes a row.

    They do not depend on the core, so a change of the core leaves them as they are. Only an override that
    adds the ``sagemaker_step_type`` to a step of the core has the whole row.
    """
    changes: dict[str, Row | None] = {}
    for name in sorted(view.steps.above):
        step = view.steps.above[name]
        own = [source for source in step.sources if source.workspace is not None]
        stated = {key for source in own for key in source.document.data}
        if len(own) == len(step.sources):  # not an override of the core's step
            stated = set(ROW_FIELDS)
        if step.sagemaker_step_type is None and "sagemaker_step_type" in stated:
            changes[name] = None
        elif "sagemaker_step_type" in stated and view.steps.below.get(name, step).sagemaker_step_type is None:
            changes[name] = _row(step)
        else:
            fields: Row = {key: step[key] for key in ROW_FIELDS if key in stated and step[key] is not None}
            changes.update({name: fields} if fields else {})
    return changes
