"""``stepwell pipeline show``: one pipeline as a graph, and what a run of it would do."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    format_option,
    open_view,
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

_EXAMPLE = """\b
Examples:
  stepwell pipeline show TrainAndEvaluate
  stepwell pipeline show TrainAndEvaluate --set learning_rate=0.3 --format json
  stepwell pipeline show TrainAndEvaluate --format yaml
"""


@click.command("show", epilog=_EXAMPLE, short_help="Show a pipeline, and what a run of it would do.")
@click.argument("name", shell_complete=complete_pipeline)
@workspace_option("Whose view; the core's when left out.")
@click.option(
    "--set", "said", metavar="PARAMETER=VALUE", multiple=True, help="Show a run that sets this parameter."
)
@format_option("text", "json", "yaml")
@project_options
def command(name: str, workspace: str | None, said: tuple[str, ...], form: str, asked: CommonOptions) -> int:
    """Show a pipeline with all that it extends: its steps in the order in which a run starts them, what feeds
    them, its longest way, and what could be better about it. Nothing is run.

    With --format yaml, write it as one file that extends nothing.
    """
    registry, view = open_view(asked, workspace)
    linked = linked_of(registry, view, name)
    if form == "yaml":
        from stepwell.source.yaml_writer import to_yaml

        data = plain_of(Pipeline.of(linked), linked.among)
        sys.stdout.write(to_yaml(data, ascii_only=not shows_unicode()))
        return 0
    try:
        analysis = analyse(Pipeline.of(linked))
        preview = preview_of(Pipeline.of(linked), values_of(Pipeline.of(linked), said))
    except PipelineError as error:
        hint = f"`stepwell pipeline check {name}` tells where"
        raise click.ClickException(f"{visible(str(error))}; {hint}") from None
    if form == "json":
        from stepwell.frontends.render.output.pipelines import pipeline_show_output

        write_json(pipeline_show_output(linked, analysis, preview))
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(linked, analysis, preview))
    return 0


def _lines(linked: Linked, analysis: Analysis, preview: Preview) -> Iterator[str]:
    definition, pipeline = linked.definition, Pipeline.of(linked)
    place = definition.sources[0].document
    yield f"{pipeline.name} in {linked.view.title}  {visible(place.path)}"
    yield visible(" ".join(pipeline.description.split()))
    if linked.flat.way:
        yield f"extends {' → '.join(one.extends for one in linked.flat.way)}"
    yield ""
    rows: list[tuple[str, ...]] = [("LEVEL", "ID", "STEP", "WORKSPACE", "FED BY")]
    for one in preview.steps:
        node = pipeline.nodes[one.id]
        rows.append((str(one.level), one.id, _step(node), one.workspace or "-", ", ".join(_fed(node)) or "-"))
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
        f"{counted(analysis.edges, 'edge')}; at most {analysis.width} at the same time."
    )
    way = analysis.critical_path.nodes
    yield f"Longest way: {' → '.join(way)} ({counted(len(way), 'step')})."
    types = _shares(analysis.by_type, "none")
    yield f"Steps by view: {_shares(analysis.by_workspace, 'core')}; by type: {types}."
    if analysis.crossed:
        ways = ", ".join(
            f"{source or 'core'} → {target or 'core'} {count}"
            for (source, target), count in analysis.crossings.items()
        )
        yield f"Edges across workspaces: {len(analysis.crossed)} of {analysis.edges} ({ways})."
    if preview.unset:
        yield f"A run must set {', '.join(f'`{one}`' for one in preview.unset)}."
    yield from (f"- {visible(one)}" for one in analysis.recommendations)


def _step(node: Node) -> str:
    return f"{node.step}:{node.job_type}" if node.job_type else node.step


def _fed(node: Node) -> Iterator[str]:
    for name, fed in node.inputs.items():
        yield visible(f"{name} = {fed}")
    for name, parameter in node.given.items():
        yield visible(f"{name} = ${{{parameter}}}")
    for one in node.depends_on:
        yield f"after {one}"


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    return (f"  {line}".rstrip() for line in aligned(rows))


def _shares(counts: Any, nobody: str) -> str:
    return ", ".join(f"{visible(one or nobody)} {count}" for one, count in counts.items())
