"""Which views importers see: those that ``[[freeze]]`` names, and what became of its modules."""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.compare.comparison import Consumer, Effect, Level
from stepwell.compare.effects.importers import row_of
from stepwell.compare.states import State
from stepwell.model.settings import RESERVED_ID, FreezeTarget
from stepwell.resolve.view import LEGACY_FIELDS
from stepwell.source.diagnostic import Span

__all__ = ["effects_on_modules", "frozen_views"]


def frozen_views(old: State, new: State) -> dict[str | None, bool]:
    """The workspaces whose tables importers have, each with whether hyperparameter classes are beside it.

    What the older state freezes counts, since nobody imports yet what the newer one adds. Where nothing is
    frozen importers have the core's tables from ``stepwell.legacy``. A registry of Python tables is what
    importers have itself; which workspaces they see follows from what the newer state freezes.

    Args:
        old: the older state.
        new: the newer one.
    """
    state = new if old.tables else old
    found: dict[str | None, bool] = {}
    for target in state.loaded.project.settings.freeze:
        has_classes = bool(old.tables) or target.output.endswith("/")
        seen: tuple[str | None, ...] = (target.workspace or None,)
        if target.workspace == RESERVED_ID:
            seen = (None, *old.loaded.snapshot.workspaces)
        for one in seen:
            found[one] = found.get(one, False) or has_classes
    both = {None, *old.loaded.snapshot.workspaces} & {None, *new.loaded.snapshot.workspaces}
    kept = {one: found[one] for one in sorted(found, key=lambda one: one or "") if one in both}
    return kept or {None: True}


def effects_on_modules(old: State, new: State) -> Iterator[Effect]:
    """What becomes of the modules that importers import.

    Args:
        old: the older state.
        new: the newer one.
    """
    if old.tables or new.tables:
        return
    kept = {target.output: place for place, target in enumerate(new.loaded.project.settings.freeze)}
    for place, target in enumerate(old.loaded.project.settings.freeze):
        was = _place(old, place, "output")
        if target.output not in kept:
            reason = f"`{target.output}` is frozen no more: it stays as it is, or goes, and follows no change"
            yield _effect(Level.BREAKING, "frozen-module-gone", target.output, reason, was, None)
            continue
        now = new.loaded.project.settings.freeze[kept[target.output]]
        if now.workspace != target.workspace:
            yield _other_view(old, new, target, now, kept[target.output], place)


def _other_view(
    old: State, new: State, was: FreezeTarget, now: FreezeTarget, new_place: int, old_place: int
) -> Effect:
    before, after = _title(was), _title(now)
    reason = f"`{was.output}` holds the view of {after} where it held that of {before}"
    level = Level.BREAKING
    if was.workspace == RESERVED_ID:
        reason += ", so it takes no workspace any more"
    elif not _rows_are_kept(old, new, was, now):
        reason += ", which lacks or changes rows"
    else:
        level = Level.SAFE
        reason += ", which keeps every row"
    places = _place(old, old_place, "workspace"), _place(new, new_place, "workspace")
    return _effect(level, "frozen-view-changed", was.output, reason, *places)


def _rows_are_kept(old: State, new: State, was: FreezeTarget, now: FreezeTarget) -> bool:
    """Whether what one view gave importers in the older state the other one gives them in the newer."""
    one, other = was.workspace or None, None if now.workspace == RESERVED_ID else now.workspace or None
    before, after = old.loaded.snapshot, new.loaded.snapshot
    if one not in {None, *before.workspaces} or other not in {None, *after.workspaces}:
        return False
    view = after.view(other)
    for step in before.view(one).steps.values():
        if step.sagemaker_step_type is not None:
            kept = row_of(view, step.name)
            if kept is None or any(getattr(step, field) != getattr(kept, field) for field in LEGACY_FIELDS):
                return False
    return True


def _title(target: FreezeTarget) -> str:
    if target.workspace == RESERVED_ID:
        return "the core and every workspace"
    return f"workspace {target.workspace}" if target.workspace else "the core"


def _place(state: State, place: int, key: str) -> Span | None:
    project = state.loaded.project
    if project.config is None:
        return None
    return project.config.value_span((*project.prefix, "freeze", place, key))


def _effect(level: Level, kind: str, subject: str, reason: str, was: Span | None, now: Span | None) -> Effect:
    return Effect(Consumer.IMPORTERS, level, kind, subject, reason, None, was, now)
