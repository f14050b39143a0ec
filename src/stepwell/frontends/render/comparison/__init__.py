"""Renderers of a comparison, imported on first use."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stepwell.review import Comparison

__all__ = ["COMPARISON_RENDERERS", "ComparisonRenderer"]


class ComparisonRenderer(Protocol):
    """Renders a comparison in pieces."""

    def __call__(self, comparison: Comparison, *, color: bool, verbose: bool) -> Iterator[str]:
        """Yield the pieces of the output.

        Args:
           color: whether to use ANSI colours (text only).
           verbose: whether to show everything (text only).
        """
        ...


def _from(module: str, function: str = "render") -> ComparisonRenderer:
    def render(comparison: Comparison, *, color: bool, verbose: bool) -> Iterator[str]:
        renderer = cast("ComparisonRenderer", getattr(import_module(module), function))
        return renderer(comparison, color=color, verbose=verbose)

    return render


COMPARISON_RENDERERS: Mapping[str, ComparisonRenderer] = MappingProxyType(
    {
        "text": _from("stepwell.frontends.render.comparison.text"),
        "markdown": _from("stepwell.frontends.render.comparison.markdown"),
        "json": _from("stepwell.frontends.render.json", "render_comparison"),
        "github": _from("stepwell.frontends.render.github", "render_comparison"),
    }
)
"""Renderers by ``diff --format``."""
