"""The registry as Python code meets it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import final

from stepwell.diagnostics import Diagnostic
from stepwell.load import Progress, load
from stepwell.project import Project
from stepwell.snapshot import Snapshot, View
from stepwell.store import Event, Store, Subscription

__all__ = ["Registry"]


@final
class Registry:
    """A project's definitions, read, checked and layered; kept right while they change.

    Args:
        project: which project.
        today: gives the date to hold deprecations against.
        progress: told how far the first reading is.
    """

    __slots__ = ("_store",)

    def __init__(self, project: Project, today: Callable[[], date], progress: Progress | None = None) -> None:
        self._store = Store(load(project, today(), progress), today)

    def __repr__(self) -> str:
        counted = f"{len(self.view())} core steps, {len(self.workspaces)} workspaces"
        return f"<Registry at {self.project.root}: {counted}>"

    @property
    def project(self) -> Project:
        """The project that it was read from, as it was last read."""
        return self._store.seen.project

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All that is found in the files as they were last read, in order.

        At first a definition with errors is left out, and the rest serve; later a reload that brings a
        new error is told here and not served.
        """
        return self._store.seen.diagnostics

    @property
    def files(self) -> int:
        """How many files were read."""
        return self._store.seen.files

    @property
    def snapshot(self) -> Snapshot:
        """Every view at this instant."""
        return self._store.snapshot

    @property
    def workspaces(self) -> tuple[str, ...]:
        """The ids of all workspaces, sorted."""
        return tuple(self._store.snapshot.workspaces)

    @property
    def digest(self) -> str:
        """A hash of everything that is served: equal content gives an equal digest, on any machine."""
        return self._store.snapshot.digest

    def view(self, workspace: str | None = None) -> View:
        """What a workspace sees: override, then local, then core; the core alone without one.

        Raises:
            UnknownWorkspace: with suggestions.
        """
        return self._store.snapshot.view(workspace)

    def reload(self) -> Event | None:
        """Read all files again, and serve what they say if they bring no new error.

        Returns:
            What happened; ``None`` when the files say what they said.
        """
        return self._store.reload()

    def subscribe(self, callback: Callable[[Event], object]) -> Subscription:
        """Call a function with every Event from now on, one at a time and in order.

        What it raises is logged, and stops neither the reload nor other subscribers.
        """
        return self._store.subscribe(callback)
