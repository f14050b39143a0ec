"""``stepwell new``: check and write the definition of a step."""

from __future__ import annotations

import sys
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    Mistakes,
    complete_step,
    displayed_path,
    finding_lines,
    open_registry,
    project_options,
    step_of,
    view_of,
    workspace_option,
)
from stepwell.live.registry import Registry
from stepwell.resolve.plugins import find_plugins
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Severity
from stepwell.source.errors import ProjectError
from stepwell.source.escape_control import visible

if TYPE_CHECKING:
    from stepwell.write.scaffold.plan import ScaffoldPlan

_EXAMPLE = """\b
Examples:
  stepwell new DataCleaning --set sagemaker_step_type=Processing --set description="Drop bad rows."
  stepwell new DeepTraining --like XGBoostTraining --set framework=pytorch
  stepwell new Scoring --code --workspace alice
  stepwell new Scoring --workspace alice --set environment_tags=gpu,production
"""


@click.command("new", epilog=_EXAMPLE, short_help="Create the definition of a step.")
@click.argument("step")
@click.option(
    "--like",
    metavar="OTHER",
    shell_complete=complete_step,
    help="Copy the fields of this step, except name, aliases and deprecation.",
)
@workspace_option("Create it in the local layer of this workspace (default: core).", from_environment=False)
@click.option(
    "--set",
    "fields",
    metavar="FIELD=VALUE",
    multiple=True,
    help="Set a field (repeatable). Write a list as `a,b` and a nested field as `deprecated.since=1.4`; "
    "an empty value omits the field.",
)
@click.option(
    "--code",
    is_flag=True,
    help="Also create its configuration, builder, script, contract and test, which work as they are.",
)
@project_options
def command(
    step: str,
    like: str | None,
    workspace: str | None,
    fields: tuple[str, ...],
    code: bool,
    common: CommonOptions,
) -> int:
    """Create the definition file of STEP in the conventional folder under the conventional name.

    The definition is checked first, together with the rest of the project. A definition with errors is not
    written, and existing files are never overwritten. The exit code is 1 if the check finds an error.
    """
    registry = open_registry(common)
    project = registry.project
    if any(finding.severity is Severity.ERROR for finding in project.diagnostics):
        raise ProjectError("the configuration has errors, nothing was written (run `stepwell check`)")
    from stepwell.write.scaffold import NotWritten, assigned, plan_step

    mistakes = Mistakes()
    view = mistakes.collect(view_of, registry, workspace)
    example = mistakes.collect(step_of, registry, view, like) if like is not None else None
    for item in fields:
        mistakes.collect(assigned, item)
    try:
        mistakes.report()
    except NotWritten as error:
        raise click.UsageError(visible(str(error))) from None

    if code:
        if example is not None:
            raise click.UsageError("--code cannot be used with --like")
        return _write_with_code(registry, view, step, fields, common)
    try:
        new = plan_step(project, view, step, example, fields)
    except NotWritten as error:
        raise click.UsageError(visible(str(error))) from None
    from stepwell.write.edit.format import formatted

    planned = write_new(registry, new.path, formatted(new.path, new.text.encode(), "step").decode())
    if planned is None:
        return 1
    if not common.quiet:
        option = f" --workspace {view.workspace}" if view.workspace is not None else ""
        sys.stdout.write(f"next: stepwell explain {step}{option}\n")
    return 0


def _write_with_code(
    registry: Registry, view: View, step: str, fields: tuple[str, ...], common: CommonOptions
) -> int:
    """Check and write a step with its code; nothing is written if a file exists or has an error."""
    from stepwell.model import schema
    from stepwell.write.edit.engine import EditRefused, edited
    from stepwell.write.edit.text import Remove, Set
    from stepwell.write.scaffold import NotWritten, assigned, plan, plan_code
    from stepwell.write.transaction import Busy, write_files

    project = registry.project
    try:
        path, files = plan_code(project, registry.snapshot, view, step)
        for pointer, value in map(assigned, fields):
            change = Remove(pointer) if value is None else Set(pointer, value)
            files[path] = edited(path, files[path], [change], schema.fields("step"))
    except (NotWritten, EditRefused) as error:
        raise click.UsageError(visible(str(error))) from None
    today = date.today()  # noqa: DTZ011 - the user's local date
    planned = plan(project, registry.diagnostics, files, today, find_plugins, view.workspace)
    sys.stdout.writelines(f"{line}\n" for line in finding_lines(planned.diagnostics, project))
    if not planned.is_sound:
        sys.stdout.write(f"{visible(step)} was not written\n")
        return 1
    try:
        written = write_files(project.root, files, overwrite=False)
    except Busy:
        raise click.UsageError(
            "another command is writing to this project; try again when it has finished"
        ) from None
    except ValueError as error:
        raise click.UsageError(visible(str(error))) from None
    sys.stdout.writelines(f"wrote {visible(displayed_path(project.root, name))}\n" for name in written)
    if not common.quiet:
        test = next((name for name in written if "/test_" in f"/{name}"), "")
        sys.stdout.write(f"next: python -m unittest {displayed_path(project.root, test)}\n" if test else "")
    return 0


def write_new(registry: Registry, path: str, text: str, later: Collection[str] = ()) -> ScaffoldPlan | None:
    """Check a new definition and write it if it has no errors.

    Args:
       path: the new file, relative to the project.
       later: ids of errors that do not prevent writing.
    """
    from stepwell.source.atomic_write import write_atomically
    from stepwell.write.scaffold import plan

    project = registry.project
    today = date.today()  # noqa: DTZ011 - the user's local date
    planned = plan(project, registry.diagnostics, {path: text.encode()}, today, find_plugins, None)
    sys.stdout.writelines(f"{line}\n" for line in finding_lines(planned.diagnostics, project))
    if any(finding.severity is Severity.ERROR and finding.id not in later for finding in planned.diagnostics):
        sys.stdout.write(f"{visible(path)} was not written\n")
        return None
    try:
        write_atomically(Path(project.root, path), text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(f"{visible(path)} cannot be written: {reason}") from None
    sys.stdout.write(f"wrote {visible(displayed_path(project.root, path))}\n")
    return planned
