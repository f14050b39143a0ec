"""Effects on importers of the legacy tables, by view."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import final

from stepwell.model import HyperparameterDefinition, StepDefinition
from stepwell.model.settings import RESERVED_ID, FreezeTarget
from stepwell.resolve.view import View
from stepwell.review.comparison import Consumer, Effect, Level
from stepwell.review.effects.change_scope import Touched, called, place_of
from stepwell.review.state import RegistryState
from stepwell.source.diagnostic import Span
from stepwell.source.legacy_table import LEGACY_FIELDS
from stepwell.source.wording import listed

__all__ = [
    "Owners",
    "effects_on_modules",
    "effects_on_tables",
    "frozen_views",
    "row_of",
]


@final
class Owners:
    """Steps of legacy tables by class, indexed once per layer."""

    __slots__ = ("_indexes",)

    def __init__(self) -> None:
        self._indexes: dict[tuple[int, str], tuple[object, dict[str, list[str]]]] = {}

    def of(self, view: View, field: str, value: str) -> str | None:
        """Return the step of a class in a view's tables, the last one of several, if any.

        Args:
           field: ``config_class`` or ``spec_type``.
        """
        steps = view.steps
        names = list(self._index(steps.above, field).get(value, ()))
        names += [name for name in self._index(steps.below, field).get(value, ()) if name not in steps.above]
        if len(names) < 2:
            return names[0] if names else None
        ranks = {name: place for place, name in enumerate(steps.first)}
        return max(names, key=lambda name: (ranks.get(name, len(ranks)), name))

    def _index(self, table: Mapping[str, StepDefinition], field: str) -> dict[str, list[str]]:
        known = self._indexes.get((id(table), field))
        if known is not None and known[0] is table:
            return known[1]
        index: dict[str, list[str]] = {}
        for name, step in table.items():
            if step.sagemaker_step_type is not None:
                index.setdefault(step[field], []).append(name)
        self._indexes[id(table), field] = (table, index)  # keeps the table alive, so its id is not reused
        return index


Say = Callable[..., Effect]


def effects_on_tables(touched: Touched, owners: Owners, *, has_classes: bool) -> Iterator[Effect]:
    """Yield the effects of a view's changes on importers of its tables."""
    say = _saying(touched.workspace)
    rows = [(name, row_of(touched.old, name), row_of(touched.new, name)) for name in touched.steps]
    for name, was, now in rows:
        if was is None and now is not None:
            reason = f"`{name}` was added to the table"
            yield say(Level.SAFE, "name-joined-table", name, reason, None, place_of(now))
        elif was is not None and now is None:
            yield _left(touched, owners, name, was, say)
        elif was is not None and now is not None:
            yield from _changed(touched, owners, was, now, say)
    yield from _unmapped(touched, owners, rows, say)
    if touched.moved:
        yield _reordered(touched, say)
    yield from _hyperparameters(touched, has_classes, say)


def row_of(view: View, name: str) -> StepDefinition | None:
    """Return a step of a view's legacy table."""
    step = view.steps.get(name)
    return step if step is not None and step.sagemaker_step_type is not None else None


def _saying(workspace: str | None) -> Say:
    def say(
        level: Level, kind: str, subject: str, reason: str, was: Span | None = None, now: Span | None = None
    ) -> Effect:
        return Effect(Consumer.IMPORTERS, level, kind, subject, reason, workspace, was, now)

    return say


def _left(touched: Touched, owners: Owners, name: str, was: StepDefinition, say: Say) -> Effect:
    """Return one effect for a removed row and its class mapping."""
    now = touched.new.steps.get(name)
    renamed = touched.renamed.get(name)
    answers = touched.new.by_alias(name)
    place = place_of(now) if now is not None else renamed.new_place if renamed is not None else None
    error = touched.left_out.get(name)
    if error is not None and now is None:
        reason = f"`{name}` is skipped because of an error in its file, so lookups in the tables fail"
        place = error
    elif now is not None:
        reason = f"`{name}` no longer has a `sagemaker_step_type`, which the table requires"
    elif answers is not None and renamed is not None:
        reason = (
            f"`{name}` was renamed to `{answers.name}`; as an alias, the old name works in views and "
            "`stepwell resolve`, but not in frozen tables or `stepwell.legacy`"
        )
    elif renamed is not None:
        reason = f"`{renamed.name}` replaces `{name}`, but the old name fails: it is not an alias"
    elif answers is not None:
        reason = f"`{name}` is now only an alias of `{answers.name}`, and tables do not contain aliases"
    else:
        reason = f"`{name}` was removed, so lookups in the tables fail"
    config_class = was.config_class
    if config_class is not None and owners.of(touched.old, "config_class", config_class) == name:
        owner = owners.of(touched.new, "config_class", config_class)
        leads = f"maps to `{owner}`" if owner is not None else "maps to no step"
        reason += f"; its `{config_class}` {leads}"
    return say(Level.BREAKING, "name-left-table", name, reason, place_of(was), place)


def _changed(
    touched: Touched, owners: Owners, was: StepDefinition, now: StepDefinition, say: Say
) -> Iterator[Effect]:
    name = was.name
    if was.builder_step_name != now.builder_step_name:
        reason = (
            f"the builder of `{name}` changed from {called(was.builder_step_name)} to "
            f"{called(now.builder_step_name)}"
        )
        field = "builder_step_name"
        places = place_of(was, field), place_of(now, field)
        yield say(Level.RISKY, "builder-changed", name, reason, *places)
    if was.spec_type != now.spec_type and was.spec_type is not None:
        leads = owners.of(touched.new, "spec_type", was.spec_type)
        lost = owners.of(touched.old, "spec_type", was.spec_type) == name
        if not lost:
            how = f"still maps to {called(leads)}"
        elif leads is None:
            how = "no longer maps to a step"
        else:
            how = f"now maps to `{leads}`"
        reason = f"the specification type `{was.spec_type}` {how}: `{name}` has {called(now.spec_type)}"
        places = place_of(was, "spec_type"), place_of(now, "spec_type")
        yield say(Level.BREAKING if lost else Level.RISKY, "spec-type-changed", name, reason, *places)
    if was.sagemaker_step_type != now.sagemaker_step_type:
        reason = (
            f"the SageMaker step type of `{name}` changed from {called(was.sagemaker_step_type)} to "
            f"{called(now.sagemaker_step_type)}"
        )
        field = "sagemaker_step_type"
        places = place_of(was, field), place_of(now, field)
        yield say(Level.BREAKING, "sagemaker-type-changed", name, reason, *places)
    if was.description != now.description:
        reason = f"description of `{name}` changed"
        places = place_of(was, "description"), place_of(now, "description")
        yield say(Level.SAFE, "description-changed", name, reason, *places)


def _unmapped(
    touched: Touched,
    owners: Owners,
    rows: Sequence[tuple[str, StepDefinition | None, StepDefinition | None]],
    say: Say,
) -> Iterator[Effect]:
    """Yield the classes of remaining steps that map elsewhere or nowhere."""
    classes = {
        item.config_class: None
        for _, was, now in rows
        for item in (was, now)
        if item is not None and (was is None or now is None or was.config_class != now.config_class)
    }
    for config_class in classes:
        if config_class is None:
            continue
        before = owners.of(touched.old, "config_class", config_class)
        after = owners.of(touched.new, "config_class", config_class)
        if before is None or before == after or row_of(touched.new, before) is None:
            continue
        step, other = row_of(touched.new, before), row_of(touched.new, after or "")
        if step is not None and step.config_class != config_class:
            why = f"`{before}` now has {called(step.config_class)}"
        else:
            why = f"`{after}` uses it instead of `{before}`"
        leads = "no longer maps to a step" if after is None else f"maps to `{after}` instead of `{before}`"
        places = (
            place_of(row_of(touched.old, before), "config_class"),
            place_of(other or step, "config_class"),
        )
        reason = f"`{config_class}` {leads}: {why}"
        yield say(Level.BREAKING, "config-class-unmapped", config_class, reason, *places)


def _reordered(touched: Touched, say: Say) -> Effect:
    moved = touched.moved
    shown = listed(f"`{name}`" for name in moved)
    reason = f"{shown} moved in the table, whose order decides ambiguous lookups and listings"
    place = place_of(touched.new.steps.get(moved[0]))
    return say(Level.RISKY, "table-reordered", "STEP_NAMES", reason, None, place)


def _hyperparameters(touched: Touched, has_classes: bool, say: Say) -> Iterator[Effect]:
    lost = Level.BREAKING if has_classes else Level.RISKY
    fails = "lookups in the tables fail"
    if not has_classes:
        fails = "lookups in `stepwell.legacy` fail; no frozen module contains it"
    for name in touched.names["hyperparameters"]:
        was, now = touched.old.hyperparameters.get(name), touched.new.hyperparameters.get(name)
        if was is not None and now is None:
            reason = f"the hyperparameter class `{name}` was removed, so {fails}"
            yield say(lost, "hyperparameter-left", name, reason, place_of(was))
        elif was is not None and now is not None:
            for field in ("module_path", "model_type"):
                before, after = getattr(was, field), getattr(now, field)
                if before == after:
                    continue
                reason = f"`{field}` of `{name}` changed from {called(before)} to {called(after)}"
                places = place_of(was, field), place_of(now, field)
                yield say(Level.RISKY, "hyperparameter-changed", f"{name}.{field}", reason, *places)

    yield from _reordered_classes(touched, say)


def _reordered_classes(touched: Touched, say: Say) -> Iterator[Effect]:
    """Yield the model types whose first class changed although both classes have the type in both states."""
    old, new = touched.old.hyperparameters, touched.new.hyperparameters
    if old.first == new.first:
        return
    for model_type in dict.fromkeys(each.model_type for each in old.values()):
        was, now = _of_model(touched.old, model_type), _of_model(touched.new, model_type)
        if was is None or now is None or was.name == now.name:
            continue
        others = new.get(was.name), old.get(now.name)
        if all(each is not None and each.model_type == model_type for each in others):
            moved = f"maps to `{now.name}` instead of `{was.name}`, which now follows it"
            reason = f"the model type `{model_type}` {moved}"
            places = place_of(was), place_of(now)
            yield say(Level.RISKY, "model-type-remapped", f"{model_type}", reason, *places)


def _of_model(view: View, model_type: str | None) -> HyperparameterDefinition | None:
    """Return the first hyperparameter class of a model type."""
    return next((each for each in view.hyperparameters.values() if each.model_type == model_type), None)


def frozen_views(old: RegistryState, new: RegistryState) -> dict[str | None, bool]:
    """Return the workspaces whose tables importers use, and whether hyperparameter classes are included.

    The older state's frozen modules count. Without frozen modules, importers use the core's tables from
    ``stepwell.legacy``. For a registry of Python tables, the newer state's frozen modules decide.
    """
    state = new if old.tables else old
    views: dict[str | None, bool] = {}
    for target in state.loaded.project.settings.freeze:
        has_classes = bool(old.tables) or target.output.endswith("/")
        seen: tuple[str | None, ...] = (target.workspace or None,)
        if target.workspace == RESERVED_ID:
            seen = (None, *old.loaded.snapshot.workspaces)
        for viewed in seen:
            views[viewed] = views.get(viewed, False) or has_classes
    both = {None, *old.loaded.snapshot.workspaces} & {None, *new.loaded.snapshot.workspaces}
    kept = {item: views[item] for item in sorted(views, key=lambda item_id: item_id or "") if item in both}
    return kept or {None: True}


def effects_on_modules(old: RegistryState, new: RegistryState) -> Iterator[Effect]:
    """Yield the effects on frozen modules."""
    if old.tables or new.tables:
        return
    kept = {target.output: place for place, target in enumerate(new.loaded.project.settings.freeze)}
    paths = {path for target in new.loaded.project.settings.freeze for path in (target.output, *target.alias)}
    for place, target in enumerate(old.loaded.project.settings.freeze):
        for path in (target.output, *target.alias):
            if path not in paths:
                was = _place(old, place, "output" if path == target.output else "alias")
                reason = f"`{path}` is no longer frozen, so it is not updated"
                yield _effect(Level.BREAKING, "frozen-module-gone", path, reason, was, None)
        if target.output not in kept:
            continue
        now = new.loaded.project.settings.freeze[kept[target.output]]
        if now.workspace != target.workspace:
            yield _other_view(old, new, target, now, kept[target.output], place)


def _other_view(
    old: RegistryState,
    new: RegistryState,
    was: FreezeTarget,
    now: FreezeTarget,
    new_place: int,
    old_place: int,
) -> Effect:
    before, after = _title(was), _title(now)
    reason = f"`{was.output}` now contains the view of {after} instead of {before}"
    level = Level.BREAKING
    if was.workspace == RESERVED_ID:
        reason += ", so it no longer accepts a workspace"
    elif not _rows_are_kept(old, new, was, now):
        reason += ", which removes or changes rows"
    else:
        level = Level.SAFE
        reason += ", which keeps every row"
    places = _place(old, old_place, "workspace"), _place(new, new_place, "workspace")
    return _effect(level, "frozen-view-changed", was.output, reason, *places)


def _rows_are_kept(old: RegistryState, new: RegistryState, was: FreezeTarget, now: FreezeTarget) -> bool:
    """Return whether the new view keeps every row of the old view."""
    old_view, new_view = (
        was.workspace or None,
        None if now.workspace == RESERVED_ID else now.workspace or None,
    )
    before, after = old.loaded.snapshot, new.loaded.snapshot
    if old_view not in {None, *before.workspaces} or new_view not in {None, *after.workspaces}:
        return False
    view = after.view(new_view)
    for step in before.view(old_view).steps.values():
        if step.sagemaker_step_type is not None:
            kept = row_of(view, step.name)
            if kept is None or any(getattr(step, field) != getattr(kept, field) for field in LEGACY_FIELDS):
                return False
    return True


def _title(target: FreezeTarget) -> str:
    if target.workspace == RESERVED_ID:
        return "the core and every workspace"
    return f"workspace {target.workspace}" if target.workspace else "the core"


def _place(state: RegistryState, place: int, key: str) -> Span | None:
    project = state.loaded.project
    if project.config is None:
        return None
    return project.config.value_span((*project.prefix, "freeze", place, key))


def _effect(level: Level, kind: str, subject: str, reason: str, was: Span | None, now: Span | None) -> Effect:
    return Effect(Consumer.IMPORTERS, level, kind, subject, reason, None, was, now)
