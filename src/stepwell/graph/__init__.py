"""A pipeline as a graph of steps: its values, how a definition becomes one, and in which order it runs.

Nothing is read, run or written here. ``stepwell.pipelines`` is where Python code finds all of it.
"""

from __future__ import annotations

from stepwell.graph.crossing import crossing, workspace_of
from stepwell.graph.linking import Among, Linked, Sees, link
from stepwell.graph.nodes import Edge, Node, OutputOf, Stated
from stepwell.graph.ordering import cycles_in, levels_of
from stepwell.graph.values import Pipeline

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
