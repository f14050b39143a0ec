"""``stepwell pipeline new``: one definition of a pipeline, checked before it is written."""

from __future__ import annotations

import sys
from datetime import date

import click
from click.shell_completion import CompletionItem

from stepwell.frontends.cli.new_step import write_new
from stepwell.frontends.cli.options import (
    CommonOptions,
    open_registry,
    project_options,
    view_of,
    workspace_option,
)
from stepwell.frontends.cli.pipeline.options import complete_pipeline, linked_of
from stepwell.frontends.cli.workspace.options import tell
from stepwell.live.registry import Registry
from stepwell.model.graph import Pipeline
from stepwell.resolve.plugins import find_plugins
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Severity
from stepwell.source.errors import ProjectError
from stepwell.source.escape_control import visible
from stepwell.source.spelling import closest, did_you_mean

__all__ = [
    "complete_from",
    "is_in_catalog",
    "write_from_catalog",
]


def complete_from(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of the view's pipelines and of the catalog's, for the shell."""
    from stepwell.write.scaffold import open_catalog

    here = complete_pipeline(ctx, parameter, incomplete)
    known = {one.value for one in here}
    theirs = (name for name in open_catalog(date.today).view(None).pipelines if name not in known)
    return [*here, *(CompletionItem(name) for name in theirs if name.startswith(incomplete))]


def is_in_catalog(registry: Registry, name: str) -> bool:
    """Whether the catalog has a pipeline of this name.

    Args:
        registry: of the project, which may have one of nearly this name itself.

    Raises:
        UsageError: nobody has it, and the catalog has one of nearly this name.
    """
    from stepwell.write.scaffold import open_catalog

    pipelines = open_catalog(date.today).view(None).pipelines
    views = [registry.view(one) for one in (None, *registry.workspaces)]
    own = tuple(one for view in views for one in view.pipelines)
    near = closest(name, pipelines)
    if name not in (*pipelines, *own) and near and not closest(name, own):
        raise click.UsageError(f"there is no pipeline `{visible(name)}` ({did_you_mean(near)})")
    return name in pipelines


def write_from_catalog(registry: Registry, view: View, name: str, source: str, *, quiet: bool) -> int:
    """Copy a pipeline of the catalog, its steps and their scripts into the project.

    A step that the project has itself is kept. All is checked first, and nothing is overwritten.

    Returns:
        The exit code: 1 when the checks find an error.

    Raises:
        UsageError: a name or a file is taken.
    """
    from stepwell.write.scaffold import NotWritten, copy_pipeline, open_catalog, plan
    from stepwell.write.transaction import Busy, write_files

    project = registry.project
    try:
        copied = copy_pipeline(open_catalog(date.today), registry, view.workspace, source, name)
    except NotWritten as error:
        raise click.UsageError(visible(str(error))) from None
    laid = {path: text.encode() for path, text in copied.files.items()}
    today = date.today()  # noqa: DTZ011 - a date as people see it
    planned = plan(project, registry.diagnostics, laid, today, find_plugins, None)
    sys.stdout.writelines(f"{line}\n" for line in tell(planned.diagnostics))
    if not planned.is_sound:
        sys.stdout.write(f"{visible(copied.pipeline)} is not written\n")
        return 1
    try:
        write_files(project.root, laid)
    except Busy:
        raise click.UsageError("another command writes to this project; wait until it is done") from None
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(f"the pipeline cannot be written: {reason}; nothing was") from None
    if not quiet:
        sys.stdout.writelines(f"kept: {one}, which the project has itself\n" for one in copied.kept)
    sys.stdout.writelines(f"wrote {visible(path)}\n" for path in copied.files)
    if not quiet:
        whose = f" --workspace {view.workspace}" if view.workspace is not None else ""
        sys.stdout.write(f"next: stepwell pipeline run {name}{whose}\n")
    return 0


_EXAMPLE = """\b
Examples:
  stepwell pipeline new TrainOnly --step TabularPreprocessing:training --step XGBoostTraining
  stepwell pipeline new MyTraining --from TrainAndEvaluate --workspace alice
  stepwell pipeline new FraudModel --from XGBoostEndToEnd
"""

_LATER = frozenset({"missing-input"})
"""What is found in a pipeline that is only begun, and keeps none from being written."""


@click.command("new", epilog=_EXAMPLE, short_help="Write the definition of a new pipeline.")
@click.argument("name")
@click.option(
    "--from",
    "like",
    metavar="OTHER",
    shell_complete=complete_from,
    help="Take over the steps of this pipeline, with all that it extends; or copy this one of the catalog "
    "that comes with Stepwell, with the steps and scripts that the project lacks.",
)
@click.option(
    "--step",
    "steps",
    metavar="STEP",
    multiple=True,
    help="Add this step, as `Name`, `Name:job_type` or `workspace:Name`; again for another.",
)
@workspace_option("Who gets it, in its local layer; the core when left out.", from_environment=False)
@project_options
def command(
    name: str, like: str | None, steps: tuple[str, ...], workspace: str | None, asked: CommonOptions
) -> int:
    """Write one file that defines a pipeline NAME, in the folder and with the name that it belongs under.

    What clearly feeds the inputs of its steps is written, too. It is checked first, together with all that
    is there: but for inputs that are still open, nothing is written that brings an error, and nothing is
    overwritten. The exit code is 1 when the checks find an error.
    """
    registry = open_registry(asked)
    project = registry.project
    if any(found.severity is Severity.ERROR for found in project.diagnostics):
        raise ProjectError("the project's configuration has errors, so nothing is written: `stepwell check`")
    view = view_of(registry, workspace)
    if like is not None and like not in view.pipelines and is_in_catalog(registry, like):
        if steps:
            raise click.UsageError("--step cannot be given with a pipeline of the catalog: it has its steps")
        return write_from_catalog(registry, view, name, like, quiet=asked.quiet)
    example = Pipeline.of(linked_of(registry, view, like)) if like is not None else None
    from stepwell.write.scaffold import NotWritten, plan_pipeline

    try:
        new = plan_pipeline(project, view, registry.view, registry.among, name, example, steps)
    except NotWritten as error:
        raise click.UsageError(visible(str(error))) from None
    planned = write_new(registry, new.path, new.text, _LATER)
    if planned is None:
        return 1
    if not asked.quiet:
        whose = f" --workspace {view.workspace}" if view.workspace is not None else ""
        sys.stdout.write(f"next: stepwell pipeline show {name}{whose}\n")
    return int(not planned.is_sound)
