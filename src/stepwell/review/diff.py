"""Differences between two states: definitions and fields, by view."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from stepwell.model import KIND_OF_NOUN, KINDS, Definition, StepDefinition
from stepwell.model.layer import Layer, Origin
from stepwell.resolve.provenance import origins
from stepwell.resolve.snapshot import Snapshot, ViewChanges, changes_between, differing_fields
from stepwell.resolve.table import LayeredTable
from stepwell.resolve.view import View
from stepwell.review.comparison import (
    DefinitionChange,
    FieldChange,
    HiddenChange,
    Reordering,
    ViewComparison,
    What,
)
from stepwell.source.diagnostic import Span
from stepwell.source.document import Pointer
from stepwell.source.git import Gone
from stepwell.source.spelling import Naming

__all__ = [
    "field_changes",
    "place_of_name",
    "predecessor",
    "stated_fields",
    "stem_of",
    "stems_of",
    "views_that_differ",
]


def views_that_differ(old: Snapshot, new: Snapshot) -> tuple[ViewComparison, ...]:
    """Compare two Snapshots; return the core, then every workspace with changes by id."""
    changes = changes_between(old, new)
    core = _of_view(old.core, new.core, changes.core)
    differing = [core]
    for key, seen in changes.workspaces.items():
        if key not in old.workspaces or key not in new.workspaces:
            differing.append(_of_new_or_gone(old, new, key))
        elif view := _of_workspace(old.view(key), new.view(key), seen, core):
            differing.append(view)
    missed = [
        workspace
        for workspace in new.workspaces
        if workspace in old.workspaces and workspace not in changes.workspaces
    ]
    hidden = _hidden_only(old, new, core, missed)
    return (core, *sorted([*differing[1:], *hidden], key=lambda view: view.workspace or ""))


def _of_view(old: View, new: View, seen: ViewChanges) -> ViewComparison:
    changes = [
        change
        for folder, kind in KINDS.items()
        for change in _of_kind(kind.noun, old.tables[folder], new.tables[folder], seen)
    ]
    return ViewComparison(new.workspace, _in_order(changes), reordering=_reordering(old, new))


def _of_new_or_gone(old: Snapshot, new: Snapshot, workspace_id: str) -> ViewComparison:
    """Return the changes of an added or removed workspace relative to the core."""
    is_new = workspace_id in new.workspaces
    view = (new if is_new else old).view(workspace_id)
    make = _added if is_new else _removed
    changes = [
        make(kind.noun, definition)
        for folder, kind in KINDS.items()
        for definition in view.tables[folder].above.values()
    ]
    return ViewComparison(workspace_id, _in_order(changes), is_new=is_new, is_gone=not is_new)


def _of_workspace(old: View, new: View, seen: ViewChanges, core: ViewComparison) -> ViewComparison | None:
    """Return the changes of a workspace, without inherited ones."""
    own = _of_view(old, new, seen)
    inherited = {_key(change): change for change in core.changes}
    changes = tuple(change for change in own.changes if not _same(change, inherited.get(_key(change))))
    reordering = None if own.reordering == core.reordering else own.reordering
    comparison = ViewComparison(
        new.workspace, changes, len(own.changes) - len(changes), _hidden(old, new, core), reordering
    )
    return comparison if comparison else None


def _hidden_only(
    old: Snapshot, new: Snapshot, core: ViewComparison, workspaces: Iterable[str]
) -> Iterator[ViewComparison]:
    """Return the workspaces that are unchanged because they shadow the core's changes."""
    for workspace in workspaces if core.changes else ():
        hidden = _hidden(old.view(workspace), new.view(workspace), core)
        if hidden:
            yield ViewComparison(workspace, (), hidden=hidden)


def _hidden(old: View, new: View, core: ViewComparison) -> tuple[HiddenChange, ...]:
    """Return the core changes that the workspace's own values hide."""
    hidden: list[HiddenChange] = []
    for change in core.changes:
        name = change.old_name or change.name
        was, now = _table(old, change.noun).get(name), _own(new, change.noun, name)
        if was is None or now is None or change.what is What.ADDED:
            continue
        whole = Origin(now.name, now.sources[-1].layer, new.workspace, place_of_name(now), "stated")
        if change.what is not What.CHANGED:
            below = Origin(name, Layer.CORE, None, change.old_place, "stated")
            gone = FieldChange("", name, None, below, None)
            hidden.append(HiddenChange(change.noun, name, "", gone, whole))
            continue
        for field in change.fields:
            if _value(was, field.field) != _value(now, field.field):
                continue
            origin = _origin(now, field.field)
            if origin.layer in _OWN_LAYERS:
                hidden.append(HiddenChange(change.noun, name, field.field, field, origin))
            elif now.sources[-1].layer is not Layer.CORE:
                hidden.append(HiddenChange(change.noun, name, field.field, field, whole))
    return tuple(hidden)


_OWN_LAYERS: Final = (Layer.LOCAL, Layer.OVERRIDE, Layer.RUNTIME)


def _own(view: View, noun: str, name: str) -> Definition | None:
    """Return a workspace's own document for a name."""
    return _table(view, noun).above.get(name)


def _value(definition: Definition, field: str) -> Any:
    return definition.extensions.get(field) if field.startswith("x-") else definition[field]


def _table(view: View, noun: str) -> LayeredTable[Any]:
    return view.tables[KIND_OF_NOUN[noun].folder]


def _of_kind(
    noun: str, old: Mapping[str, Definition], new: Mapping[str, Definition], seen: ViewChanges
) -> Iterator[DefinitionChange]:
    gone = {key.name: old[key.name] for key in seen.removed if key.noun == noun}
    came = {key.name: new[key.name] for key in seen.added if key.noun == noun}
    for was, now, because in list(_renamed(gone, came)):
        del gone[was.name]
        came.pop(now.name, None)
        fields = tuple(field_changes(was, now))
        yield DefinitionChange(
            What.RENAMED, noun, now.name, fields, was.name, because, place_of_name(was), place_of_name(now)
        )
    yield from (_removed(noun, was) for was in gone.values())
    yield from (_added(noun, now) for now in came.values())
    for key in seen.changed:
        if key.noun == noun:
            was, now = old[key.name], new[key.name]
            yield DefinitionChange(
                What.CHANGED,
                noun,
                key.name,
                tuple(field_changes(was, now)),
                old_place=place_of_name(was),
                new_place=place_of_name(now),
            )


def _renamed(
    gone: Mapping[str, Definition], came: Mapping[str, Definition]
) -> Iterator[tuple[Definition, Definition, str]]:
    """Return the renames, detected by an alias or ``replaced_by``."""
    taken: set[str] = set()
    by_alias = {
        alias: step for step in came.values() if isinstance(step, StepDefinition) for alias in step.aliases
    }
    for name, was in gone.items():
        now: Definition | None = by_alias.get(name)
        because = "alias"
        if now is None and isinstance(was, StepDefinition) and was.deprecated is not None:
            now, because = came.get(was.deprecated.replaced_by or ""), "replaced_by"
        if now is not None and now.name not in taken:
            taken.add(now.name)
            yield was, now, because


def _added(noun: str, now: Definition) -> DefinitionChange:
    return DefinitionChange(
        What.ADDED, noun, now.name, stated_fields(None, now), new_place=place_of_name(now)
    )


def _removed(noun: str, was: Definition) -> DefinitionChange:
    return DefinitionChange(
        What.REMOVED, noun, was.name, stated_fields(was, None), old_place=place_of_name(was)
    )


def stated_fields(was: Definition | None, now: Definition | None) -> tuple[FieldChange, ...]:
    """Return the set fields of an added or removed definition.

    Args:
       was: ``None`` if it was added.
       now: ``None`` if it was removed.
    """
    definition = was or now
    data: Mapping[str, Any] = definition.data if definition is not None else MappingProxyType({})
    return tuple(
        FieldChange(
            field,
            None if was is None else data[field],
            None if now is None else data[field],
            None if was is None else _origin(was, field),
            None if now is None else _origin(now, field),
        )
        for field in data
        if field != "name"
    )


def field_changes(was: Definition, now: Definition) -> Iterator[FieldChange]:
    """Return the changed fields of two definitions, without the name, in schema order."""
    for name in differing_fields(was, now):
        if name == "name":
            continue
        if name != "extensions":
            yield _field_change(was, now, name, was[name], now[name])
            continue
        for key in sorted(was.extensions.keys() | now.extensions.keys()):
            old, new = was.extensions.get(key), now.extensions.get(key)
            if old != new:
                yield _field_change(was, now, key, old, new)


def _field_change(was: Definition, now: Definition, field: str, old: Any, new: Any) -> FieldChange:
    leaves = tuple(
        FieldChange(label, item, other, origins(was, at)[0], origins(now, there)[0])
        for label, item, other, at, there in _leaves(field, old, new, (field,), (field,))
        if label != field
    )
    return FieldChange(field, old, new, _origin(was, field), _origin(now, field), leaves)


def _leaves(
    label: str, old: Any, new: Any, old_pointer: Pointer, new_pointer: Pointer
) -> Iterator[tuple[str, Any, Any, Pointer, Pointer]]:
    """Yield the differing values inside two values: label, values and pointers."""
    before, after = _parts(old), _parts(new)
    if before is None or after is None or not (before or after):
        yield label, old, new, old_pointer, new_pointer
        return
    for key in dict.fromkeys((*before, *after)):
        at, was = before.get(key, (key, None))
        there, now = after.get(key, (key, None))
        if was != now:
            yield from _leaves(f"{label}.{key}", was, now, (*old_pointer, at), (*new_pointer, there))


def _parts(value: Any) -> dict[str, tuple[str | int, Any]] | None:
    """Return the named parts of a value with their steps: keys, or items of a list that have ids."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return {key: (key, item) for key, item in value.items()} or None
    if isinstance(value, tuple) and value and all(isinstance(item, Mapping) for item in value):
        ids = [item.get("id", item.get("step")) for item in value]
        if len(set(ids)) == len(ids) and None not in ids:
            return {str(ids[at]): (at, item) for at, item in enumerate(value)}
    return None


def _origin(definition: Definition, field: str) -> Origin:
    return origins(definition, (field,))[0]


def place_of_name(definition: Definition) -> Span:
    """Return the location of the name in the topmost file."""
    return definition.sources[0].document.value_span(("name",))


def _key(change: DefinitionChange) -> tuple[str, str]:
    return change.noun, change.name


def _same(change: DefinitionChange, other: DefinitionChange | None) -> bool:
    """Return whether a change of a workspace is inherited from the core."""
    if other is None or change.what is not other.what or change.old_name != other.old_name:
        return False
    return [(field.field, field.old, field.new) for field in change.fields] == [
        (field.field, field.old, field.new) for field in other.fields
    ]


def _in_order(changes: Iterable[DefinitionChange]) -> tuple[DefinitionChange, ...]:
    order = list(KIND_OF_NOUN)
    return tuple(sorted(changes, key=lambda change: (order.index(change.noun), change.name)))


def _reordering(old: View, new: View) -> Reordering | None:
    """Return the steps that moved in the legacy table."""
    if old.steps.first == new.steps.first:
        return None  # the rest is sorted by name, so nothing has moved
    places = {name: place for place, name in enumerate(_legacy(old)) if name in new.steps}
    stayed = [name for name in _legacy(new) if name in places]
    kept = _longest_run([places[name] for name in stayed])
    moved = tuple(name for at, name in enumerate(stayed) if at not in kept)
    return Reordering(moved) if moved else None


def _legacy(view: View) -> Iterator[str]:
    return (name for name, step in view.steps.items() if step.sagemaker_step_type is not None)


def _longest_run(places: Sequence[int]) -> frozenset[int]:
    """Return the indexes of a longest increasing subsequence (patience sorting, Fredman 1975)."""
    tails: list[int] = []
    ends: list[int] = []
    links: list[int] = []
    for at, place in enumerate(places):
        length = bisect_left(tails, place)
        links.append(ends[length - 1] if length else -1)
        tails[length : length + 1] = [place]
        ends[length : length + 1] = [at]
    kept: set[int] = set()
    at = ends[-1] if ends else -1
    while at >= 0:
        kept.add(at)
        at = links[at]
    return frozenset(kept)


def predecessor(
    step: StepDefinition, left: Mapping[str, StepDefinition], gone: Iterable[Gone]
) -> tuple[StepDefinition, str] | None:
    """Return the predecessor of a step and the evidence: alias, ``replaced_by`` or Git rename."""
    for alias in step.aliases:
        if alias in left:
            return left[alias], "alias"
    for was in left.values():
        if was.deprecated is not None and was.deprecated.replaced_by == step.name:
            return was, "replaced_by"
    moved = {item.path: item.now for item in gone if item.now is not None}
    own = {source.document.path for source in step.sources}
    for was in left.values():
        if any(moved.get(source.document.path) in own for source in was.sources):
            return was, "file"
    return None


def stem_of(path: str) -> str:
    """Return a file name without extension."""
    return path.rpartition("/")[2].rpartition(".")[0]


def stems_of(step: StepDefinition, naming: Naming) -> frozenset[str]:
    """Return the stems of a step's files; none for rows of an old table."""
    paths = (source.document.path for source in step.sources)
    return frozenset({naming.stem(step.name), *(stem_of(path) for path in paths if not path.endswith(".py"))})
