"""``stepwell pipeline new``: check and write the definition of a pipeline."""

from __future__ import annotations

import sys
from datetime import date

import click
from click.shell_completion import CompletionItem

from stepwell.frontends.cli.new_step import write_new
from stepwell.frontends.cli.options import (
    CommonOptions,
    displayed_path,
    open_registry,
    project_options,
    tell,
    view_of,
    workspace_option,
)
from stepwell.frontends.cli.pipeline.options import complete_pipeline, linked_of
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
    """Complete names of pipelines of the view and the catalog."""
    from stepwell.write.scaffold import open_catalog

    here = complete_pipeline(ctx, parameter, incomplete)
    known = {item.value for item in here}
    theirs = (name for name in open_catalog(date.today).view(None).pipelines if name not in known)
    return [*here, *(CompletionItem(name) for name in theirs if name.startswith(incomplete))]


def is_in_catalog(registry: Registry, name: str) -> bool:
    """Return whether the catalog has a pipeline with this name.

    Raises:
       UsageError: neither project nor catalog has it, but the catalog has a similar name.
    """
    from stepwell.write.scaffold import open_catalog

    pipelines = open_catalog(date.today).view(None).pipelines
    views = [registry.view(item) for item in (None, *registry.workspaces)]
    own = tuple(pipeline for view in views for pipeline in view.pipelines)
    near = closest(name, pipelines)
    if name not in (*pipelines, *own) and near and not closest(name, own):
        raise click.UsageError(f"unknown pipeline `{visible(name)}` ({did_you_mean(near)})")
    return name in pipelines


def write_from_catalog(registry: Registry, view: View, name: str, source: str, *, quiet: bool) -> int:
    """Copy a pipeline of the catalog, its steps and their scripts into the project.

    Steps that the project already has are kept. Everything is checked first, and nothing is overwritten.

    Returns:
       The exit code: 1 if the check finds an error.

    Raises:
       UsageError: a name or a file already exists.
    """
    from stepwell.write.scaffold import NotWritten, copy_pipeline, open_catalog, plan
    from stepwell.write.transaction import Busy, write_files

    project = registry.project
    try:
        copied = copy_pipeline(open_catalog(date.today), registry, view.workspace, source, name)
    except NotWritten as error:
        raise click.UsageError(visible(str(error))) from None
    laid = {path: text.encode() for path, text in copied.files.items()}
    today = date.today()  # noqa: DTZ011 - the user's local date
    planned = plan(project, registry.diagnostics, laid, today, find_plugins, None)
    sys.stdout.writelines(f"{line}\n" for line in tell(planned.diagnostics, project))
    if not planned.is_sound:
        sys.stdout.write(f"{visible(copied.pipeline)} was not written\n")
        return 1
    try:
        write_files(project.root, laid)
    except Busy:
        raise click.UsageError(
            "another command is writing to this project; try again when it has finished"
        ) from None
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(f"the pipeline cannot be written: {reason}; nothing was written") from None
    if not quiet:
        sys.stdout.writelines(f"kept: {item} (already in the project)\n" for item in copied.kept)
    sys.stdout.writelines(
        f"wrote {visible(displayed_path(registry.project.root, path))}\n" for path in copied.files
    )
    if not quiet:
        option = f" --workspace {view.workspace}" if view.workspace is not None else ""
        sys.stdout.write(f"next: stepwell pipeline run {name}{option}\n")
    return 0


_EXAMPLE = """\b
Examples:
  stepwell pipeline new TrainOnly --step TabularPreprocessing:training --step XGBoostTraining
  stepwell pipeline new MyTraining --from TrainAndEvaluate --workspace alice
  stepwell pipeline new FraudModel --from XGBoostEndToEnd
"""

_LATER = frozenset({"missing-input", "unconnected-inputs"})
"""Errors of incomplete pipelines, which do not prevent writing."""


@click.command("new", epilog=_EXAMPLE, short_help="Create the definition of a pipeline.")
@click.argument("name")
@click.option(
    "--from",
    "like",
    metavar="OTHER",
    shell_complete=complete_from,
    help="Copy the steps of this pipeline, including everything it extends; or copy a pipeline of Stepwell's "
    "catalog, with the steps and scripts that the project lacks.",
)
@click.option(
    "--step",
    "steps",
    metavar="STEP",
    multiple=True,
    help="Add this step, as `Name`, `Name:job_type` or `workspace:Name` (repeatable).",
)
@workspace_option("Create it in the local layer of this workspace (default: core).", from_environment=False)
@project_options
def command(
    name: str, like: str | None, steps: tuple[str, ...], workspace: str | None, common: CommonOptions
) -> int:
    """Create the definition file of the pipeline NAME in the conventional folder under the conventional name.

    Inputs of its steps with an unambiguous source are connected. The definition is checked first, together
    with the rest of the project: apart from unconnected inputs, a definition with errors is not written, and
    existing files are never overwritten. The exit code is 1 if the check finds an error.
    """
    registry = open_registry(common)
    project = registry.project
    if any(finding.severity is Severity.ERROR for finding in project.diagnostics):
        raise ProjectError("the configuration has errors, nothing was written (run `stepwell check`)")
    view = view_of(registry, workspace)
    if like is not None and like not in view.pipelines and is_in_catalog(registry, like):
        if steps:
            raise click.UsageError("--step cannot be used with a pipeline of the catalog")
        return write_from_catalog(registry, view, name, like, quiet=common.quiet)
    example = Pipeline.of(linked_of(registry, view, like)) if like is not None else None
    from stepwell.write.scaffold import NotWritten, plan_pipeline

    try:
        new = plan_pipeline(project, view, registry.view, registry.among, name, example, steps)
    except NotWritten as error:
        raise click.UsageError(visible(str(error))) from None
    planned = write_new(registry, new.path, new.text, _LATER)
    if planned is None:
        return 1
    if not common.quiet:
        option = f" --workspace {view.workspace}" if view.workspace is not None else ""
        sys.stdout.write(f"next: stepwell pipeline show {name}{option}\n")
    return int(not planned.is_sound)
