"""``stepwell show``: show a step of a view."""

from __future__ import annotations

import sys
from datetime import date
from typing import TYPE_CHECKING

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    cache_flags,
    complete_step,
    format_option,
    open_names,
    open_registry,
    project_options,
    shows_unicode,
    step_of,
    with_progress,
    workspace_option,
    write_json,
)
from stepwell.source.errors import ProjectError, UnknownStep, UnknownWorkspace
from stepwell.source.escape_control import visible
from stepwell.source.wording import counted

if TYPE_CHECKING:
    from stepwell.model import StepDefinition

_EXAMPLE = """\b
Examples:
  stepwell show XGBoostTraining
  stepwell show XGBoostTraining --workspace alice --format json
  stepwell show XGBoostTraining --at main~3
"""


@click.command("show", epilog=_EXAMPLE, short_help="Show a step with all its fields.")
@click.argument("step", shell_complete=complete_step)
@workspace_option("Use the view of this workspace (default: core).")
@click.option("--at", "revision", metavar="REV", help="Show the step at this Git revision, without plugins.")
@format_option("yaml", "json")
@cache_flags
@project_options
def command(step: str, workspace: str | None, revision: str | None, form: str, common: CommonOptions) -> int:
    """Show a step with all its fields, by name or alias.

    With --at, show it at a Git revision; for revisions without definitions, the old Python table is read.
    """
    if revision is None:
        _, _, (definition,) = open_names(common, workspace, step_of, step, published=True)
    else:
        definition = _at(common, workspace, revision, step)
    record = definition.to_dict()
    if form == "json":
        write_json(record)
    else:
        from stepwell.source.yaml_writer import to_yaml

        sys.stdout.write(to_yaml(record, ascii_only=not shows_unicode()))
    return 0


def _at(common: CommonOptions, workspace: str | None, revision: str, name: str) -> StepDefinition:
    """Return a step of a revision.

    Raises:
       RevisionError: the revision does not exist.
       ProjectError: the revision has no registry.
       UsageError: the revision has no such workspace or step.
    """
    from stepwell.frontends.cli.states import Here
    from stepwell.review import read_state
    from stepwell.source.git import open_revision
    from stepwell.source.spelling import did_you_mean

    here = Here(common)
    tree = open_revision(here.repository, revision)
    today = date.today()  # noqa: DTZ011 - the user's local date
    state = with_progress(
        common, lambda progress: read_state(tree.title, here.root, tree, today, progress=progress)
    )
    snapshot = state.loaded.snapshot
    whose = state.loaded.project.settings.workspace if workspace is None else workspace
    try:
        view = snapshot.view(whose or None)
    except UnknownWorkspace as error:
        hint = did_you_mean(error.suggestions) or f"available: {', '.join(snapshot.workspaces) or 'none'}"
        raise click.UsageError(f"no workspace {whose} at {tree.title} ({hint})") from None
    broken = len(state.errors)
    if broken and not common.quiet:
        errors = counted(broken, "error")
        click.echo(f"{errors} at {visible(tree.title)}; invalid definitions are skipped", err=True)
    try:
        return view[name]
    except UnknownStep as error:
        hints = [did_you_mean(error.suggestions), _today(common, whose, name)]
        advice = "; ".join(hint for hint in hints if hint) or "run `stepwell log` for the history of a step"
        raise click.UsageError(f"no step `{name}` in {view.title} at {tree.title} ({advice})") from None


def _today(common: CommonOptions, workspace: str, name: str) -> str:
    """Return a hint if the step exists today, else an empty string."""
    try:
        registry = open_registry(common)
    except ProjectError:
        return ""
    view = registry.view(workspace if workspace in registry.workspaces else None)
    return f"it exists in {view.title} today" if view.get(name) is not None else ""
