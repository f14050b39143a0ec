"""``stepwell workspace list``: list workspaces with their steps and findings."""

from __future__ import annotations

import sys

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    color_wanted,
    format_option,
    open_registry,
    project_options,
    write_json,
)
from stepwell.frontends.cli.workspace.options import findings_of, names_of
from stepwell.frontends.render.columns import aligned, with_heading
from stepwell.live.registry import Registry
from stepwell.source.diagnostic import counted_findings
from stepwell.source.escape_control import visible

_EXAMPLE = """\b
Examples:
  stepwell workspace list
  stepwell workspace list --format json
"""

_HEADINGS = ("ID", "VERSION", "STEPS", "OVERRIDES", "FINDINGS")


@click.command("list", epilog=_EXAMPLE, short_help="List the workspaces.")
@format_option("table", "json")
@project_options
def command(form: str, common: CommonOptions) -> int:
    """List workspaces with the number of their steps, overrides and findings.

    The findings are those of `stepwell check`; `stepwell workspace check` checks more.
    """
    registry = open_registry(common)
    if form == "json":
        from stepwell.frontends.render.output.workspaces import WorkspaceListOutput, listed_workspace

        rows = [
            listed_workspace(
                registry.snapshot.workspaces[workspace],
                f"{registry.project.settings.workspaces}/{workspace}",
                names_of(registry.view(workspace)),
                findings_of(registry.project, registry.diagnostics, workspace),
            )
            for workspace in registry.workspaces
        ]
        write_json(WorkspaceListOutput(workspaces=tuple(rows)))
        return 0
    if not registry.workspaces:
        if not common.quiet:
            sys.stdout.write("No workspaces; run `stepwell workspace new ID` to create one.\n")
        return 0
    sys.stdout.writelines(f"{line}\n" for line in _table(registry))
    return 0


def _table(registry: Registry) -> list[str]:
    rows = [_HEADINGS]
    for workspace in registry.workspaces:
        version = registry.snapshot.workspaces[workspace].version
        own, overridden = names_of(registry.view(workspace))
        findings = findings_of(registry.project, registry.diagnostics, workspace)
        found = counted_findings(findings) or "no findings"
        rows.append((workspace, visible(version), str(len(own)), str(len(overridden)), found))
    return with_heading(aligned(rows), color=color_wanted())
