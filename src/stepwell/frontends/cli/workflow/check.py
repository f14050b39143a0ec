"""``stepwell workflow check``: check workflow files."""

from __future__ import annotations

import sys
import time

import click

from stepwell.check.catalog import FIXED_PAGES, RULES, page_of, severity_of
from stepwell.frontends.cli.options import (
    CommonOptions,
    began,
    color_wanted,
    displayed,
    format_option,
    project_options,
    workspace_option,
)
from stepwell.frontends.cli.workflow.run import compat_option, folder_option, open_workflow
from stepwell.frontends.render import RENDERERS
from stepwell.frontends.render.report import Report, RulePage
from stepwell.live.registry import Registry
from stepwell.source.diagnostic import Severity, counted_findings, in_order
from stepwell.source.excerpt import block
from stepwell.source.wording import counted
from stepwell.version import __version__

_EXAMPLE = """\b
Examples:
  stepwell workflow check review.yaml
  stepwell workflow check workflows/*.yaml --format github
"""


@click.command("check", epilog=_EXAMPLE, short_help="Check workflow files.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path())
@folder_option
@compat_option
@workspace_option("Use the step types of this workspace (default: core).")
@format_option("text", "concise", "json", "github", "sarif", "junit")
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning"]),
    default="error",
    show_default=True,
    help="Minimum severity for exit code 1.",
)
@project_options
def command(
    files: tuple[str, ...],
    folder: str | None,
    compat: bool,
    workspace: str | None,
    form: str,
    fail_on: str,
    common: CommonOptions,
) -> int:
    """Check workflow files: steps, parameters against the schemas of their step types, references to answers
    and variables, and referenced files.

    Nothing is run, and no Python is imported.
    """
    known: dict[str, Registry] = {}
    opened = [open_workflow(file, folder, workspace, common, known, compat=compat) for file in files]
    report = Report(
        diagnostics=in_order(
            finding
            for each in opened
            for finding in displayed(
                each.checked.diagnostics, each.root, "text" if form == "json" and each.alone else form
            )
        ),
        files=len(opened),
        steps=sum(len(each.checked.value.steps) for each in opened if each.checked.value is not None),
        workspaces=0,
        seconds=time.monotonic() - began(),
        tool_version=__version__,
    )
    if form == "text":
        _print_report(report, common)
    else:
        rules = _pages() if form == "sarif" else {}
        sys.stdout.writelines(RENDERERS[form](report, color=color_wanted(), rules=rules))
    failing = Severity.ERROR.rank if fail_on == "error" else Severity.WARNING.rank
    return int(any(finding.severity.rank <= failing for finding in report.diagnostics))


def _print_report(report: Report, common: CommonOptions) -> None:
    for finding in report.diagnostics:
        sys.stdout.write(f"{block(finding, color=color_wanted())}\n\n")
    if common.quiet and not report.diagnostics:
        return
    findings = counted_findings(report.diagnostics) or "no findings"
    sys.stdout.write(f"Checked {counted(report.files, 'workflow')}: {findings} in {report.seconds:.2f} s.\n")


def _pages() -> dict[str, RulePage]:
    pages = {rule_id: page_of(rule_id) or "" for rule_id in (*RULES, *FIXED_PAGES)}
    return {
        rule_id: RulePage(rule_id, page.partition("\n")[0], page, severity_of(rule_id))
        for rule_id, page in pages.items()
    }
