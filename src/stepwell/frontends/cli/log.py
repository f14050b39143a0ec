"""``stepwell log``: every commit that changed what a view serves of a step."""

from __future__ import annotations

import os
import re
import sys
from datetime import date

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
from stepwell.frontends.render.history import to_lines
from stepwell.model import WORKSPACE_ID
from stepwell.model.layer import Layer
from stepwell.model.settings import Project, open_project
from stepwell.resolve.view import View
from stepwell.review.history import Trace, trace
from stepwell.source.errors import RevisionError
from stepwell.source.escape_control import visible
from stepwell.source.git import literal, touching
from stepwell.source.spelling import suggest

_EXAMPLE = """\b
Examples:
  stepwell log XGBoostTraining
  stepwell log XGBoostTraining --workspace alice -n 5
  stepwell log XGBoostTraining release-1.4 --format json
"""


@click.command("log", epilog=_EXAMPLE, short_help="Show every commit that changed a step.")
@click.argument("step", shell_complete=complete_step)
@click.argument("revision", metavar="[REV]", required=False)
@workspace_option("Whose view; the core's when left out.")
@click.option(
    "-n", "limit", metavar="N", type=click.IntRange(min=1), help="Tell only the N newest of the commits."
)
@format_option("text", "json")
@project_options
def command(
    step: str, revision: str | None, workspace: str | None, limit: int | None, form: str, asked: CommonOptions
) -> int:
    """Show every commit that changed what a view serves of a step, newest first.

    A commit that only moves a definition, writes it in other words, or brings it from an old Python table
    into a file changes nothing and is not shown; of a merge, only what it did itself. Renames are
    followed where an alias, `replaced_by` or git's own rename of the file tells of one. What is not
    committed comes first, unless REV says where to begin.

    Commits are found by the names of the step's files. Plugins, links and submodules are not followed.
    """
    here = Here(asked)
    project = open_project(here.root)
    repository = here.repository
    start = _start(here, revision)
    today = date.today()  # noqa: DTZ011 - the user's own day, as everywhere
    workspace = project.settings.workspace if workspace is None else workspace
    if workspace and not _has_workspace(project, workspace):
        _refuse_unknown_workspace(here, project, workspace, start)

    def walk(name: str, stems: tuple[str, ...] = ()) -> Trace:
        return with_progress(
            asked,
            lambda tell: trace(
                repository,
                project,
                name,
                workspace or None,
                start,
                today,
                working=project.tree if revision is None else None,
                stems=stems,
                limit=limit,
                progress=tell,
            ),
        )

    found = walk(step)
    if not found.is_served:
        served = _served_today(asked, step, workspace)
        again = walk(*served) if served is not None else found
        found = again if again.is_known else found
        if not found.is_known:
            raise click.UsageError(_unknown(asked, step, workspace, revision, found))
    if form == "json":
        from stepwell.frontends.render.output.history import log_output

        write_json(log_output(found, workspace or None))
    else:
        title = f"workspace {workspace}" if workspace else "the core"
        told = to_lines(found, title, color=color_wanted(), verbose=asked.verbose)
        sys.stdout.writelines(f"{line}\n" for line in told)
    return 0


def _start(here: Here, revision: str | None) -> str | None:
    if revision is not None:
        return here.repository.commit(revision)
    try:
        return here.repository.commit("HEAD")
    except RevisionError:  # nothing is committed yet
        return None


def _has_workspace(project: Project, workspace: str) -> bool:
    path = f"{project.root}/{project.settings.workspaces}/{workspace}"
    return re.fullmatch(WORKSPACE_ID, workspace) is not None and os.path.isdir(path)


def _refuse_unknown_workspace(here: Here, project: Project, workspace: str, start: str | None) -> None:
    """Refuse a workspace that is neither here nor in the history."""
    folder = project.settings.workspaces
    past = f"{literal(folder)}/{literal(workspace)}/**"
    is_id = re.fullmatch(WORKSPACE_ID, workspace) is not None
    if is_id and start is not None and touching(here.repository, start, [past]):
        return
    try:
        there = sorted(entry.name for entry in project.tree.scan(folder))
    except OSError:
        there = []
    hint = suggest(workspace, there) or "neither the project nor its history has it"
    raise click.UsageError(f"unknown workspace: {visible(workspace)} ({hint})")


def _served_today(
    asked: CommonOptions, name: str, workspace: str | None
) -> tuple[str, tuple[str, ...]] | None:
    """The step that a name or alias stands for today, and what its files are called.

    Raises:
        UsageError: when a plugin brings it.
    """
    view = _view_today(asked, workspace)
    step = view.get(name)
    if step is None:
        return None
    own = [source for source in step.sources if source.layer not in (Layer.PLUGIN, Layer.RUNTIME)]
    if not own:
        raise click.UsageError(f"`{step.name}` comes from a plugin, whose history is not in this project")
    paths = (source.document.path for source in own)
    return step.name, tuple(path.rpartition("/")[2].rpartition(".")[0] for path in paths)


def _unknown(
    asked: CommonOptions, name: str, workspace: str | None, revision: str | None, found: Trace
) -> str:
    """That nothing in the history is called so, and what may be meant."""
    view = _view_today(asked, workspace)
    past = "the history" if revision is None else f"the history up to `{visible(revision)}`"
    if found.cut_off:
        past += f", which this shallow clone cuts off at {found.cut_off[:10]} (`git fetch --unshallow`),"
    if view.get(name) is not None:
        return f"{past} has no step `{visible(name)}`: it came later"
    hint = suggest(name, view, 3) or "`stepwell list` shows all"
    return f"neither {view.title} nor {past} has a step `{visible(name)}` ({hint})"


def _view_today(asked: CommonOptions, workspace: str | None) -> View:
    registry = open_registry(asked)
    return registry.view(workspace if workspace in registry.workspaces else None)
