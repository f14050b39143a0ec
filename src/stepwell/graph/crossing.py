"""The edges of a pipeline that lead from the step of one workspace to that of another."""

from __future__ import annotations

from stepwell.graph.nodes import Edge, Graph, Node

__all__ = ["crossing", "workspace_of"]


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
