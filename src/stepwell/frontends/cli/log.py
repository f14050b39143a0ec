"""``stepwell log``: commits that changed a step."""

from __future__ import annotations

import os
import re
import sys
from datetime import date
from typing import TYPE_CHECKING, Final

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    color_wanted,
    complete_step,
    format_option,
    open_registry,
    project_options,
    with_progress,
    workspace_option,
    write_json,
)
from stepwell.frontends.cli.states import Here
from stepwell.frontends.render.columns import painted
from stepwell.frontends.render.comparison.wording import field_lines, place
from stepwell.model import WORKSPACE_ID
from stepwell.model.layer import Layer
from stepwell.model.settings import Project, open_project
from stepwell.resolve.view import View
from stepwell.review.comparison import What
from stepwell.review.history import Trace, trace
from stepwell.source.diagnostic import rebased
from stepwell.source.errors import RevisionError
from stepwell.source.escape_control import visible
from stepwell.source.git import literal, touching
from stepwell.source.spelling import suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stepwell.review.comparison import DefinitionChange
    from stepwell.review.history import Trace, Traced
    from stepwell.source.diagnostic import Diagnostic

    Paint = Callable[[str, str], str]


_BECAUSE: Final = {"alias": "alias", "replaced_by": "its `replaced_by`", "file": "renamed file"}


def to_lines(traced: Trace, title: str, *, color: bool, verbose: bool) -> Iterator[str]:
    """Yield each commit with its changes, preceded by a blank line.

    Args:
       color: whether to use ANSI colours.
    """

    def paint(text: str, code: str) -> str:
        return painted(text, code, color=color)

    yield f"{visible(traced.names[0])} in {title}"
    for entry in traced.entries:
        yield from ("", _head(entry, paint), *_body(entry, paint, verbose=verbose))
    if not traced.entries:
        yield from ("", "no commits changed it")
    if traced.has_more:
        yield from ("", "older commits may exist: use a larger -n")
    if traced.cut_off:
        yield ""
        yield f"shallow clone: no history before {traced.cut_off[:10]} (run `git fetch --unshallow`)"


def _head(traced: Traced, paint: Paint) -> str:
    commit = traced.commit
    text = "uncommitted"
    if commit is not None:
        text = f"{commit.short}  {commit.date[:10]}  {visible(commit.author)}  {visible(commit.subject)}"
    first, _, rest = text.partition("  ")
    return f"{paint(first, '33')}{'  ' if rest else ''}{rest}"


def _body(traced: Traced, paint: Paint, *, verbose: bool) -> list[str]:
    state = "in the working tree" if traced.commit is None else f"at {traced.commit.short}"
    lines = [f"  could not be read {state}: {_unread(finding)}" for finding in traced.unread]
    change = traced.change
    if change is None:
        return lines
    where = _of(change)
    if change.what is What.ADDED:
        lines.append(f"  added  {where}")
    elif change.what is What.REMOVED:
        lines.append(f"  removed  {where}")
    elif change.what is What.RENAMED:
        because = _BECAUSE[change.because or "alias"]
        lines.append(f"  renamed from {visible(change.old_name or '')} ({because})  {where}")
    if change.what in (What.CHANGED, What.RENAMED) or verbose:
        lines += (f"  {line}" for line in field_lines(change.fields, change.what, paint, where))
    return lines


def _of(change: DefinitionChange) -> str:
    """Return the location of the definition."""
    span = change.new_place or change.old_place
    return place(span) if span is not None else ""


def _unread(finding: Diagnostic) -> str:
    place = (
        f"{visible(finding.span.path)}:{finding.span.line}:{finding.span.column}: " if finding.span else ""
    )
    return f"{place}{visible(finding.message)}"


_EXAMPLE = """\b
Examples:
  stepwell log XGBoostTraining
  stepwell log XGBoostTraining --workspace alice -n 5
  stepwell log XGBoostTraining release-1.4 --format json
"""


@click.command("log", epilog=_EXAMPLE, short_help="Show the commits that changed a step.")
@click.argument("step", shell_complete=complete_step)
@click.argument("revision", metavar="[REV]", required=False)
@workspace_option("Use the view of this workspace (default: core).")
@click.option("-n", "limit", metavar="N", type=click.IntRange(min=1), help="Show only the N newest commits.")
@format_option("text", "json")
@project_options
def command(
    step: str,
    revision: str | None,
    workspace: str | None,
    limit: int | None,
    form: str,
    common: CommonOptions,
) -> int:
    """Show the commits that changed a step in a view, newest first.

    Commits that only move or reformat a definition, or convert an old Python table to a file, are not shown;
    neither are merges, unless the merge itself changed the step. Renames are followed through aliases,
    `replaced_by` and Git's rename detection. Uncommitted changes come first, unless REV sets the start.

    Commits are found by the names of the step's files. Plugins, links and submodules are not followed.
    """
    here = Here(common)
    project = open_project(here.root)
    repository = here.repository
    start = _start(here, revision)
    today = date.today()  # noqa: DTZ011 - the user's local date
    workspace = project.settings.workspace if workspace is None else workspace
    if workspace and not _has_workspace(project, workspace):
        _refuse_unknown_workspace(here, project, workspace, start)

    def walk(name: str, stems: tuple[str, ...] = ()) -> Trace:
        return with_progress(
            common,
            lambda progress: trace(
                repository,
                project,
                name,
                workspace or None,
                start,
                today,
                working=project.tree if revision is None else None,
                stems=stems,
                limit=limit,
                progress=progress,
            ),
        )

    traced = walk(step)
    if not traced.is_served:
        served = _served_today(common, step, workspace)
        again = walk(*served) if served is not None else traced
        traced = again if again.is_known else traced
        if not traced.is_known:
            raise click.UsageError(_unknown(common, step, workspace, revision, traced))
    if form == "json":
        from stepwell.frontends.render.output.history import log_output

        write_json(log_output(traced, workspace or None))
    else:
        title = f"workspace {workspace}" if workspace else "the core"
        lines = to_lines(
            rebased(traced, here.root, os.getcwd()), title, color=color_wanted(), verbose=common.verbose
        )
        sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


def _start(here: Here, revision: str | None) -> str | None:
    if revision is not None:
        return here.repository.commit(revision)
    try:
        return here.repository.commit("HEAD")
    except RevisionError:  # no commits yet
        return None


def _has_workspace(project: Project, workspace: str) -> bool:
    path = f"{project.root}/{project.settings.workspaces}/{workspace}"
    return re.fullmatch(WORKSPACE_ID, workspace) is not None and os.path.isdir(path)


def _refuse_unknown_workspace(here: Here, project: Project, workspace: str, start: str | None) -> None:
    """Reject a workspace that exists neither in the project nor in its history."""
    folder = project.settings.workspaces
    past = f"{literal(folder)}/{literal(workspace)}/**"
    is_id = re.fullmatch(WORKSPACE_ID, workspace) is not None
    if is_id and start is not None and touching(here.repository, start, [past]):
        return
    try:
        there = sorted(entry.name for entry in project.tree.scan(folder))
    except OSError:
        there = []
    hint = suggest(workspace, there) or "not in the project or its history"
    raise click.UsageError(f"unknown workspace: {visible(workspace)} ({hint})")


def _served_today(
    common: CommonOptions, name: str, workspace: str | None
) -> tuple[str, tuple[str, ...]] | None:
    """Return the current step with a name or alias, and the stems of its files.

    Raises:
       UsageError: the step comes from a plugin.
    """
    view = _view_today(common, workspace)
    step = view.get(name)
    if step is None:
        return None
    own = [source for source in step.sources if source.layer not in (Layer.PLUGIN, Layer.RUNTIME)]
    if not own:
        raise click.UsageError(f"`{step.name}` comes from a plugin, whose history is not in this project")
    paths = (source.document.path for source in own)
    return step.name, tuple(path.rpartition("/")[2].rpartition(".")[0] for path in paths)


def _unknown(
    common: CommonOptions, name: str, workspace: str | None, revision: str | None, traced: Trace
) -> str:
    """Return the message for an unknown step, with suggestions."""
    view = _view_today(common, workspace)
    past = "the history" if revision is None else f"the history up to `{visible(revision)}`"
    if traced.cut_off:
        past += f" (a shallow clone, cut off at {traced.cut_off[:10]}; run `git fetch --unshallow`)"
    if view.get(name) is not None:
        return f"{past} has no step `{visible(name)}`: it was added later"
    hint = suggest(name, view, 3) or "run `stepwell list` for a list"
    return f"neither {view.title} nor {past} has a step `{visible(name)}` ({hint})"


def _view_today(common: CommonOptions, workspace: str | None) -> View:
    registry = open_registry(common)
    return registry.view(workspace if workspace in registry.workspaces else None)
