"""``stepwell pipeline show`` and ``graph``: describe or draw a pipeline."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    displayed_path,
    format_option,
    open_names,
    output_file,
    project_options,
    shows_unicode,
    workspace_option,
    write_json,
)
from stepwell.frontends.cli.pipeline.options import complete_pipeline, linked_of, values_of
from stepwell.frontends.render.columns import aligned
from stepwell.model.graph import Linked, Node, Pipeline
from stepwell.model.graph.serialize import plain_of
from stepwell.run.pipelines.analysis import Analysis, Preview, analyse, preview_of
from stepwell.source.document import thaw
from stepwell.source.errors import PipelineError
from stepwell.source.escape_control import visible
from stepwell.source.wording import counted

_GRAPH_EXAMPLE = """\b
Examples:
  stepwell pipeline graph TrainAndEvaluate
  stepwell pipeline graph TrainAndEvaluate --format svg -o train.svg
  stepwell pipeline graph TrainAndEvaluate --format mermaid
"""


@click.command("graph", epilog=_GRAPH_EXAMPLE, short_help="Draw a pipeline.")
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
def graph(name: str, workspace: str | None, form: str, output: str | None, common: CommonOptions) -> int:
    """Draw a pipeline as a layered graph, with a colour per workspace and the critical path highlighted.

    Edges that close a cycle are drawn separately. The image is self-contained.
    """
    _, _, (linked,) = open_names(common, workspace, linked_of, name)
    pipeline = Pipeline.of(linked)
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


_EXAMPLE = """\b
Examples:
  stepwell pipeline show TrainAndEvaluate
  stepwell pipeline show TrainAndEvaluate --set learning_rate=0.3 --format json
  stepwell pipeline show TrainAndEvaluate --format yaml
"""


@click.command("show", epilog=_EXAMPLE, short_help="Show a pipeline and preview a run.")
@click.argument("name", shell_complete=complete_pipeline)
@workspace_option("Use the view of this workspace (default: core).")
@click.option(
    "--set",
    "settings",
    metavar="PARAMETER=VALUE",
    multiple=True,
    help="Preview a run with this parameter (repeatable).",
)
@format_option("text", "json", "yaml")
@project_options
def command(
    name: str, workspace: str | None, settings: tuple[str, ...], form: str, common: CommonOptions
) -> int:
    """Show a pipeline including everything it extends: its steps in execution order, their input sources, the
    critical path, and recommendations. Nothing is run.

    With --format yaml, print it as a single file without `extends`.
    """
    registry, _, (linked,) = open_names(common, workspace, linked_of, name)
    if form == "yaml":
        from stepwell.source.yaml_writer import to_yaml

        data = plain_of(Pipeline.of(linked), linked.among)
        sys.stdout.write(to_yaml(data, ascii_only=not shows_unicode()))
        return 0
    try:
        analysis = analyse(Pipeline.of(linked))
        preview = preview_of(Pipeline.of(linked), values_of(Pipeline.of(linked), settings))
    except PipelineError as error:
        hint = f"run `stepwell pipeline check {name}` for the location"
        raise click.ClickException(f"{visible(str(error))}; {hint}") from None
    if form == "json":
        from stepwell.frontends.render.output.pipelines import pipeline_show_output

        write_json(pipeline_show_output(linked, analysis, preview))
    else:
        sys.stdout.writelines(
            f"{line}\n" for line in _lines(linked, analysis, preview, registry.project.root)
        )
    return 0


def _lines(linked: Linked, analysis: Analysis, preview: Preview, root: str) -> Iterator[str]:
    definition, pipeline = linked.definition, Pipeline.of(linked)
    place = definition.sources[0].document
    yield f"{pipeline.name} in {linked.view.title}  {visible(displayed_path(root, place.path))}"
    yield visible(" ".join(pipeline.description.split()))
    if linked.flat.way:
        yield f"extends {' → '.join(item.extends for item in linked.flat.way)}"
    yield ""
    rows: list[tuple[str, ...]] = [("LEVEL", "ID", "STEP", "WORKSPACE", "INPUTS")]
    for step in preview.steps:
        node = pipeline.nodes[step.id]
        rows.append(
            (str(step.level), step.id, _step(node), step.workspace or "-", ", ".join(_fed(node)) or "-")
        )
    yield from _table(rows)
    if preview.parameters:
        yield ""
        shown: list[tuple[str, ...]] = [
            (name, json.dumps(thaw(value))) for name, value in preview.parameters.items()
        ]
        yield from _table([("PARAMETER", "VALUE"), *shown])
    yield ""
    yield (
        f"{counted(analysis.nodes, 'step')} in {counted(analysis.depth, 'level')}, "
        f"{counted(analysis.edges, 'edge')}; at most {analysis.width} in parallel."
    )
    way = analysis.critical_path.nodes
    yield f"Critical path: {' → '.join(way)} ({counted(len(way), 'step')})."
    types = _shares(analysis.by_type, "none")
    yield f"Steps by view: {_shares(analysis.by_workspace, 'core')}; by type: {types}."
    if analysis.crossed:
        ways = ", ".join(
            f"{source or 'core'} → {target or 'core'} {count}"
            for (source, target), count in analysis.crossings.items()
        )
        yield f"Edges across workspaces: {len(analysis.crossed)} of {analysis.edges} ({ways})."
    if preview.unset:
        yield f"A run must set {', '.join(f'`{item}`' for item in preview.unset)}."
    yield from (f"- {visible(recommendation)}" for recommendation in analysis.recommendations)


def _step(node: Node) -> str:
    return f"{node.step}:{node.job_type}" if node.job_type else node.step


def _fed(node: Node) -> Iterator[str]:
    for name, fed in node.inputs.items():
        yield visible(f"{name} = {fed}")
    for name, parameter in node.given.items():
        yield visible(f"{name} = ${{{parameter}}}")
    for item in node.depends_on:
        yield f"after {item}"


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    return (f"  {line}".rstrip() for line in aligned(rows))


def _shares(counts: Any, nobody: str) -> str:
    return ", ".join(f"{visible(key or nobody)} {count}" for key, count in counts.items())
