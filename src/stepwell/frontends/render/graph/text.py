"""Pipeline graphs as plain text, Mermaid and Graphviz."""

from __future__ import annotations

import html
from collections.abc import Iterator
from itertools import pairwise

from stepwell.frontends.render.graph.layout import LONGEST, arrange, colours_of, step_word
from stepwell.model.graph import Edge, Node, Pipeline, workspace_of
from stepwell.run.pipelines.analysis import critical_path
from stepwell.source.errors import PipelineError
from stepwell.source.escape_control import columns, visible

__all__ = ["as_dot", "as_mermaid", "as_text", "longest_pairs"]


def longest_pairs(pipeline: Pipeline) -> frozenset[tuple[str, str]]:
    """Return the edges of the critical path; none if the graph has a cycle."""
    try:
        way = critical_path(pipeline).nodes
    except PipelineError:
        return frozenset()
    return frozenset(pairwise(way))


def as_text(pipeline: Pipeline) -> str:
    """Return the steps by layer with their input sources; a star marks the critical path."""
    return "".join(f"{line}\n" for line in _text(pipeline))


def _text(pipeline: Pipeline) -> Iterator[str]:
    places = arrange(pipeline).places
    on_way = {item for pair in longest_pairs(pipeline) for item in pair}
    width = max((columns(node) for node in pipeline.nodes), default=0)
    for layer in sorted({at for _, at in places.values()}):
        for key, node in pipeline.nodes.items():
            if places[key][1] != layer:
                continue
            mark = "*" if key in on_way else " "
            whose = f"  ({node.workspace})" if node.workspace is not None else ""
            word = step_word(node.step, node.job_type)
            yield visible(f"{layer + 1:>3} {mark} {key.ljust(width)}  {word}{whose}")
            for edge in _into(node):
                fed = f"{edge.source}.{edge.output}" if edge.output is not None else edge.source
                yield visible(f"          ← {fed}" + (f" as {edge.input}" if edge.input else ""))


def _into(node: Node) -> Iterator[Edge]:
    for name, fed in node.inputs.items():
        yield Edge(fed.node, node.id, fed.output, name)
    upstream_of = {fed.node for fed in node.inputs.values()}
    for item in node.depends_on:
        if item not in upstream_of:
            yield Edge(item, node.id)


def as_mermaid(pipeline: Pipeline) -> str:
    """Return a Mermaid flowchart."""
    numbers = {node: f"n{place}" for place, node in enumerate(pipeline.nodes)}
    colours = colours_of(pipeline)
    lines = ["flowchart TD"]
    for key, node in pipeline.nodes.items():
        label = f"{_mermaid(key)}<br/><small>{_mermaid(step_word(node.step, node.job_type))}</small>"
        lines.append(f'    {numbers[key]}["{label}"]')
    longest, marked = longest_pairs(pipeline), []
    edges = [edge for edge in pipeline.edges if edge.source in numbers]
    for place, edge in enumerate(edges):
        label = f'|"{_mermaid(edge.input)}"|' if edge.input else ""
        arrow = "-->" if edge.output is not None else "-.->"
        lines.append(f"    {numbers[edge.source]} {arrow}{label} {numbers[edge.target]}")
        if (edge.source, edge.target) in longest:
            marked.append(str(place))
    for place, (workspace, colour) in enumerate(colours.items()):
        of_it = [
            numbers[key] for key, node in pipeline.nodes.items() if workspace_of(pipeline, node) == workspace
        ]
        lines.append(f"    classDef w{place} fill:{colour.light},stroke:{colour.dark},color:#1c2430")
        lines.append(f"    class {','.join(of_it)} w{place}")
    if marked:
        lines.append(f"    linkStyle {','.join(marked)} stroke:{LONGEST},stroke-width:3px")
    return "\n".join(lines) + "\n"


def _mermaid(text: str) -> str:
    """Escape text for a quoted label, where entities start with `#`."""
    shown = html.escape(visible(text), quote=True)
    return shown.replace("#", "&num;").replace("&", "#").replace("`", "#96;")


def as_dot(pipeline: Pipeline) -> str:
    """Return a Graphviz digraph."""
    colours, longest = colours_of(pipeline), longest_pairs(pipeline)
    lines = [
        f"digraph {_quoted(pipeline.name)} {{",
        '  rankdir=TB; node [shape=box, style="rounded,filled", fontname="sans-serif"];',
    ]
    for key, node in pipeline.nodes.items():
        colour = colours[workspace_of(pipeline, node)]
        attributes = [
            f"label={_quoted(key + chr(10) + step_word(node.step, node.job_type))}",
            f"fillcolor={_quoted(colour.light)}",
            f"color={_quoted(colour.dark)}",
        ]
        lines.append(f"  {_quoted(key)} [{', '.join(attributes)}];")
    for edge in pipeline.edges:
        if edge.source not in pipeline.nodes:
            continue
        attributes = [f"label={_quoted(edge.input)}"] if edge.input else ["style=dashed"]
        if (edge.source, edge.target) in longest:
            attributes += [f"color={_quoted(LONGEST)}", "penwidth=2"]
        lines.append(f"  {_quoted(edge.source)} -> {_quoted(edge.target)} [{', '.join(attributes)}];")
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    shown = "\\n".join(visible(part) for part in text.replace("\\", "\\\\").split("\n"))
    return '"' + shown.replace('"', '\\"') + '"'
