"""``stepwell workspace list``: every workspace, and how it stands with it."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from stepwell.frontends.cli.options import Asked, format_option, open_registry, project_options
from stepwell.frontends.cli.workspace.options import counted, findings_of, names_of
from stepwell.live.registry import Registry
from stepwell.source.diagnostic import Severity
from stepwell.source.escape_control import columns, visible

_EXAMPLE = """\b
Examples:
  stepwell workspace list
  stepwell workspace list --format json
"""

_HEADINGS = ("ID", "VERSION", "STEPS", "OVERRIDES", "FINDINGS")


@click.command("list", epilog=_EXAMPLE, short_help="List the workspaces.")
@format_option("table", "json")
@project_options
def command(form: str, asked: Asked) -> int:
    """List the workspaces: their steps, what they override, and how many findings their files have.

    The findings are those of `stepwell check`; `stepwell workspace check` looks for more.
    """
    registry = open_registry(asked)
    if form == "json":
        told = {"version": 1, "workspaces": [_row(registry, one) for one in registry.workspaces]}
        json.dump(told, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return 0
    if not registry.workspaces:
        if not asked.quiet:
            sys.stdout.write("There is no workspace; `stepwell workspace new ID` makes one.\n")
        return 0
    sys.stdout.writelines(f"{line}\n" for line in _table(registry))
    return 0


def _row(registry: Registry, workspace: str) -> dict[str, Any]:
    said = registry.snapshot.workspaces[workspace]
    own, overridden = names_of(registry.view(workspace))
    found = findings_of(registry.project, registry.diagnostics, workspace)
    return {
        "id": workspace,
        "version": said.version,
        "description": said.description,
        "folder": f"{registry.project.settings.workspaces}/{workspace}",
        "steps": len(own),
        "overrides": len(overridden),
        "findings": {
            "errors": sum(one.severity is Severity.ERROR for one in found),
            "warnings": sum(one.severity is Severity.WARNING for one in found),
            "infos": sum(one.severity is Severity.INFO for one in found),
        },
    }


def _table(registry: Registry) -> list[str]:
    rows = [_HEADINGS]
    for one in registry.workspaces:
        row = _row(registry, one)
        found = counted(findings_of(registry.project, registry.diagnostics, one))
        rows.append((one, visible(row["version"]), str(row["steps"]), str(row["overrides"]), found))
    widths = [max(columns(row[place]) for row in rows) for place in range(len(_HEADINGS))]
    return [
        "  ".join(
            cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
