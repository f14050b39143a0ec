"""``stepwell workspace compare``: check which steps of a workspace would work in another."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from stepwell.code.portability import Portable, compare_workspaces
from stepwell.frontends.cli.options import (
    CommonOptions,
    Mistakes,
    format_option,
    open_registry,
    project_options,
    step_of,
    write_json,
)
from stepwell.frontends.cli.workspace.options import complete_id, index_of, known_view
from stepwell.run.pipelines.scripts import Scripts
from stepwell.source.escape_control import visible
from stepwell.source.wording import counted

_EXAMPLE = """\b
Examples:
  stepwell workspace compare alice bob
  stepwell workspace compare alice bob --steps XGBoostTraining,Scoring --format json
"""


@click.command(
    "compare", epilog=_EXAMPLE, short_help="Check which steps of a workspace would work in another."
)
@click.argument("workspace", metavar="A", shell_complete=complete_id)
@click.argument("other", metavar="B", shell_complete=complete_id)
@click.option(
    "--steps", metavar="STEP,...", help="Only these steps of A.  [default: those that A defines or overrides]"
)
@format_option("text", "json")
@project_options
def command(workspace: str, other: str, steps: str | None, form: str, common: CommonOptions) -> int:
    """Report which steps of workspace A would work in workspace B, and what B is missing.

    A step needs its classes, files and script in the view of B; an override also needs the overridden step.
    Fields with different values are reported but are not errors. No Python is run. The exit code is 1 if a
    step would not work.
    """
    registry = open_registry(common)
    if workspace == other:
        raise click.UsageError("cannot compare a workspace with itself")
    wanted = [name.strip() for name in (steps or "").split(",") if name.strip()]
    if steps is not None and not wanted:
        raise click.UsageError("--steps must name at least one step")
    mistakes = Mistakes()
    view = mistakes.collect(known_view, registry, workspace)
    mistakes.collect(known_view, registry, other)
    definitions = [mistakes.collect(step_of, registry, view, name) for name in wanted]
    mistakes.report()
    names = {definition.name for definition in definitions}
    index = index_of(registry, common)
    scripts = Scripts(registry)
    portables = compare_workspaces(
        registry.project,
        registry.snapshot,
        index,
        workspace,
        other,
        names,
        lambda step: scripts.lacking(view, registry.view(other), step),
    )
    if form == "json":
        from stepwell.frontends.render.output.workspaces import workspace_compare_output

        write_json(workspace_compare_output(workspace, other, portables))
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(workspace, other, portables, common))
    return int(not all(each.works for each in portables))


def _lines(
    workspace: str, other: str, portables: tuple[Portable, ...], common: CommonOptions
) -> Iterator[str]:
    for each in portables:
        if each.works and common.quiet:
            continue
        yield f"{each.step} ({each.layer}): {'works' if each.works else 'does not work'} in {other}"
        for lack in each.lacks:
            yield f"  {'missing' if lack.hinders else 'differs'}: {visible(lack.words)}"
    if not common.quiet:
        if portables:
            works = sum(each.works for each in portables)
            yield f"{works} of {counted(len(portables), 'step')} of {workspace} would work in {other}."
        else:
            yield f"{workspace} has no local steps."
