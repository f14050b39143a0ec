"""Changed names of each view, shared by the effect modules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import final

from stepwell.model import KINDS, Definition
from stepwell.model.layer import given_by
from stepwell.resolve.view import View
from stepwell.review.comparison import DefinitionChange, ViewComparison, What
from stepwell.review.state import RegistryState
from stepwell.source.diagnostic import Span

__all__ = ["Touched", "called", "place_of", "said_at", "touched_views"]


@final
@dataclass(frozen=True, slots=True)
class Touched:
    """View in both states, with the names that may differ.

    Args:
       workspace: ``None`` for the core.
       names: sorted names by key of ``KINDS``; for renames both names.
    """

    workspace: str | None
    old: View
    new: View
    names: Mapping[str, tuple[str, ...]]
    renamed: Mapping[str, DefinitionChange]
    moved: tuple[str, ...]
    left_out: Mapping[str, Span]

    @property
    def steps(self) -> tuple[str, ...]:
        return self.names["steps"]

    @property
    def title(self) -> str:
        return self.new.title


def touched_views(
    old: RegistryState, new: RegistryState, views: tuple[ViewComparison, ...]
) -> Mapping[str | None, Touched]:
    before, after = old.loaded.snapshot, new.loaded.snapshot
    compared = {view.workspace: view for view in views}
    core = compared[None]
    touched: dict[str | None, Touched] = {}
    for item in (None, *(workspace for workspace in after.workspaces if workspace in before.workspaces)):
        own = compared.get(item, core)
        changes = core.changes if own is core else (*core.changes, *own.changes)
        reordering = own.reordering or core.reordering
        old_view, new_view = before.view(item), after.view(item)
        moved = reordering is not None and old_view.steps.first != new_view.steps.first
        touched[item] = Touched(
            item,
            old_view,
            new_view,
            MappingProxyType({folder: _names(kind.noun, changes) for folder, kind in KINDS.items()}),
            _renamed(changes),
            reordering.moved if moved and reordering is not None else (),
            _skipped_names(new, item),
        )
    return MappingProxyType(touched)


def _skipped_names(state: RegistryState, workspace: str | None) -> Mapping[str, Span]:
    of_core = state.loaded.core.left_out.get("steps", {})
    if workspace is None or workspace not in state.loaded.overlays:
        return of_core
    return {**of_core, **state.loaded.overlays[workspace].layered.left_out.get("steps", {})}


def _names(noun: str, changes: tuple[DefinitionChange, ...]) -> tuple[str, ...]:
    own = [change for change in changes if change.noun == noun]
    return tuple(sorted({change.name for change in own} | {item.old_name for item in own if item.old_name}))


def _renamed(changes: tuple[DefinitionChange, ...]) -> Mapping[str, DefinitionChange]:
    return MappingProxyType(
        {
            change.old_name: change
            for change in changes
            if change.what is What.RENAMED and change.noun == "step" and change.old_name is not None
        }
    )


def place_of(definition: Definition | None, field: str = "name") -> Span | None:
    """Return the location of a field, or of the name if the field is not set."""
    if definition is None or not definition.sources:
        return None
    text = field if field in definition.data else "name"
    return given_by(definition.sources, (text,)).value_span((text,))


def said_at(span: Span | None) -> str:
    """Return ``, at FILE:LINE``, or an empty string."""
    return "" if span is None else f", at {span.path}:{span.line}"


def called(value: object) -> str:
    """Return a value for use in a sentence."""
    if value is None:
        return "nothing"
    if isinstance(value, tuple):
        return ", ".join(map(called, value)) or "an empty list"
    return f"`{value}`"
