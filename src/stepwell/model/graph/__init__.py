"""Pipelines as graphs: values, construction from definitions and execution order, without I/O."""

from __future__ import annotations

from stepwell.model.graph.link import Among, Linked, Sees, link
from stepwell.model.graph.node import (
    Edge,
    Node,
    OutputOf,
    Stated,
    crossing,
    cycles_in,
    levels_of,
    workspace_of,
)
from stepwell.model.graph.pipeline import Pipeline

__all__ = [
    "Among",
    "Edge",
    "Linked",
    "Node",
    "OutputOf",
    "Pipeline",
    "Sees",
    "Stated",
    "crossing",
    "cycles_in",
    "levels_of",
    "link",
    "workspace_of",
]
