"""``stepwell workspace check``: check everything about workspaces, with one report."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    Mistakes,
    finding_lines,
    format_option,
    open_registry,
    project_options,
)
from stepwell.frontends.cli.sections import sections_of
from stepwell.frontends.cli.workspace.options import (
    complete_id,
    known_view,
)
from stepwell.frontends.render.report import Section
from stepwell.live.registry import Registry
from stepwell.source.diagnostic import Severity, counted_findings
from stepwell.source.escape_control import visible
from stepwell.source.wording import counted

_HTML = b"<!DOCTYPE html>\n<!-- stepwell workspace check -->\n"

_EXAMPLE = """\b
Examples:
  stepwell workspace check
  stepwell workspace check alice bob
  stepwell workspace check alice --report alice.html
"""


@click.command("check", epilog=_EXAMPLE, short_help="Check everything about workspaces.")
@click.argument("workspaces", metavar="[ID]...", nargs=-1, shell_complete=complete_id)
@click.option(
    "--report",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Also write the result to this file: HTML if it ends with .html, else JSON.",
)
@click.option("--static", is_flag=True, help="Run no Python: skip the sections `builders` and `tests`.")
@format_option("text", "json")
@project_options
def command(
    workspaces: tuple[str, ...], report: str | None, static: bool, form: str, common: CommonOptions
) -> int:
    """Check workspaces (default: all), like `stepwell check --all --workspace ID`.

    The sections are structure (definitions, conventional locations, files that are never read), isolation
    (imports, edits of `sys.path`, opened files, links and paths outside the workspace and the core),
    references, alignment, builders (loads builders and builds the examples), pipelines (as `pipeline check`),
    and tests (runs the folder `tests` with pytest or unittest). The exit code is 1 if a workspace has an
    error.
    """
    registry = open_registry(common)
    mistakes = Mistakes()
    for workspace in workspaces:
        mistakes.collect(known_view, registry, workspace)
    mistakes.report()
    chosen = tuple(dict.fromkeys(workspaces)) or registry.workspaces
    return check_all(registry, chosen, report, form, common, static=static)


def check_all(
    registry: Registry,
    workspaces: tuple[str | None, ...],
    report: str | None,
    form: str,
    common: CommonOptions,
    *,
    static: bool,
) -> int:
    """Check all sections of workspaces, ``None`` for the core; print one report and return the exit code."""
    if report is not None:
        _refuse_report(report)
    results = {
        workspace or "core": sections_of(registry, workspace, common, static=static)
        for workspace in workspaces
    }
    if report is not None or form == "json":
        from stepwell.frontends.render.output.record import encode, plain
        from stepwell.frontends.render.output.workspaces import workspace_check_output

        record = workspace_check_output(results)
        text = f"{encode(record)}\n"
        if report is not None and report.endswith(".html"):
            from stepwell.frontends.render.alignment import as_html

            _write(report, as_html(plain(record), "workspaces.html.j2"))
        elif report is not None:
            _write(report, text)
        if form == "json":
            sys.stdout.write(text)
    failed = 0
    for name, sections in results.items():
        findings = tuple(finding for section in sections for finding in section.diagnostics)
        failed += any(finding.severity is Severity.ERROR for finding in findings)
        if form != "json":
            shown = tuple(
                finding for finding in findings if not common.quiet or finding.severity is Severity.ERROR
            )
            sys.stdout.writelines(f"{line}\n" for line in finding_lines(shown, registry.project))
            if shown or not common.quiet:
                sys.stdout.write(f"{name}: {counted_findings(findings) or 'no findings'}\n")
            if not common.quiet:
                sys.stdout.writelines(f"  {line}\n" for line in _table(sections))
                sys.stdout.write("\n" if len(results) > 1 and shown else "")
    if form != "json" and not common.quiet:
        sys.stdout.write(f"{_summary(len(results), failed)}\n")
    return int(failed > 0)


def _table(sections: tuple[Section, ...]) -> Iterator[str]:
    width = max(len(section.name) for section in sections)
    for section in sections:
        result = counted_findings(section.diagnostics) or "no findings"
        yield f"{section.name:<{width}}  {f'skipped: {section.skipped}' if section.skipped else result}"


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
        content = Path(path).read_bytes()
        ours = (
            content.startswith(_HTML)
            if path.endswith(".html")
            else "success_rate" in json.loads(content)["totals"]
        )
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
