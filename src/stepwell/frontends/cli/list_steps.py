"""``stepwell list``: list the steps of a view."""

from __future__ import annotations

import sys

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    format_option,
    open_view,
    project_options,
    shows_unicode,
    terminal_columns,
    workspace_option,
    write_json,
)
from stepwell.frontends.render.columns import padded
from stepwell.resolve.view import View
from stepwell.source.escape_control import columns, visible

_EXAMPLE = """\b
Examples:
  stepwell list
  stepwell list --workspace alice --format json
"""


@click.command("list", epilog=_EXAMPLE)
@workspace_option("Use the view of this workspace (default: core).")
@format_option("table", "json", "yaml")
@project_options
def command(workspace: str | None, form: str, common: CommonOptions) -> int:
    """List the steps of a view in the order of its table."""
    _, view = open_view(common, workspace)
    if form == "table":
        sys.stdout.writelines(f"{line}\n" for line in _table(view))
        return 0
    from stepwell.frontends.render.output.steps import list_output

    listing = list_output(view)
    if form == "json":
        write_json(listing)
    else:
        from stepwell.frontends.render.output.record import plain
        from stepwell.source.yaml_writer import to_yaml

        sys.stdout.write(to_yaml(plain(listing), ascii_only=not shows_unicode()))
    return 0


_FEWEST = 20
"""Minimum width of the description; it is omitted on narrower terminals."""

_HEADINGS = ("NAME", "SAGEMAKER TYPE", "FRAMEWORK", "LAYER", "DESCRIPTION")


def _table(view: View) -> list[str]:
    rows = [
        (
            step.name,
            visible(step.sagemaker_step_type or "-"),
            visible(step.framework or "-"),
            step.sources[0].layer.value,
            visible(" ".join(step.description.split())),
        )
        for step in view.values()
    ]
    widths = [max(columns(row[column]) for row in (_HEADINGS, *rows)) for column in range(4)]
    lines = []
    room = terminal_columns()
    described = not room or room - sum(widths) - 2 * len(widths) >= _FEWEST
    for row in (_HEADINGS, *rows):
        cells = list(map(padded, row, widths))
        line = "  ".join([*cells, row[-1]] if described else cells).rstrip()
        lines.append(_cut(line, room) if room else line)
    return lines


def _cut(line: str, room: int) -> str:
    if columns(line) <= room:
        return line
    line = line[: room - 3]
    while columns(line) > room - 3:
        line = line[:-1]
    return f"{line}..."
