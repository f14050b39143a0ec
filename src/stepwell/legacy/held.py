"""The tables that were asked for, so far, of what is served."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, final

from stepwell.legacy.tables import StepRows, Tables, tables_of_view
from stepwell.source.errors import UnknownWorkspace

if TYPE_CHECKING:
    from stepwell.model.settings import Settings
    from stepwell.resolve.snapshot import Snapshot
    from stepwell.resolve.view import View

__all__ = ["NOTHING_HELD", "Held", "HeldRows"]


class HeldRows:
    """What the shortest way of a look-up reads: rows, and whether they are still right.

    Args:
        store: whose Snapshot is served now.
        snapshot: the one that the rows are of.
    """

    __slots__ = ("rows", "snapshot", "store")

    snapshot: Any

    def __init__(self, store: Any, snapshot: Any) -> None:
        self.store = store
        self.snapshot = snapshot
        self.rows: dict[str | None, StepRows] = {}  # by what the caller named, which may be nothing


@final
class Held(HeldRows):
    """The tables of one Snapshot, and the settings that were read with it.

    Args:
        store: whose Snapshot is served now.
        snapshot: the one that the tables are of.
        settings: the project's.
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
"""For what is not live, or not opened: every look-up takes the longer way."""
