"""Legacy tables of views, and the changes of workspaces."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol, final

from stepwell.model import HyperparameterDefinition, StepDefinition

__all__ = [
    "LegacyNaming",
    "LegacyView",
    "Row",
    "WorkspaceChanges",
    "changes_of",
    "colliding_names",
    "hyperparameter_rows",
    "rows_of",
    "sources_digest",
]

Row = dict[str, str]


class LegacyView(Protocol):
    """View as needed for freezing: steps in table order, hyperparameter classes and digest."""

    @property
    def legacy_digest(self) -> str:
        """Return the hexadecimal digest of steps and hyperparameter classes."""

    @property
    def hyperparameters(self) -> Mapping[str, HyperparameterDefinition]:
        """The hyperparameter classes by name, in table order."""

    def values(self) -> Collection[StepDefinition]:
        """The steps, in table order."""


@final
@dataclass(frozen=True, slots=True)
class LegacyNaming:
    """Settings of the legacy lookup by file name.

    Args:
       abbreviations: expansions of file name parts; ``""`` removes the part.
    """

    job_type_suffixes: tuple[str, ...] = ()
    abbreviations: Mapping[str, str] = field(default_factory=dict)


@final
@dataclass(frozen=True, slots=True)
class WorkspaceChanges:
    """Changes of a workspace's table relative to the core's.

    Args:
       rows: added or changed rows; ``None`` for a removed step.
       followers: a name (``""`` for the start) to the added or moved name after it.
    """

    rows: Mapping[str, Row | None]
    followers: Mapping[str, str]


def rows_of(view: LegacyView) -> dict[str, Row]:
    """Return the steps with a ``sagemaker_step_type`` in table order.

    Raises:
       ValueError: a step lacks another field of the table.
    """
    return {step.name: _row(step) for step in view.values() if step.sagemaker_step_type is not None}


def _row(step: StepDefinition) -> Row:
    row = {
        "config_class": step.config_class,
        "builder_step_name": step.builder_step_name,
        "spec_type": step.spec_type,
        "sagemaker_step_type": step.sagemaker_step_type,
        "description": step.description,
    }
    filled = {key: value for key, value in row.items() if value is not None}
    if len(filled) < len(row):
        lacking = ", ".join(key for key in row if key not in filled)
        raise ValueError(f"step {step.name} has a sagemaker_step_type and lacks {lacking}")
    return filled


def hyperparameter_rows(view: LegacyView) -> dict[str, dict[str, str | None]]:
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


def changes_of(core: Mapping[str, Row], rows: Mapping[str, Row]) -> WorkspaceChanges:
    """Return the changes of a workspace's table, including its order."""
    changed: dict[str, Row | None] = {name: row for name, row in rows.items() if core.get(name) != row}
    changed.update((name, None) for name in core if name not in rows)
    kept = [name for name in rows if name in core]
    if kept == [name for name in core if name in rows]:
        return WorkspaceChanges(changed, _followers(rows, frozenset(kept)))
    return WorkspaceChanges(changed, _followers(rows, frozenset()))


def _followers(names: Iterable[str], in_place: frozenset[str]) -> dict[str, str]:
    followers: dict[str, str] = {}
    before = ""
    for name in names:
        if name not in in_place:
            followers[before] = name
        before = name
    return followers


def colliding_names(core: LegacyView, workspaces: Mapping[str, LegacyView]) -> Sequence[str]:
    """Return the sorted names of steps with different definitions in two views."""
    first: dict[str, StepDefinition] = {}
    colliding: set[str] = set()
    for view in (core, *workspaces.values()):
        for step in view.values():
            known = first.setdefault(step.name, step) if step.sagemaker_step_type is not None else step
            if known is not step and known != step:
                colliding.add(step.name)
    return sorted(colliding)


def sources_digest(core: LegacyView, workspaces: Mapping[str, LegacyView] | None) -> str:
    """Return the hexadecimal digest of all views in a generated file."""
    if workspaces is None:
        return core.legacy_digest
    lines = [
        f" {core.legacy_digest}\n",
        *(f"{name} {view.legacy_digest}\n" for name, view in sorted(workspaces.items())),
    ]
    return sha256("".join(lines).encode(errors="backslashreplace")).hexdigest()
