"""Pipeline graphs as text, Mermaid, Graphviz, SVG and HTML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from stepwell.frontends.render.graph.svg import Mark, as_html, as_svg
from stepwell.frontends.render.graph.text import as_dot, as_mermaid, as_text
from stepwell.model.graph import Pipeline

__all__ = ["PICTURES", "Mark", "as_dot", "as_html", "as_mermaid", "as_svg", "as_text"]

PICTURES: Final[Mapping[str, Callable[[Pipeline], str]]] = MappingProxyType(
    {"text": as_text, "mermaid": as_mermaid, "dot": as_dot, "svg": as_svg, "html": as_html}
)
"""Renderers by ``--format``."""
