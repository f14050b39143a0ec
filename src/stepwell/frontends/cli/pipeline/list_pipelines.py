"""``stepwell pipeline list``: list the pipelines of a view."""

from __future__ import annotations

import sys

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    format_option,
    open_view,
    project_options,
    workspace_option,
    write_json,
)
from stepwell.frontends.render.columns import aligned
from stepwell.model.graph import Linked, link
from stepwell.source.escape_control import visible

_EXAMPLE = """\b
Examples:
  stepwell pipeline list
  stepwell pipeline list --workspace alice --format json
"""

_HEADINGS = ("NAME", "STEPS", "LAYER", "EXTENDS", "DESCRIPTION")


@click.command("list", epilog=_EXAMPLE, short_help="List the pipelines of a view.")
@workspace_option("Use the view of this workspace (default: core).")
@format_option("table", "json")
@project_options
def command(workspace: str | None, form: str, common: CommonOptions) -> int:
    """List the pipelines of a view by name."""
    registry, view = open_view(common, workspace)
    every = [link(view, view.pipelines[name], registry.among) for name in view.pipelines]
    if form == "json":
        from stepwell.frontends.render.output.pipelines import pipeline_list_output

        write_json(pipeline_list_output(view, every))
        return 0
    if not every:
        if not common.quiet:
            hint = "run `stepwell pipeline new NAME` to create one"
            sys.stdout.write(f"No pipelines in {view.title}; {hint}.\n")
        return 0
    rows = (_HEADINGS, *(_cells(one) for one in every))
    sys.stdout.writelines(f"{line}\n" for line in aligned(rows))
    return 0


def _cells(linked: Linked) -> tuple[str, ...]:
    definition = linked.definition
    return (
        definition.name,
        str(len(linked.nodes)),
        definition.sources[0].layer.value,
        definition.extends or "-",
        visible(" ".join(definition.description.split())),
    )
