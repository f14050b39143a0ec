"""``stepwell workspace list``: every workspace, and how it stands with it."""

from __future__ import annotations

import sys

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    format_option,
    open_registry,
    project_options,
    write_json,
)
from stepwell.frontends.cli.workspace.options import findings_of, names_of
from stepwell.frontends.render.columns import aligned
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
def command(form: str, asked: CommonOptions) -> int:
    """List the workspaces: their steps, what they override, and how many findings their files have.

    The findings are those of `stepwell check`; `stepwell workspace check` looks for more.
    """
    registry = open_registry(asked)
    if form == "json":
        from stepwell.frontends.render.output.workspaces import WorkspaceListOutput, listed_workspace

        rows = [
            listed_workspace(
                registry.snapshot.workspaces[one],
                f"{registry.project.settings.workspaces}/{one}",
                names_of(registry.view(one)),
                findings_of(registry.project, registry.diagnostics, one),
            )
            for one in registry.workspaces
        ]
        write_json(WorkspaceListOutput(workspaces=tuple(rows)))
        return 0
    if not registry.workspaces:
        if not asked.quiet:
            sys.stdout.write("There is no workspace; `stepwell workspace new ID` makes one.\n")
        return 0
    sys.stdout.writelines(f"{line}\n" for line in _table(registry))
    return 0


def _table(registry: Registry) -> list[str]:
    rows = [_HEADINGS]
    for one in registry.workspaces:
        version = registry.snapshot.workspaces[one].version
        own, overridden = names_of(registry.view(one))
        findings = findings_of(registry.project, registry.diagnostics, one)
        found = counted_findings(findings) or "no findings"
        rows.append((one, visible(version), str(len(own)), str(len(overridden)), found))
    return aligned(rows)
