"""A pipeline of the catalog, as ``stepwell pipeline new --from`` copies it into a project."""

from __future__ import annotations

import sys
from datetime import date

import click
from click.shell_completion import CompletionItem

from stepwell.cli.pipeline.asking import complete_pipeline
from stepwell.cli.workspace.sharing import tell
from stepwell.live.registry import Registry
from stepwell.resolve.plugins import find_plugins
from stepwell.resolve.view import View
from stepwell.source.escape_control import visible
from stepwell.source.spelling import closest

__all__ = ["complete_from", "is_in_catalog", "write_from_catalog"]


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
        name: the pipeline, which the view has not.

    Raises:
        UsageError: nobody has it, and the catalog has one of nearly this name.
    """
    from stepwell.write.scaffold import open_catalog

    pipelines = open_catalog(date.today).view(None).pipelines
    views = [registry.view(one) for one in (None, *registry.workspaces)]
    own = tuple(one for view in views for one in view.pipelines)
    near = closest(name, pipelines)
    if name not in (*pipelines, *own) and near and not closest(name, own):
        raise click.UsageError(f"there is no pipeline `{visible(name)}` (did you mean `{near[0]}`?)")
    return name in pipelines


def write_from_catalog(registry: Registry, view: View, name: str, source: str, *, quiet: bool) -> int:
    """Copy a pipeline of the catalog, its steps and their scripts into the project.

    A step that the project has itself is kept. All is checked first, and nothing is overwritten.

    Args:
        registry: of the project.
        view: who gets it.
        name: what the pipeline is to be called.
        source: what the catalog calls it.
        quiet: leave out what is not asked for.

    Returns:
        The exit code: 1 when the checks find an error.

    Raises:
        UsageError: a name or a file is taken.
    """
    from stepwell.write.migrate import Busy, write_whole
    from stepwell.write.scaffold import NotWritten, copy_pipeline, open_catalog, plan

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
        write_whole(project.root, list(copied.files.items()))
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
