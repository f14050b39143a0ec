"""``stepwell pipeline graph``: draw a pipeline."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    open_view,
    output_file,
    project_options,
    workspace_option,
)
from stepwell.frontends.cli.pipeline.options import complete_pipeline, linked_of
from stepwell.model.graph import Pipeline
from stepwell.source.escape_control import visible

_EXAMPLE = """\b
Examples:
  stepwell pipeline graph TrainAndEvaluate
  stepwell pipeline graph TrainAndEvaluate --format svg -o train.svg
  stepwell pipeline graph TrainAndEvaluate --format mermaid
"""


@click.command("graph", epilog=_EXAMPLE, short_help="Draw a pipeline.")
@click.argument("name", shell_complete=complete_pipeline)
@workspace_option("Use the view of this workspace (default: core).")
@click.option(
    "--format",
    "form",
    type=click.Choice(("text", "mermaid", "dot", "svg", "html")),
    default="text",
    show_default=True,
    help="Output format.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    callback=output_file,
    help="Write to this file, replacing an existing one (default: standard output).",
)
@project_options
def command(name: str, workspace: str | None, form: str, output: str | None, common: CommonOptions) -> int:
    """Draw a pipeline as a layered graph, with a colour per workspace and the critical path highlighted.

    Edges that close a cycle are drawn separately. The image is self-contained.
    """
    registry, view = open_view(common, workspace)
    pipeline = Pipeline.of(linked_of(registry, view, name))
    from stepwell.frontends.render.graph import PICTURES

    text = PICTURES[form](pipeline)
    if output is None:
        sys.stdout.write(text)
        return 0
    from stepwell.source.atomic_write import write_atomically

    try:
        write_atomically(Path(output), text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(f"{visible(output)} cannot be written: {reason}") from None
    if not common.quiet:
        click.echo(f"wrote {visible(output)}", err=True)
    return 0
