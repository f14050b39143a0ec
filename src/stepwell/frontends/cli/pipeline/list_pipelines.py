"""``stepwell pipeline list``: the pipelines of a view."""

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
@workspace_option("Whose view; the core's when left out.")
@format_option("table", "json")
@project_options
def command(workspace: str | None, form: str, asked: CommonOptions) -> int:
    """List the pipelines that a view has, by name."""
    registry, view = open_view(asked, workspace)
    every = [link(view, view.pipelines[name], registry.among) for name in view.pipelines]
    if form == "json":
        from stepwell.frontends.render.output.pipelines import pipeline_list_output

        write_json(pipeline_list_output(view, every))
        return 0
    if not every:
        if not asked.quiet:
            hint = "`stepwell pipeline new NAME` makes one"
            sys.stdout.write(f"There is no pipeline in {view.title}; {hint}.\n")
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
