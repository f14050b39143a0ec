"""State of one open project: files on disk below the unsaved texts of the editor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final, final

from stepwell.code import source_folders
from stepwell.code.references import check_references
from stepwell.model.kinds import KINDS
from stepwell.model.layer import Layer
from stepwell.model.settings import CONFIG_NAMES, open_project
from stepwell.resolve import collector_paused
from stepwell.resolve.incremental import reload
from stepwell.resolve.load import LoadResult, load, written_views
from stepwell.resolve.plugins import find_plugins
from stepwell.resolve.snapshot import Snapshot
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Diagnostic, in_order
from stepwell.source.document import Document
from stepwell.source.errors import ProjectError
from stepwell.source.python import SourceIndex, index_sources
from stepwell.source.tree import Folder, Staged

__all__ = ["OpenProject"]

_OVERRIDE: Final = "-override"


@final
class OpenProject:
    """One project and its unsaved texts.

    Args:
        root: absolute, links resolved.
        today: the date for deprecations.

    Raises:
        ProjectError: the folder has no project.
    """

    def __init__(self, root: str, today: date) -> None:
        self.root = root
        self._today = today
        self._buffers: dict[str, bytes | None] = {}
        self._tree = Staged(Folder(root), self._buffers)
        self._index: SourceIndex | None = None
        self._written: tuple[LoadResult, Snapshot] | None = None
        self.state = self._load()

    @property
    def written(self) -> Snapshot:
        """All views with the valid fields of invalid definitions."""
        if self._written is None or self._written[0] is not self.state:
            self._written = (self.state, written_views(self.state))
        return self._written[1]

    def edit(self, path: str, text: str | None) -> None:
        """Use an unsaved text for a file; ``None`` uses the file on disk again."""
        if text is None:
            self._buffers.pop(path, None)
        else:
            self._buffers[path] = text.encode("utf-8", "surrogatepass")
        self.refresh((path,))

    def refresh(self, changed: Iterable[str]) -> None:
        """Read changed files again."""
        paths = frozenset(changed)
        if self._index is not None:
            self._index = self._index.refresh(path for path in paths if path.endswith(".py"))
        others = frozenset(path for path in paths if not path.endswith(".py"))
        if not others.isdisjoint(CONFIG_NAMES):
            try:
                self.state = self._load()
            except ProjectError:  # the configuration was deleted: the last state stays
                return
            self._index = None
        elif others:
            with collector_paused():
                self.state = reload(self.state, others)

    def _load(self) -> LoadResult:
        return load(open_project(self.root, self._tree), self._today, plugins=find_plugins)

    @property
    def index(self) -> SourceIndex:
        """Python sources of the project, indexed on first use."""
        if self._index is None:
            folders = source_folders(self.state.project, self.state.snapshot.workspaces)
            self._index = index_sources(self.root, folders)
        return self._index

    def findings(self) -> Mapping[str, tuple[Diagnostic, ...]]:
        """Return the findings of ``stepwell check`` by path; the configuration has those without a path."""
        findings = self.state.diagnostics
        project = self.state.project
        if project.settings.references is not None:
            findings = in_order((*findings, *check_references(project, self.written, self.index)))
        config = project.config.path if project.config is not None else CONFIG_NAMES[0]
        by_path: dict[str, list[Diagnostic]] = {}
        for finding in findings:
            by_path.setdefault(finding.span.path if finding.span is not None else config, []).append(finding)
        return {path: tuple(items) for path, items in by_path.items()}

    def schema_of(self, path: str) -> str | None:
        """Return the name of the schema of a file, such as ``step-override``; ``None`` for other files."""
        if path == CONFIG_NAMES[0]:
            return "project"
        if path in self.state.layout.settings.values():
            return "workspace"
        checked = self.state.checked.get(path)
        if checked is None:
            return None
        noun = KINDS[checked.listed.kind].noun
        return f"{noun}{_OVERRIDE}" if checked.listed.layer is Layer.OVERRIDE else noun

    def workspace_of(self, path: str) -> str | None:
        """Return the workspace of a file; ``None`` for the core."""
        checked = self.state.checked.get(path)
        if checked is not None:
            return checked.listed.workspace
        return next((key for key, file in self.state.layout.settings.items() if file == path), None)

    def view_of(self, path: str) -> View:
        """Return the view that a file belongs to, with the valid fields of invalid definitions."""
        workspace = self.workspace_of(path)
        return self.written.view(workspace if workspace in self.written.workspaces else None)

    def document(self, path: str) -> Document | None:
        """Return the parsed content of a definition file, if its syntax is valid."""
        checked = self.state.checked.get(path)
        if checked is None:
            return None
        authored = checked.authored or checked.partial
        return None if authored is None else authored.source.document
