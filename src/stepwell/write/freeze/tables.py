"""Legacy tables of views, and the changes of workspaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, final

from stepwell.model import StepDefinition
from stepwell.model.layer import Layer
from stepwell.resolve.view import View
from stepwell.write.freeze.literals import ROW_FIELDS

__all__ = [
    "LegacyNaming",
    "OwnRows",
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


@final
class OwnRows(NamedTuple):
    """Rows of a workspace, each from one file, so that a change of the core leaves them as they are.

    Args:
       rows: rows that replace those of the core; a row without a SageMaker type removes the step.
       overrides: fields set by overrides; ``None`` removes one.
    """

    rows: Mapping[str, Row]
    overrides: Mapping[str, Mapping[str, str | None]]

    @property
    def typed(self) -> list[str]:
        """Return the names whose SageMaker type a row or an override sets, each from one file."""
        entries = (*self.rows.items(), *self.overrides.items())
        return list(
            dict.fromkeys(name for name, row in entries if row.get("sagemaker_step_type") is not None)
        )


def own_rows(view: View) -> OwnRows:
    """Return the rows that a workspace's own files set, by name.

    Only an override that adds the ``sagemaker_step_type`` to a step of the core has the whole row.
    """
    rows: dict[str, Row] = {}
    overrides: dict[str, Mapping[str, str | None]] = {}
    for name in sorted(view.steps.above):
        step = view.steps.above[name]
        own = [source for source in step.sources if source.workspace is not None]
        complete = [source.document.data for source in own if source.layer is not Layer.OVERRIDE]
        if complete or not step.sources:
            rows[name] = _own_row(complete[0] if complete else step.data)
        elif step.sagemaker_step_type is not None and _is_untyped(view.steps.below.get(name)):
            overrides[name] = _row(step)
            continue
        for source in own:
            patch = _override(source.document.data) if source.layer is Layer.OVERRIDE else {}
            if patch:
                overrides[name] = patch
    return OwnRows(rows, overrides)


def _is_untyped(step: StepDefinition | None) -> bool:
    return step is not None and step.sagemaker_step_type is None


def _own_row(data: Mapping[str, Any]) -> Row:
    """Return the row of a definition, without the type if it has none."""
    if data.get("sagemaker_step_type") is not None:
        return _row(StepDefinition(data))
    step = StepDefinition({**data, "sagemaker_step_type": ""})
    return {field: step[field] for field in ROW_FIELDS if step[field]}


def _override(data: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the fields of a row that an override sets; a removed class name has its conventional value."""
    plain = StepDefinition({"name": data["name"], "sagemaker_step_type": ""})
    return {
        field: plain[field] or None if data[field] is None else data[field]
        for field in ROW_FIELDS
        if field in data
    }
