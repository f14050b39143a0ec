"""``stepwell new``: one definition of a step, checked before it is written."""

from __future__ import annotations

import sys
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    complete_step,
    open_registry,
    project_options,
    step_of,
    view_of,
    workspace_option,
)
from stepwell.frontends.cli.workspace.options import tell
from stepwell.live.registry import Registry
from stepwell.resolve.plugins import find_plugins
from stepwell.source.diagnostic import Severity
from stepwell.source.errors import ProjectError
from stepwell.source.escape_control import visible

if TYPE_CHECKING:
    from stepwell.write.scaffold.plan import ScaffoldPlan

_EXAMPLE = """\b
Examples:
  stepwell new DataCleaning --set sagemaker_step_type=Processing --set description="Drop bad rows."
  stepwell new DeepTraining --like XGBoostTraining --set framework=pytorch
  stepwell new Scoring --workspace alice --set environment_tags=gpu,production
"""


@click.command("new", epilog=_EXAMPLE, short_help="Write the definition of a new step.")
@click.argument("step")
@click.option(
    "--like",
    metavar="OTHER",
    shell_complete=complete_step,
    help="Take over what this step states, but for its name, aliases and deprecation.",
)
@workspace_option("Who gets it, in its local layer; the core when left out.", from_environment=False)
@click.option(
    "--set",
    "said",
    metavar="FIELD=VALUE",
    multiple=True,
    help="State a field; again for another. A list is `a,b`, a field in a mapping `deprecated.since=1.4`; "
    "without a value the field is left out.",
)
@project_options
def command(
    step: str, like: str | None, workspace: str | None, said: tuple[str, ...], asked: CommonOptions
) -> int:
    """Write one file that defines STEP, in the folder and with the name that it belongs under.

    It is checked first, together with all that is there: nothing is written that brings an error, and
    nothing is overwritten. The exit code is 1 when the checks find an error.
    """
    registry = open_registry(asked)
    project = registry.project
    if any(found.severity is Severity.ERROR for found in project.diagnostics):
        raise ProjectError("the project's configuration has errors, so nothing is written: `stepwell check`")
    view = view_of(registry, workspace)
    example = step_of(registry, view, like) if like is not None else None
    from stepwell.write.scaffold import NotWritten, plan_step

    try:
        new = plan_step(project, view, step, example, said)
    except NotWritten as error:
        raise click.UsageError(visible(str(error))) from None
    planned = write_new(registry, new.path, new.text)
    if planned is None:
        return 1
    if not asked.quiet:
        whose = f" --workspace {view.workspace}" if view.workspace is not None else ""
        sys.stdout.write(f"next: stepwell explain {step}{whose}\n")
    return 0


def write_new(registry: Registry, path: str, text: str, later: Collection[str] = ()) -> ScaffoldPlan | None:
    """Check a new definition and write it; nothing is written where it brings an error.

    Args:
        path: the new file, relative to the project.
        later: the ids of errors that somebody may mend later.
    """
    from stepwell.source.atomic_write import write_atomically
    from stepwell.write.scaffold import plan

    project = registry.project
    today = date.today()  # noqa: DTZ011 - a date as people see it
    planned = plan(project, registry.diagnostics, {path: text.encode()}, today, find_plugins, None)
    sys.stdout.writelines(f"{line}\n" for line in tell(planned.diagnostics))
    if any(one.severity is Severity.ERROR and one.id not in later for one in planned.diagnostics):
        sys.stdout.write(f"{visible(path)} is not written\n")
        return None
    try:
        write_atomically(Path(project.root, path), text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(f"{visible(path)} cannot be written: {reason}") from None
    sys.stdout.write(f"wrote {visible(path)}\n")
    return planned
