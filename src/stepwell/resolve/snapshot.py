"""All views at one point in time, and differences between two Snapshots."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar, final

from stepwell.model import KINDS, Definition, Workspace
from stepwell.resolve.table import LayeredTable
from stepwell.resolve.view import Code, View
from stepwell.source.document import FrozenMapping
from stepwell.source.errors import UnknownWorkspace
from stepwell.source.immutable import Immutable, record

__all__ = [
    "Changes",
    "DefinitionKey",
    "Snapshot",
    "ViewChanges",
    "Views",
    "changes_between",
]


T = TypeVar("T")


@final
class Snapshot(Immutable):
    """All views at one point in time.

    Args:
        workspaces: settings of each workspace by id, sorted.
        views: views by workspace; not copied, because they may be created lazily.
    """

    def __init__(self, core: View, workspaces: Mapping[str, Workspace], views: Mapping[str, View]) -> None:
        self.__dict__.update(core=core, workspaces=FrozenMapping(workspaces), _views=MappingProxyType(views))

    def __reduce__(self) -> tuple[type[Snapshot], tuple[object, ...]]:
        return Snapshot, (self.core, self.workspaces, dict(self._views))

    def __eq__(self, other: object) -> bool:
        """Return whether all views are equal."""
        return self.digest == other.digest if isinstance(other, Snapshot) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    core: View
    workspaces: Mapping[str, Workspace]
    _views: Mapping[str, View]

    def view(self, workspace: str | None = None) -> View:
        """Return the view of a workspace, or of the core.

        Raises:
            UnknownWorkspace: with suggestions.
        """
        if workspace is None:
            return self.core
        try:
            return self._views[workspace]
        except KeyError:
            from stepwell.source.spelling import closest

            raise UnknownWorkspace(workspace, closest(workspace, self._views, 3)) from None

    def with_code(self, code: Code) -> Snapshot:
        """Return the Snapshot with other sources; views with these sources are reused."""
        core = self.core.with_code(code)
        if core is self.core and all(view.code is code for view in self._views.values()):
            return self
        return Snapshot(
            core,
            self.workspaces,
            Views(self.workspaces, lambda workspace: self._views[workspace].with_code(code)),
        )

    @cached_property
    def owners(self) -> Mapping[str, tuple[str, ...]]:
        """Return each name that workspaces add above the core, with their sorted ids."""
        owners: dict[str, list[str]] = {}
        for workspace in self.workspaces:
            for name in self._views[workspace].steps.above:
                if name in owners:
                    owners[name].append(workspace)
                else:
                    owners[name] = [workspace]
        return MappingProxyType({name: tuple(ids) for name, ids in owners.items()})

    def recall(self, name: str, work_out: Callable[[], tuple[T, ...]]) -> tuple[T, ...]:
        """Return a cached value for a name and compute it on first use.

        Args:
            work_out: computes the value; ``None`` is not cached.
        """
        values: tuple[T, ...] | None = self._kept.get(name)
        if values is None:
            values = work_out()
            if values:
                self._kept[name] = values
        return values

    @cached_property
    def _kept(self) -> dict[str, Any]:
        return {}

    @property
    def digest(self) -> str:
        """Hash of all views and workspace settings."""
        import hashlib  # few commands digest anything

        digest = hashlib.blake2b(self.core.digest.encode("ascii"), digest_size=16)
        for workspace_id, workspace in self.workspaces.items():
            digest.update(
                f"\n{workspace_id} {self._views[workspace_id].digest} {workspace.digest}".encode("ascii")
            )
        return digest.hexdigest()


@final
class Views(Mapping[str, View]):
    """Views by workspace, created on first use."""

    def __init__(self, ids: Mapping[str, Any], make: Callable[[str], View]) -> None:
        self._ids = ids
        self._make = make
        self._made: dict[str, View] = {}

    def __getitem__(self, workspace: str) -> View:
        made = self._made.get(workspace)
        if made is None:
            if workspace not in self._ids:
                raise KeyError(workspace)
            made = self._made.setdefault(workspace, self._make(workspace))
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


@final
class DefinitionKey(NamedTuple):
    """Name and kind of a definition, because a step and a pipeline may share a name.

    Args:
        noun: its kind, a key of ``KIND_OF_NOUN``.
    """

    name: str
    noun: str


@final
@record
class ViewChanges:
    """Differences between two views of a workspace.

    Args:
        added: new definitions, sorted.
        removed: removed definitions, sorted.
        changed: differing fields by definition, sorted.
    """

    added: tuple[DefinitionKey, ...] = ()
    removed: tuple[DefinitionKey, ...] = ()
    changed: Mapping[DefinitionKey, tuple[str, ...]] = FrozenMapping()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


@final
@record
class Changes:
    """Differences between two Snapshots."""

    core: ViewChanges
    workspaces: Mapping[str, ViewChanges]

    def __bool__(self) -> bool:
        return bool(self.core or self.workspaces)


def changes_between(old: Snapshot, new: Snapshot) -> Changes:
    """Compare two Snapshots; shared parts are skipped."""
    suspects = _Suspects()
    core = _of_views(old.core, new.core, suspects)
    changes: dict[str, ViewChanges] = {}
    for item in sorted({*old.workspaces, *new.workspaces}):
        if item not in new.workspaces or item not in old.workspaces:
            changes[item] = ViewChanges(_steps(new, item), _steps(old, item))
            continue
        seen = _of_views(old.view(item), new.view(item), suspects)
        if seen or old.workspaces[item] != new.workspaces[item]:
            changes[item] = seen
    return Changes(core, FrozenMapping(changes))


def _of_views(old: View, new: View, suspects: _Suspects) -> ViewChanges:
    if old is new:
        return ViewChanges()
    added: list[DefinitionKey] = []
    removed: list[DefinitionKey] = []
    changed: dict[DefinitionKey, tuple[str, ...]] = {}
    for folder, kind in KINDS.items():
        for name, was, now in _pairs(old.tables[folder], new.tables[folder], suspects):
            key = DefinitionKey(name, kind.noun)
            if was is None:
                added.append(key)
            elif now is None:
                removed.append(key)
            elif fields := differing_fields(was, now):
                changed[key] = fields
    return ViewChanges(tuple(sorted(added)), tuple(sorted(removed)), FrozenMapping(sorted(changed.items())))


def _steps(snapshot: Snapshot, workspace: str) -> tuple[DefinitionKey, ...]:
    """Return the steps of a workspace; empty if it does not exist."""
    if workspace not in snapshot.workspaces:
        return ()
    return tuple(DefinitionKey(name, "step") for name in sorted(snapshot.view(workspace).keys()))


def differing_fields(was: Definition, now: Definition) -> tuple[str, ...]:
    """Return the fields that differ between two definitions, in schema order."""
    return tuple(field for field in was.fields() if was[field] != now[field])


def _pairs(
    before: LayeredTable[Any], after: LayeredTable[Any], suspects: _Suspects
) -> Iterator[tuple[str, Definition | None, Definition | None]]:
    for name in suspects.between(before.above, after.above) | suspects.between(before.below, after.below):
        was, now = before.get(name), after.get(name)
        if was is not now:
            yield name, was, now


@final
class _Suspects:
    """Names that may differ between two tables; all others are identical objects.

    The core's tables are shared by all workspaces and compared once.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[int, int], frozenset[str]] = {}

    def between(self, old: Mapping[str, Definition], new: Mapping[str, Definition]) -> frozenset[str]:
        names = self._found.get((id(old), id(new)))
        if names is None:
            differing = {name for name, item in new.items() if old.get(name) is not item}
            names = frozenset(differing.union(name for name in old if name not in new))
            self._found[id(old), id(new)] = names
        return names
