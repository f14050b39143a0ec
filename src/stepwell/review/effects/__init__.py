"""Effects of changes on the consumers of the registry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from stepwell.review.comparison import Effect, ViewComparison
from stepwell.review.effects.change_scope import touched_views
from stepwell.review.effects.editors import effects_on_editors
from stepwell.review.effects.file_name_lookup import UsedNames, all_known, effects_on_file_names
from stepwell.review.effects.importers import Owners, effects_on_modules, effects_on_tables, frozen_views
from stepwell.review.effects.overlays import effects_on_overlay, effects_on_workspaces
from stepwell.review.effects.pipelines import (
    effects_on_choices,
    effects_on_first,
    effects_on_graphs,
    effects_on_references,
    effects_on_runs,
)
from stepwell.review.state import RegistryState

__all__ = ["effects_of"]


def effects_of(
    old: RegistryState, new: RegistryState, views: tuple[ViewComparison, ...]
) -> tuple[Effect, ...]:
    """Return the effects on every consumer, worst first.

    Effects that workspaces inherit from the core are reported once, with the core.
    """
    effects = [*_without_inherited(_on_views(old, new, views))]
    effects += effects_on_modules(old, new)
    effects += effects_on_workspaces(old, views)
    effects += effects_on_editors(old, new)
    return tuple(sorted(effects, key=lambda effect: effect.sort_key))


def _on_views(old: RegistryState, new: RegistryState, views: tuple[ViewComparison, ...]) -> Iterator[Effect]:
    seen = touched_views(old, new, views)
    frozen = frozen_views(old, new)
    owners, known, used = Owners(), all_known(old, new), UsedNames(old)
    for key, touched in seen.items():
        if key in frozen:
            yield from effects_on_tables(touched, owners, has_classes=frozen[key])
            yield from effects_on_file_names(touched, old, new, known, used)
        yield from effects_on_references(touched, is_frozen=key in frozen)
        yield from effects_on_overlay(touched, new)
    yield from effects_on_first(old, new, seen)
    yield from effects_on_choices(old, new, seen)
    yield from effects_on_graphs(old, new, seen)
    yield from effects_on_runs(old, new, seen)


def _without_inherited(effects: Iterable[Effect]) -> Iterator[Effect]:
    """Remove effects of workspaces that equal the core's; the core's come first."""
    of_core: set[tuple[object, ...]] = set()
    for effect in effects:
        identity = (effect.consumer, effect.level, effect.id, effect.subject, effect.reason)
        if effect.workspace is None:
            of_core.add(identity)
        elif identity in of_core:
            continue
        yield effect
