"""``stepwell workspace compare``: which steps of one workspace would work in another."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from stepwell.code.portability import Portable, compare_workspaces
from stepwell.frontends.cli.options import (
    CommonOptions,
    format_option,
    open_registry,
    project_options,
    step_of,
    write_json,
)
from stepwell.frontends.cli.workspace.options import complete_id, index_of, refuse_unknown
from stepwell.source.escape_control import visible
from stepwell.source.wording import counted

_EXAMPLE = """\b
Examples:
  stepwell workspace compare alice bob
  stepwell workspace compare alice bob --steps XGBoostTraining,Scoring --format json
"""


@click.command("compare", epilog=_EXAMPLE, short_help="Tell which steps of a workspace work in another.")
@click.argument("one", metavar="A", shell_complete=complete_id)
@click.argument("other", metavar="B", shell_complete=complete_id)
@click.option(
    "--steps", metavar="STEP,...", help="Only these steps of A.  [default: those that it defines or changes]"
)
@format_option("text", "json")
@project_options
def command(one: str, other: str, steps: str | None, form: str, asked: CommonOptions) -> int:
    """Tell which steps of workspace A would work in workspace B, and what is missing there.

    A step needs its classes and files in what B sees, and a step to override where it is an override.
    A field that B has another value for is told, and hinders nothing. No Python is run. The exit
    code is 1 when a step would not work.
    """
    registry = open_registry(asked)
    refuse_unknown(registry, one)
    refuse_unknown(registry, other)
    if one == other:
        raise click.UsageError("a workspace is not compared with itself")
    view = registry.view(one)
    wanted = [name.strip() for name in (steps or "").split(",") if name.strip()]
    if steps is not None and not wanted:
        raise click.UsageError("--steps names no step")
    names = {step_of(registry, view, name).name for name in wanted}
    index = index_of(registry, asked)
    found = compare_workspaces(registry.project, registry.snapshot, index, one, other, names)
    if form == "json":
        from stepwell.frontends.render.output.workspaces import workspace_compare_output

        write_json(workspace_compare_output(one, other, found))
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(one, other, found, asked))
    return int(not all(each.works for each in found))


def _lines(one: str, other: str, found: tuple[Portable, ...], asked: CommonOptions) -> Iterator[str]:
    for each in found:
        if each.works and asked.quiet:
            continue
        yield f"{each.step} ({each.layer}): {'works' if each.works else 'does not work'} in {other}"
        for lack in each.lacks:
            yield f"  {'missing' if lack.hinders else 'differs'}: {visible(lack.words)}"
    if not asked.quiet:
        if found:
            works = sum(each.works for each in found)
            yield f"{works} of {counted(len(found), 'step')} of {one} would work in {other}."
        else:
            yield f"{one} has no step of its own."
