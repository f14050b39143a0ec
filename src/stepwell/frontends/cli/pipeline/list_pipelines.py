"""``stepwell pipeline list``: list the pipelines of a view."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import date

import click

from stepwell.frontends.cli import CommandGroup
from stepwell.frontends.cli.options import (
    CommonOptions,
    color_wanted,
    format_option,
    open_view,
    project_options,
    workspace_option,
    write_json,
)
from stepwell.frontends.render.columns import aligned, with_heading
from stepwell.model.graph import Linked, link
from stepwell.source.escape_control import visible

__all__ = ["catalog", "catalog_list", "command"]

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
    _write_table(every)
    return 0


_CATALOG_EXAMPLE = """\b
Examples:
  stepwell catalog list
  stepwell catalog list --json
"""


catalog = CommandGroup(
    "catalog",
    package=__name__.rpartition(".")[0],
    commands={"list": ("list_pipelines:catalog_list", "List the pipelines that come with Stepwell.")},
    epilog=_CATALOG_EXAMPLE,
    short_help="List the pipelines that come with Stepwell.",
    help="List the pipelines that come with Stepwell, to copy with `stepwell pipeline new --from`.",
)


@click.command("list", epilog=_CATALOG_EXAMPLE, short_help="List the pipelines that come with Stepwell.")
@format_option("table", "json")
@project_options
def catalog_list(form: str, common: CommonOptions) -> int:
    """List the pipelines that come with Stepwell. `stepwell pipeline new NAME --from PIPELINE` copies one."""
    from stepwell.write.scaffold import open_catalog

    registry = open_catalog(date.today)
    view = registry.view(None)
    every = [link(view, view.pipelines[name], registry.among) for name in view.pipelines]
    if form == "json":
        from stepwell.frontends.render.output.pipelines import pipeline_list_output

        write_json(pipeline_list_output(view, every))
        return 0
    _write_table(every)
    if not common.quiet:
        sys.stdout.write("\nnext: stepwell pipeline new NAME --from PIPELINE\n")
    return 0


def _write_table(pipelines: Iterable[Linked]) -> None:
    lines = with_heading(aligned((_HEADINGS, *map(_cells, pipelines))), color=color_wanted())
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _cells(linked: Linked) -> tuple[str, ...]:
    definition = linked.definition
    return (
        definition.name,
        str(len(linked.nodes)),
        definition.sources[0].layer.value,
        definition.extends or "-",
        visible(" ".join(definition.description.split())),
    )
