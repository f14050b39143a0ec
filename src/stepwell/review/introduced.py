"""New findings of a change: those without an equal in the earlier state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import NamedTuple, final

from stepwell.code.references import check_references, source_folders
from stepwell.model.settings import read_project
from stepwell.resolve.load import FindPlugins, Progress, load, written_views
from stepwell.source.diagnostic import Diagnostic, Severity, in_order
from stepwell.source.git import Gone, Revision
from stepwell.source.python import ParseFailure, SourceFile, SourceIndex
from stepwell.source.python.index import LEFT_OUT
from stepwell.source.tree import Tree

__all__ = [
    "Introduced",
    "findings_at",
    "introduced",
    "renames",
]


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
    """Return the findings of a commit, or ``None`` if it has no project.

    Args:
       root: absolute path of the project folder.
       workspace: falls back to the core if unknown to the commit; ``None`` for all.
    """
    project = read_project(root, revision)
    if project is None:
        return None
    loaded = load(project, today, progress, plugins)
    findings = loaded.diagnostics
    known = workspace if workspace in loaded.snapshot.workspaces else None
    if workspace is not None:
        findings = loaded.snapshot.view(known).diagnostics
    if references:
        folders = source_folders(project, loaded.snapshot.workspaces)
        index = SourceIndex(root, folders, dict(_sources(revision, folders)), 0)
        findings = in_order((*findings, *check_references(project, written_views(loaded), index, known)))
    return findings


def _sources(revision: Revision, folders: Iterable[str]) -> Iterator[tuple[str, SourceFile]]:
    """Return the outlines of a commit's Python files; links and submodules are skipped."""
    from stepwell.source.python.outliner import outline_of

    starts = tuple(f"{folder}/" if folder else "" for folder in folders)
    paths = [path for path in revision.files() if path.endswith(".py") and path.startswith(starts)]
    revision.expect(paths)
    for path in paths:
        if any(part[0] == "." or part in LEFT_OUT for part in path.split("/")):
            continue
        content = revision.read(path)
        if isinstance(content, Diagnostic):
            if content.severity is Severity.ERROR:
                yield path, SourceFile(path, path, None, None, ParseFailure(content.message, 1, 1))
            continue
        outline = outline_of(content)
        if isinstance(outline, ParseFailure):
            yield path, SourceFile(path, path, None, None, outline)
        else:
            yield path, SourceFile(path, path, None, outline, None)


@final
class Introduced(NamedTuple):
    """New and older findings of a state, in order."""

    new: tuple[Diagnostic, ...]
    older: tuple[Diagnostic, ...]


def introduced(
    old: Iterable[Diagnostic], new: Iterable[Diagnostic], renames: Mapping[str, str]
) -> Introduced:
    """Split findings into new and older ones.

    Findings with the same id, file and message are equal, regardless of lines. Equal findings are counted; of
    surplus ones, those with a new source line are reported as new first.
    """
    there: dict[tuple[str, str, str], Counter[str]] = {}
    for item in old:
        there.setdefault(_key(item, {}), Counter())[_line(item)] += 1
    current = tuple(new)
    older: set[int] = set()
    for at, item in enumerate(current):
        lines = there.get(_key(item, renames))
        if lines and lines[_line(item)] > 0:
            lines[_line(item)] -= 1
            older.add(at)
    for at, item in enumerate(current):
        lines = there.get(_key(item, renames), Counter())
        line = next((text for text, count in lines.items() if count > 0), None)
        if at not in older and line is not None:
            lines[line] -= 1
            older.add(at)
    return Introduced(
        tuple(item for at, item in enumerate(current) if at not in older),
        tuple(item for at, item in enumerate(current) if at in older),
    )


def renames(gone: Iterable[Gone], before: Revision, now: Tree, paths: Iterable[str]) -> dict[str, str]:
    """Return the previous paths of renamed files by their current path.

    Args:
       paths: candidates; if Git detects no rename, files with equal content are matched.
    """
    renames = {item.now: item.path for item in gone if item.now is not None}
    lost = {before.id_of(item.path): item.path for item in gone if item.now is None}
    for path in paths if lost else ():
        if path in renames or before.id_of(path) is not None:
            continue
        content = now.read(path)
        if not isinstance(content, Diagnostic):
            was = lost.get(before.id_for(content))
            if was is not None:
                renames[path] = was
    return renames


def _key(finding: Diagnostic, renames: Mapping[str, str]) -> tuple[str, str, str]:
    path = finding.span.path if finding.span is not None else ""
    return finding.id, renames.get(path, path), finding.message


def _line(finding: Diagnostic) -> str:
    return finding.span.text.strip() if finding.span is not None else ""
