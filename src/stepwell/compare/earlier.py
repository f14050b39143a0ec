"""What a check would have found in an earlier commit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from stepwell.code.references import check_references, source_folders
from stepwell.model.settings import read_project
from stepwell.resolve.load import FindPlugins, Progress, load
from stepwell.source.diagnostic import Diagnostic, Severity, in_order
from stepwell.source.git import Revision
from stepwell.source.python import Failure, SourceFile, SourceIndex
from stepwell.source.python.index import LEFT_OUT

__all__ = ["findings_at"]


def findings_at(
    root: str,
    revision: Revision,
    workspace: str | None,
    today: date,
    *,
    references: bool,
    progress: Progress | None = None,
    plugins: FindPlugins = tuple,
) -> tuple[Diagnostic, ...] | None:
    """The findings of a commit; ``None`` where it holds no project.

    Args:
        root: the project's folder on disk, absolute.
        revision: the commit.
        workspace: whose view; the core's where the commit has no such workspace; ``None`` for everything.
        today: the date to hold deprecations against, the same as for the later state.
        references: whether to look for the classes that definitions name.
        progress: told how far the reading is.
        plugins: finds what installed packages bring.
    """
    project = read_project(root, revision)
    if project is None:
        return None
    loaded = load(project, today, progress, plugins)
    found = loaded.diagnostics
    known = workspace if workspace in loaded.snapshot.workspaces else None
    if workspace is not None:
        found = loaded.snapshot.view(known).diagnostics
    if references:
        folders = source_folders(project, loaded.snapshot.workspaces)
        index = SourceIndex(root, folders, dict(_sources(revision, folders)), 0)
        found = in_order((*found, *check_references(project, loaded.snapshot, index, known)))
    return found


def _sources(revision: Revision, folders: Iterable[str]) -> Iterator[tuple[str, SourceFile]]:
    """The outlines of a commit's Python files; links and submodules are passed over."""
    from stepwell.source.python.outline import outline_of, warnings_kept_in

    starts = tuple(f"{folder}/" if folder else "" for folder in folders)
    paths = [path for path in revision.files() if path.endswith(".py") and path.startswith(starts)]
    revision.expect(paths)
    with warnings_kept_in():
        for path in paths:
            if any(part[0] == "." or part in LEFT_OUT for part in path.split("/")):
                continue
            content = revision.read(path)
            if isinstance(content, Diagnostic):
                if content.severity is Severity.ERROR:
                    yield path, SourceFile(path, path, None, None, Failure(content.message, 1, 1))
                continue
            said = outline_of(content)
            if isinstance(said, Failure):
                yield path, SourceFile(path, path, None, None, said)
            else:
                yield path, SourceFile(path, path, None, said, None)
