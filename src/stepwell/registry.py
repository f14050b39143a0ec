"""The registry as Python code meets it."""

from __future__ import annotations

from datetime import date
from typing import final

from stepwell.diagnostics import Diagnostic
from stepwell.load import Loaded, Progress, load
from stepwell.project import Project
from stepwell.snapshot import Snapshot, View

__all__ = ["Registry"]


@final
class Registry:
    """A project's definitions, read, checked and layered.

    Args:
        project: which project.
        today: the date to hold deprecations against.
        progress: told how far the reading is.
    """

    __slots__ = ("_loaded", "_project")

    def __init__(self, project: Project, today: date, progress: Progress | None = None) -> None:
        self._project = project
        self._loaded: Loaded = load(project, today, progress)

    def __repr__(self) -> str:
        counted = f"{len(self.view())} core steps, {len(self.workspaces)} workspaces"
        return f"<Registry at {self._project.root}: {counted}>"

    @property
    def project(self) -> Project:
        """The project that it was read from."""
        return self._project

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All that was found, in order; a definition with errors is left out, the rest serve."""
        return self._loaded.diagnostics

    @property
    def files(self) -> int:
        """How many files were read."""
        return self._loaded.files

    @property
    def snapshot(self) -> Snapshot:
        """Every view at this instant."""
        return self._loaded.snapshot

    @property
    def workspaces(self) -> tuple[str, ...]:
        """The ids of all workspaces, sorted."""
        return tuple(self._loaded.snapshot.workspaces)

    @property
    def digest(self) -> str:
        """A hash of everything that is served: equal content gives an equal digest, on any machine."""
        return self._loaded.snapshot.digest

    def view(self, workspace: str | None = None) -> View:
        """What a workspace sees: override, then local, then core; the core alone without one.

        Raises:
            UnknownWorkspace: with suggestions.
        """
        return self._loaded.snapshot.view(workspace)
