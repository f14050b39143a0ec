"""A pipeline of the catalog, as ``stepwell pipeline new --from`` copies it into a project."""

from __future__ import annotations

import sys
from datetime import date

import click
from click.shell_completion import CompletionItem

from stepwell.cli.opening import Asked, open_registry, view_of
from stepwell.cli.workspace.sharing import tell
from stepwell.diagnostics import Severity
from stepwell.errors import ProjectError
from stepwell.plugins import find_plugins
from stepwell.render.visible import visible

__all__ = ["complete_catalog", "write_from_catalog"]


def complete_catalog(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of the catalog's pipelines for the shell."""
    from stepwell.scaffolding import open_catalog

    names = open_catalog(date.today).view(None).pipelines
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def write_from_catalog(asked: Asked, name: str, source: str, workspace: str | None) -> int:
    """Copy a pipeline of the catalog, its steps and their scripts into the project.

    A step that the project has itself is kept. All is checked first, and nothing is overwritten.

    Args:
        asked: what the shared options say.
        name: what the pipeline is to be called.
        source: what the catalog calls it.
        workspace: who gets it; empty or ``None`` for the core.

    Returns:
        The exit code: 1 when the checks find an error.

    Raises:
        UsageError: there is no such pipeline, or a name or a file is taken.
        ProjectError: the project's configuration has errors.
    """
    from stepwell.importing import Busy, write_whole
    from stepwell.scaffolding import NotWritten, copy_pipeline, open_catalog, plan

    registry = open_registry(asked)
    project = registry.project
    if any(found.severity is Severity.ERROR for found in project.diagnostics):
        raise ProjectError("the project's configuration has errors, so nothing is written: `stepwell check`")
    view = view_of(registry, workspace)
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
    if not asked.quiet:
        sys.stdout.writelines(f"kept: {one}, which the project has itself\n" for one in copied.kept)
    sys.stdout.writelines(f"wrote {visible(path)}\n" for path in copied.files)
    if not asked.quiet:
        whose = f" --workspace {view.workspace}" if view.workspace is not None else ""
        sys.stdout.write(f"next: stepwell pipeline run {name}{whose}\n")
    return 0
