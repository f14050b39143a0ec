"""A new workspace from its files to what the project would be with them: the whole flow on one page.

lay the files over the project ▸ load and check it ▸ hold its references and its isolation against the
sources as they would be ▸ keep what the project did not have before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import final

from stepwell.code.references import check_references, source_folders
from stepwell.code.workspace_isolation import check_isolation
from stepwell.importing.staged import Staged
from stepwell.model.settings import Project
from stepwell.resolve.load import FindPlugins, load
from stepwell.resolve.snapshot import Snapshot
from stepwell.source.diagnostic import Diagnostic, Severity, in_order
from stepwell.source.python import Failure, SourceFile, SourceIndex, index_sources
from stepwell.source.python.index import read_source
from stepwell.source.python.outline import outline_of, warnings_kept_in

__all__ = ["Plan", "plan"]


@final
@dataclass(frozen=True, slots=True)
class Plan:
    """What would be written, and what the project would be.

    Args:
        files: the bytes of each file, by its path in the project.
        snapshot: every view of the project with them.
        diagnostics: what the checks find that they did not find before, in order.
    """

    files: Mapping[str, bytes]
    snapshot: Snapshot
    diagnostics: tuple[Diagnostic, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing new is an error."""
        return all(found.severity is not Severity.ERROR for found in self.diagnostics)


def plan(
    project: Project,
    before: tuple[Diagnostic, ...],
    files: Mapping[str, bytes],
    today: date,
    plugins: FindPlugins,
    workspace: str | None,
) -> Plan:
    """Check a project as it would be with some more files; nothing is written.

    Args:
        project: the project as it is.
        before: what is found in it now.
        files: the bytes of each new or changed file, by its path in the project.
        today: the date to hold deprecations against.
        plugins: finds what installed packages bring.
        workspace: whose isolation and references to check too; ``None`` for none.
    """
    staged = replace(project, tree=Staged(project.tree, files))
    loaded = load(staged, today, plugins=plugins)
    found = list(loaded.diagnostics)
    old = list(before)
    if workspace is not None and workspace in loaded.snapshot.workspaces:
        index = index_sources(project.root, source_folders(project, loaded.snapshot.workspaces))
        laid = _laid_over(index, files)

        def read(path: str) -> bytes | Failure:
            content = files.get(path)
            return read_source(project.root, path)[0] if content is None else content

        found += check_isolation(staged, loaded.snapshot, laid, workspace, read)
        if project.settings.references is not None:
            found += check_references(staged, loaded.snapshot, laid, workspace)
            old += check_references(project, loaded.snapshot, index, None)
    known = {_same(one) for one in old}
    return Plan(files, loaded.snapshot, in_order(one for one in found if _same(one) not in known))


def _same(one: Diagnostic) -> tuple[str, str, str]:
    return one.id, one.message, one.span.path if one.span is not None else ""


def _laid_over(index: SourceIndex, files: Mapping[str, bytes]) -> SourceIndex:
    """The sources with those of a plan."""
    merged = dict(index.files)
    with warnings_kept_in():
        for path, content in files.items():
            if path.endswith(".py"):
                said = outline_of(content)
                failed = said if isinstance(said, Failure) else None
                outline = None if isinstance(said, Failure) else said
                merged[path] = SourceFile(path, path, None, outline, failed)
    return SourceIndex(index.root, index.folders, merged, 0)
