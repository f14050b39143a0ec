"""Effects on workspaces: changes below their overrides, and shadowed definitions."""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.model import KINDS, Definition
from stepwell.model.layer import Layer
from stepwell.model.settings import RESERVED_ID
from stepwell.resolve.view import View
from stepwell.review.comparison import Consumer, Effect, HiddenChange, Level, ViewComparison
from stepwell.review.effects.change_scope import Touched, called, place_of, said_at
from stepwell.review.state import RegistryState
from stepwell.source.diagnostic import Span

__all__ = ["effects_on_overlay", "effects_on_workspaces"]


def effects_on_workspaces(old: RegistryState, views: tuple[ViewComparison, ...]) -> Iterator[Effect]:
    """Yield effects of removed workspaces and of core changes below them."""
    for view in views:
        if view.workspace is None:
            continue
        if view.is_gone:
            yield _gone(old, view.workspace)
        yield from _base_changed(view)


def effects_on_overlay(touched: Touched, new: RegistryState) -> Iterator[Effect]:
    """Yield effects of core changes on overrides and local steps of a workspace."""
    if touched.workspace is None:
        return
    for folder, kind in KINDS.items():
        noun = kind.title
        before, after = touched.old.tables[folder], touched.new.tables[folder]
        for name in touched.names[folder]:
            was, now = before.above.get(name), after.above.get(name)
            hid, hides = _hides(was, before.below.get(name)), _hides(now, after.below.get(name))
            if hides and not hid:
                yield _shadow_appeared(touched.workspace, noun, name, now, after.below[name])
            elif hid and not hides:
                yield _shadow_gone(touched.workspace, noun, name, was, now, after.below.get(name))
    yield from _base_gone(touched, new)


def _gone(old: RegistryState, workspace: str) -> Effect:
    frozen = {target.workspace for target in old.loaded.project.settings.freeze}
    reason = f"workspace {workspace} was removed, so requests for its view fail"
    if frozen & {workspace, RESERVED_ID}:
        reason += ", and no frozen module contains it"
    document = old.loaded.snapshot.workspaces[workspace].document
    place = None if document is None else document.first_key_span(())
    return Effect(Consumer.OVERLAYS, Level.BREAKING, "workspace-gone", workspace, reason, workspace, place)


def _base_changed(view: ViewComparison) -> Iterator[Effect]:
    workspace = view.workspace
    copies: dict[str, HiddenChange] = {}
    for hidden in view.hidden:
        if not hidden.field:  # removals in the core are reported to importers
            continue
        if hidden.hidden_by.layer is not Layer.OVERRIDE:
            copies.setdefault(hidden.name, hidden)
            continue
        change = hidden.change
        at = said_at(change.new_origin.span if change.new_origin is not None else None)
        reason = (
            f"the core changed `{hidden.field}` of `{hidden.name}` from {called(change.old)} to "
            f"{called(change.new)}{at}; {workspace} overrides it and is not affected"
        )
        was = change.old_origin.span if change.old_origin is not None else None
        yield Effect(
            Consumer.OVERLAYS,
            Level.RISKY,
            "base-changed",
            f"{hidden.name}.{hidden.field}",
            reason,
            workspace,
            was,
            hidden.hidden_by.span,
        )
    for name, hidden in copies.items():
        reason = f"{workspace} has its own `{name}` and does not see the core's changes"
        place = hidden.hidden_by.span
        yield Effect(Consumer.OVERLAYS, Level.SAFE, "hidden-changed", name, reason, workspace, None, place)


def _hides(own: Definition | None, below: Definition | None) -> bool:
    """Return whether a workspace's own definition shadows the core's."""
    return own is not None and below is not None and own.sources[-1].layer is Layer.LOCAL


def _shadow_appeared(
    workspace: str, noun: str, name: str, own: Definition | None, below: Definition | None
) -> Effect:
    reason = f"{workspace}'s own {noun} `{name}` shadows the core's{said_at(place_of(below))}"
    place = None if own is None else own.sources[-1].document.value_span(("name",))
    return Effect(Consumer.OVERLAYS, Level.RISKY, "shadow-appeared", name, reason, workspace, None, place)


def _shadow_gone(
    workspace: str,
    noun: str,
    name: str,
    was: Definition | None,
    now: Definition | None,
    below: Definition | None,
) -> Effect:
    place: Span | None = None if was is None else was.sources[-1].document.value_span(("name",))
    if below is None:
        reason = f"{workspace}'s own {noun} `{name}` no longer shadows the core's, which was removed"
        return Effect(
            Consumer.OVERLAYS, Level.SAFE, "shadow-gone", name, reason, workspace, place, place_of(now)
        )
    reason = f"{workspace} uses the core's {noun} `{name}` instead of its own"
    return Effect(
        Consumer.OVERLAYS, Level.RISKY, "shadow-gone", name, reason, workspace, place, place_of(now or below)
    )


def _base_gone(touched: Touched, new: RegistryState) -> Iterator[Effect]:
    """Yield the overrides whose base was removed."""
    workspace = touched.workspace or ""
    checked = new.loaded.checked
    for listed in new.loaded.layout.workspaces.get(workspace, ()):
        file = checked.get(listed.path) if listed.layer is Layer.OVERRIDE else None
        if file is None or file.name is None:
            continue
        was = _served(touched.old, listed.kind, file.name)
        if was is None or was.sources[0].layer is not Layer.OVERRIDE or was.sources[0].workspace != workspace:
            continue
        if _served(touched.new, listed.kind, file.name) is not None:
            continue
        renamed = touched.renamed.get(file.name) if listed.kind == "steps" else None
        reason = f"{workspace} overrides `{file.name}`, which was removed, so the override has no effect"
        if renamed is not None:
            reason = (
                f"{workspace} overrides `{file.name}`, which was renamed to `{renamed.name}`: "
                "an override must use the name, not an alias"
            )
        here = file.source.document.value_span(("name",)) if file.source is not None else Span(listed.path)
        base = was.sources[-1].document.value_span(("name",))
        yield Effect(
            Consumer.OVERLAYS,
            Level.BREAKING,
            "base-gone",
            file.name,
            reason,
            workspace,
            base,
            here,
        )


def _served(view: View, kind: str, name: str) -> Definition | None:
    return view.tables[kind].get(name)
