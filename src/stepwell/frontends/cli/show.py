"""``stepwell show``: one step as a view serves it."""

from __future__ import annotations

import sys
from datetime import date

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    complete_step,
    format_option,
    open_registry,
    open_view,
    project_options,
    shows_unicode,
    step_of,
    with_progress,
    workspace_option,
    write_json,
)
from stepwell.model import StepDefinition
from stepwell.source.errors import ProjectError, UnknownStep, UnknownWorkspace
from stepwell.source.spelling import did_you_mean
from stepwell.source.wording import counted

_EXAMPLE = """\b
Examples:
  stepwell show XGBoostTraining
  stepwell show XGBoostTraining --workspace alice --format json
  stepwell show XGBoostTraining --at main~3
"""


@click.command("show", epilog=_EXAMPLE, short_help="Show a step with every field filled in.")
@click.argument("step", shell_complete=complete_step)
@workspace_option("Whose view; the core's when left out.")
@click.option("--at", "revision", metavar="REV", help="As this git revision served it, without plugins.")
@format_option("yaml", "json")
@project_options
def command(step: str, workspace: str | None, revision: str | None, form: str, asked: CommonOptions) -> int:
    """Show a step with every field filled in, by name or by an alias.

    With --at, show it as a git revision served it; before there were definitions, as its old Python table
    has it.
    """
    if revision is None:
        definition = step_of(*open_view(asked, workspace), step)
    else:
        definition = _at(asked, workspace, revision, step)
    record = definition.to_dict()
    if form == "json":
        write_json(record)
    else:
        from stepwell.source.yaml_writer import to_yaml

        sys.stdout.write(to_yaml(record, ascii_only=not shows_unicode()))
    return 0


def _at(asked: CommonOptions, workspace: str | None, revision: str, name: str) -> StepDefinition:
    """A step as a revision served it.

    Raises:
        RevisionError: when there is no such revision.
        ProjectError: when it holds no registry.
        UsageError: when it has no such workspace or step; the message tells whether it exists today.
    """
    from stepwell.frontends.cli.states import Here
    from stepwell.review import read_state
    from stepwell.source.git import open_revision

    here = Here(asked)
    tree = open_revision(here.repository, revision)
    today = date.today()  # noqa: DTZ011 - the user's own day, as everywhere
    state = with_progress(asked, lambda tell: read_state(tree.title, here.root, tree, today, progress=tell))
    snapshot = state.loaded.snapshot
    whose = state.loaded.project.settings.workspace if workspace is None else workspace
    try:
        view = snapshot.view(whose or None)
    except UnknownWorkspace as error:
        hint = did_you_mean(error.suggestions) or f"it had {', '.join(snapshot.workspaces) or 'none'}"
        raise click.UsageError(f"there was no workspace {whose} at {tree.title} ({hint})") from None
    broken = len(state.errors)
    if broken and not asked.quiet:
        errors = counted(broken, "error")
        click.echo(f"{tree.title} has {errors}, and what has one is left out", err=True)
    try:
        return view[name]
    except UnknownStep as error:
        hints = [did_you_mean(error.suggestions), _today(asked, whose, name)]
        told = "; ".join(hint for hint in hints if hint) or "`stepwell log` tells the history of a step"
        raise click.UsageError(
            f"there was no step `{name}` in {view.title} at {tree.title} ({told})"
        ) from None


def _today(asked: CommonOptions, workspace: str, name: str) -> str:
    """Whether a step exists today, in words; empty where it does not, or no project is here."""
    try:
        registry = open_registry(asked)
    except ProjectError:
        return ""
    view = registry.view(workspace if workspace in registry.workspaces else None)
    return f"{view.title} has it today" if view.get(name) is not None else ""
