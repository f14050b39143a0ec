"""Comparison as JSON (``schemas/output-diff.schema.json``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepwell.frontends.render.output.history import diff_output
from stepwell.frontends.render.output.record import encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepwell.review.comparison import Comparison

__all__ = ["render"]


def render(comparison: Comparison, **_unused: object) -> Iterator[str]:
    """Yield one JSON object in ASCII."""
    yield encode(diff_output(comparison))
    yield "\n"
