"""Old tables of a Registry."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, final

from stepwell.frontends.legacy.tables import StepRows, Tables, tables_of_view
from stepwell.source.errors import UnknownWorkspace
from stepwell.source.legacy_table import LEGACY_FIELDS

if TYPE_CHECKING:
    from stepwell.frontends.legacy.tables import Tables
    from stepwell.live.registry import Registry
    from stepwell.model.settings import Settings
    from stepwell.resolve.snapshot import Snapshot
    from stepwell.resolve.view import View
    from stepwell.source.spelling import Naming

__all__ = [
    "NOTHING_HELD",
    "CachedTables",
    "HeldRows",
    "LiveTables",
]


class HeldRows:
    """Rows for the fast path of a lookup, with their Snapshot."""

    __slots__ = ("rows", "snapshot", "store")

    snapshot: Any

    def __init__(self, store: Any, snapshot: Any) -> None:
        self.store = store
        self.snapshot = snapshot
        self.rows: dict[str | None, StepRows] = {}  # by what the caller named, which may be nothing


@final
class CachedTables(HeldRows):
    """The tables of one Snapshot, and the settings that were read with it.

    Args:
        made: tables by workspace (``None`` for the core), each with the view that they show.
    """

    __slots__ = ("made", "settings", "tables")

    snapshot: Snapshot

    def __init__(
        self, store: Any, snapshot: Snapshot, settings: Settings, made: dict[str | None, tuple[View, Tables]]
    ) -> None:
        super().__init__(store, snapshot)
        self.settings = settings
        self.made = made
        self.tables: dict[str | None, Tables] = {}

    def make(self, named: str | None) -> Tables:
        """The tables of a workspace, or of the project's default one where none is named.

        Raises:
            UnknownWorkspace: with suggestions and all that there are.
        """
        snapshot = self.snapshot
        try:
            view = snapshot.view(named or self.settings.workspace or None)
        except UnknownWorkspace as error:
            there = tuple(snapshot.workspaces)
            raise UnknownWorkspace(error.workspace, error.suggestions, there) from None
        tables = self._of(view)
        self.tables[named] = tables
        self.rows[named] = tables.rows
        return tables

    def _of(self, view: View) -> Tables:
        seen, tables = self.made.get(view.workspace, (None, None))
        if tables is None or seen is not view:
            core = None if view.workspace is None else self._of(self.snapshot.core)
            tables = tables_of_view(view, core)
            self.made[view.workspace] = view, tables
        return tables


NOTHING_HELD = HeldRows(SimpleNamespace(_snapshot=None), None)
"""Disables the fast path for frozen or unopened registries."""


@final
class LiveTables:
    """The tables of a Registry, as it is at the moment of each look-up."""

    __slots__ = ("_store", "held", "registry")

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._store = registry._store  # noqa: SLF001 - a property costs more than the rest of a look-up
        self.held = CachedTables(self._store, registry.snapshot, registry.project.settings, {})

    @property
    def default(self) -> str:
        """The project's ``[project] workspace``."""
        return self._current().settings.workspace

    @property
    def naming(self) -> Naming:
        """The project's ``[naming]``."""
        return self._current().settings.naming

    def workspaces(self) -> tuple[str, ...]:
        """The ids of the workspaces, sorted."""
        return tuple(self.registry.snapshot.workspaces)

    def tables(self, workspace: str | None) -> Tables:
        """The tables of a workspace; of the project's default without one.

        Raises:
            UnknownWorkspace: with suggestions and all that there are.
        """
        held = self.held
        if held.snapshot is not self.registry.snapshot:
            held = self._current()
        return held.tables.get(workspace) or held.make(workspace)

    def has_conflicts(self) -> bool:
        """Whether a step has different rows in two of the views, the core's included."""
        snapshot = self.registry.snapshot
        seen: dict[str, list[object]] = {}
        for workspace in (None, *snapshot.workspaces):
            for name, step in snapshot.view(workspace).steps.above.items():
                if step.sagemaker_step_type is not None:
                    row = [step[field] for field in LEGACY_FIELDS]
                    if seen.setdefault(name, row) != row:
                        return True
        return False

    def _current(self) -> CachedTables:
        """The tables of the current Snapshot; those of unchanged views are kept."""
        held, snapshot = self.held, self.registry.snapshot
        if held.snapshot is snapshot:
            return held
        settings = self.registry.project.settings
        stayed = held.snapshot.core is snapshot.core
        self.held = renewed = CachedTables(
            self._store, snapshot, settings, held.made.copy() if stayed else {}
        )
        return renewed
