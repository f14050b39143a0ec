"""Execution order of nodes, and cycles."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from stepwell.model.graph.node import Edge, Graph, Node
from stepwell.source.errors import PipelineError

__all__ = [
    "crossing",
    "cycles_in",
    "levels_of",
    "workspace_of",
]


def workspace_of(pipeline: Graph, node: Node) -> str | None:
    """Return the workspace whose view provides the step; ``None`` for the core."""
    return pipeline.workspace if node.workspace is None else node.workspace


def crossing(pipeline: Graph) -> tuple[tuple[Edge, ...], int]:
    """Return the edges across workspaces, one per pair of nodes, and the number of all pairs."""
    nodes = pipeline.nodes
    whose = {key: workspace_of(pipeline, node) for key, node in nodes.items()}
    pairs = {(edge.source, edge.target): edge for edge in pipeline.edges if edge.source in nodes}
    if len(set(whose.values())) < 2:
        return (), len(pairs)
    crossed = tuple(pair for pair in pairs.values() if whose[pair.source] != whose[pair.target])
    return crossed, len(pairs)


_MOST = 20
"""Maximum number of reported cycles."""


def levels_of(pipeline: Graph) -> tuple[tuple[str, ...], ...]:
    """Return the nodes in levels; each level depends only on earlier ones; unknown nodes are ignored.

    Raises:
        PipelineError: the graph has a cycle.
    """
    rank = {node: place for place, node in enumerate(pipeline.nodes)}
    sorter = TopologicalSorter(_needed(pipeline))
    try:
        sorter.prepare()
    except CycleError as error:
        shown = " → ".join(f"`{node}`" for node in error.args[1])
        raise PipelineError(f"steps of `{pipeline.name}` depend on each other in a cycle: {shown}") from None
    levels: list[tuple[str, ...]] = []
    while sorter.is_active():
        ready = sorter.get_ready()
        levels.append(tuple(sorted(ready, key=rank.__getitem__)))
        sorter.done(*ready)
    return tuple(levels)


def cycles_in(pipeline: Graph) -> tuple[tuple[str, ...], ...]:
    """Return disjoint cycles, each starting at its first stated node.

    Returns:
        Each cycle in the direction of data flow, without repeating its first node.
    """
    try:
        levels = levels_of(pipeline)
    except PipelineError:
        levels = ()
    if levels or not pipeline.nodes:
        return ()
    needed = _needed(pipeline)
    rank = {node: place for place, node in enumerate(pipeline.nodes)}
    found: list[tuple[str, ...]] = []
    while len(found) < _MOST:
        sorter = TopologicalSorter(needed)
        try:
            sorter.prepare()
        except CycleError as error:
            cycle = list(error.args[1][:-1])
            start = cycle.index(min(cycle, key=rank.__getitem__))
            found.append((*cycle[start:], *cycle[:start]))
            for item in cycle:
                del needed[item]
            needed = {key: [each for each in wanted if each in needed] for key, wanted in needed.items()}
        else:
            break
    return tuple(found)


def _needed(pipeline: Graph) -> dict[str, list[str]]:
    """Return the existing upstream nodes of each node, with repetitions."""
    nodes = pipeline.nodes
    needed: dict[str, list[str]] = {}
    for key, node in nodes.items():
        wanted = [fed.node for fed in node.inputs.values()] if node.inputs else []
        if node.depends_on:
            wanted += node.depends_on
        needed[key] = wanted
    if not nodes.keys() >= {each for wanted in needed.values() for each in wanted}:
        needed = {key: [each for each in wanted if each in nodes] for key, wanted in needed.items()}
    return needed
