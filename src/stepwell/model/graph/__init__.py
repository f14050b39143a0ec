"""A pipeline as a graph of steps: its values, how a definition becomes one, and in which order it runs.

Nothing is read, run or written here. ``stepwell.run.pipelines`` is where Python code finds all of it.
"""

from __future__ import annotations

from stepwell.model.graph.link import Among, Linked, Sees, link
from stepwell.model.graph.node import Edge, Node, OutputOf, Stated
from stepwell.model.graph.order import crossing, cycles_in, levels_of, workspace_of
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
