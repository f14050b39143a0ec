"""In which order the nodes of a pipeline can run, and where they need each other in a circle."""

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
    """In whose view the step of a node is taken; ``None`` for the core."""
    return pipeline.workspace if node.workspace is None else node.workspace


def crossing(pipeline: Graph) -> tuple[tuple[Edge, ...], int]:
    """The edges that cross, one for each pair of nodes, and how many such pairs there are at all."""
    nodes = pipeline.nodes
    whose = {one: workspace_of(pipeline, node) for one, node in nodes.items()}
    pairs = {(one.source, one.target): one for one in pipeline.edges if one.source in nodes}
    if len(set(whose.values())) < 2:
        return (), len(pairs)
    crossed = tuple(one for one in pairs.values() if whose[one.source] != whose[one.target])
    return crossed, len(pairs)


_MOST = 20
"""Cycles that are told of one pipeline: who breaks these sees the next."""


def levels_of(pipeline: Graph) -> tuple[tuple[str, ...], ...]:
    """The nodes in groups: those of one need only nodes of earlier ones; nodes that are not there count not.

    Raises:
        PipelineError: they need each other in a circle.
    """
    rank = {one: place for place, one in enumerate(pipeline.nodes)}
    sorter = TopologicalSorter(_needed(pipeline))
    try:
        sorter.prepare()
    except CycleError as error:
        shown = " → ".join(f"`{one}`" for one in error.args[1])
        raise PipelineError(f"the steps of `{pipeline.name}` need each other in a circle: {shown}") from None
    levels: list[tuple[str, ...]] = []
    while sorter.is_active():
        ready = sorter.get_ready()
        levels.append(tuple(sorted(ready, key=rank.__getitem__)))
        sorter.done(*ready)
    return tuple(levels)


def cycles_in(pipeline: Graph) -> tuple[tuple[str, ...], ...]:
    """Circles of nodes that need each other, each begun at the node that is stated first; no two share one.

    Returns:
        Each circle in the direction in which things are handed over, without its first node again.
    """
    try:
        levels = levels_of(pipeline)
    except PipelineError:
        levels = ()
    if levels or not pipeline.nodes:
        return ()
    needed = _needed(pipeline)
    rank = {one: place for place, one in enumerate(pipeline.nodes)}
    found: list[tuple[str, ...]] = []
    while len(found) < _MOST:
        sorter = TopologicalSorter(needed)
        try:
            sorter.prepare()
        except CycleError as error:
            circle = list(error.args[1][:-1])
            start = circle.index(min(circle, key=rank.__getitem__))
            found.append((*circle[start:], *circle[:start]))
            for one in circle:
                del needed[one]
            needed = {one: [each for each in wanted if each in needed] for one, wanted in needed.items()}
        else:
            break
    return tuple(found)


def _needed(pipeline: Graph) -> dict[str, list[str]]:
    """What each node needs and is there; one that is needed for several inputs stands there as often."""
    nodes = pipeline.nodes
    needed: dict[str, list[str]] = {}
    for one, node in nodes.items():
        wanted = [fed.node for fed in node.inputs.values()] if node.inputs else []
        if node.depends_on:
            wanted += node.depends_on
        needed[one] = wanted
    if not nodes.keys() >= {each for wanted in needed.values() for each in wanted}:
        needed = {one: [each for each in wanted if each in nodes] for one, wanted in needed.items()}
    return needed
