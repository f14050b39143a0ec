"""Pictures of pipelines: as text, for Mermaid and Graphviz, and drawn as SVG or a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from stepwell.model.graph import Pipeline
from stepwell.render.graphs.diagrams import as_dot, as_mermaid, as_text
from stepwell.render.graphs.page import as_html
from stepwell.render.graphs.svg import as_svg

__all__ = ["PICTURES", "as_dot", "as_html", "as_mermaid", "as_svg", "as_text"]

PICTURES: Final[Mapping[str, Callable[[Pipeline], str]]] = MappingProxyType(
    {"text": as_text, "mermaid": as_mermaid, "dot": as_dot, "svg": as_svg, "html": as_html}
)
"""Every form of a picture, by its name on the command line."""
