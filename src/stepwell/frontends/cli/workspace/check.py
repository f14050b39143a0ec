"""``stepwell workspace check``: check definitions, components and isolation of workspaces."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from stepwell.frontends.cli.options import CommonOptions, format_option, open_registry, project_options
from stepwell.frontends.cli.workspace.options import (
    complete_id,
    examine,
    index_of,
    refuse_unknown,
    tell,
)
from stepwell.source.diagnostic import Severity, counted_findings
from stepwell.source.escape_control import visible
from stepwell.source.wording import counted

_EXAMPLE = """\b
Examples:
  stepwell workspace check
  stepwell workspace check alice bob
  stepwell workspace check alice --report alice.json
"""


@click.command("check", epilog=_EXAMPLE, short_help="Check the components and the isolation of workspaces.")
@click.argument("workspaces", metavar="[ID]...", nargs=-1, shell_complete=complete_id)
@click.option(
    "--report",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Also write the result to this file as JSON.",
)
@format_option("text", "json")
@project_options
def command(workspaces: tuple[str, ...], report: str | None, form: str, common: CommonOptions) -> int:
    """Check workspaces (default: all).

    Checks that components are in their conventional locations, that there are no files in locations that are
    never read, and that nothing refers to files outside the workspace and the core: imports, edits of
    `sys.path`, opened files, links and paths in definitions. No Python is run. The exit code is 1 if a
    workspace has an error.
    """
    registry = open_registry(common)
    for one in workspaces:
        refuse_unknown(registry, one)
    if report is not None:
        _refuse_report(report)
    index = index_of(registry, common)
    wanted = tuple(dict.fromkeys(workspaces)) or registry.workspaces
    found = {one: examine(registry, index, one) for one in wanted}
    if report is not None or form == "json":
        from stepwell.frontends.render.output.record import encode
        from stepwell.frontends.render.output.workspaces import workspace_check_output

        text = f"{encode(workspace_check_output(found))}\n"
        if report is not None:
            _write(report, text)
        if form == "json":
            sys.stdout.write(text)
    failed = sum(
        any(finding.severity is Severity.ERROR for finding in diagnostics) for diagnostics in found.values()
    )
    if form != "json":
        for one, diagnostics in found.items():
            shown = tuple(
                finding for finding in diagnostics if not common.quiet or finding.severity is Severity.ERROR
            )
            sys.stdout.writelines(f"{line}\n" for line in tell(shown, registry.project))
            if shown or not common.quiet:
                sys.stdout.write(f"{one}: {counted_findings(diagnostics) or 'no findings'}\n")
                sys.stdout.write("\n" if len(found) > 1 and shown else "")
        if not common.quiet:
            sys.stdout.write(f"{_summary(len(found), failed)}\n")
    return int(failed > 0)


def _summary(workspaces: int, failed: int) -> str:
    if not workspaces:
        return "No workspaces to check."
    return f"Checked {counted(workspaces, 'workspace')}: {workspaces - failed} passed, {failed} failed."


def _refuse_report(path: str) -> None:
    """Reject a path whose existing file is not a report.

    Raises:
       UsageError: the file has different content.
    """
    if not os.path.lexists(path):
        return
    try:
        held = json.loads(Path(path).read_bytes())
        ours = "success_rate" in held["totals"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        ours = False
    if not ours:
        raise click.UsageError(f"{visible(path)} exists and is not a report; it was not overwritten")


def _write(path: str, text: str) -> None:
    from stepwell.source.atomic_write import write_atomically

    try:
        write_atomically(Path(path), text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(f"{visible(path)} cannot be written: {reason}") from None
