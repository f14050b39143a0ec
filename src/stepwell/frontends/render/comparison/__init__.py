"""Renderers of a comparison: each turns it into one written form, imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stepwell.review import Comparison

__all__ = ["COMPARISON_RENDERERS", "ComparisonRenderer"]


class ComparisonRenderer(Protocol):
    """A function that writes a comparison piece by piece."""

    def __call__(self, comparison: Comparison, *, color: bool, verbose: bool) -> Iterator[str]:
        """The pieces of the written form, in order; joined they are the whole, with its last line break.

        Args:
            color: whether ANSI colours may be written; only the text form has any.
            verbose: whether to say all there is; only the text form says less.
        """
        ...


def _from(module: str) -> ComparisonRenderer:
    def render(comparison: Comparison, *, color: bool, verbose: bool) -> Iterator[str]:
        renderer = cast("ComparisonRenderer", import_module(module).render)
        return renderer(comparison, color=color, verbose=verbose)

    return render


COMPARISON_RENDERERS: Mapping[str, ComparisonRenderer] = MappingProxyType(
    {
        "text": _from("stepwell.frontends.render.comparison.text"),
        "markdown": _from("stepwell.frontends.render.comparison.markdown"),
        "json": _from("stepwell.frontends.render.comparison.json"),
        "github": _from("stepwell.frontends.render.comparison.github"),
    }
)
"""Every form by the name that ``diff --format`` takes."""
