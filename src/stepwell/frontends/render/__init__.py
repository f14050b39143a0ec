"""Renderers of a ``Report``, imported on first use."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stepwell.frontends.render.report import Report, RulePage

__all__ = ["RENDERERS", "Renderer"]


class Renderer(Protocol):
    """Renders a report in pieces, so that large reports need no second copy."""

    def __call__(self, report: Report, *, color: bool, rules: Mapping[str, RulePage]) -> Iterator[str]:
        """Yield the pieces of the output.

        Args:
           color: whether to use ANSI colours (text only).
           rules: manual pages by rule id (SARIF only).
        """
        ...


def _from(module: str, function: str = "render") -> Renderer:
    def render(report: Report, *, color: bool, rules: Mapping[str, RulePage]) -> Iterator[str]:
        renderer = cast("Renderer", getattr(import_module(module), function))
        return renderer(report, color=color, rules=rules)

    return render


RENDERERS: Mapping[str, Renderer] = MappingProxyType(
    {
        "text": _from("stepwell.frontends.render.text"),
        "concise": _from("stepwell.frontends.render.text", "render_concise"),
        "json": _from("stepwell.frontends.render.json"),
        "github": _from("stepwell.frontends.render.github"),
        "sarif": _from("stepwell.frontends.render.sarif"),
        "junit": _from("stepwell.frontends.render.junit"),
    }
)
"""Renderers by ``check --format``."""
