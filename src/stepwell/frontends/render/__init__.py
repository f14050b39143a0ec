"""Renderers: each turns a ``Report`` into one written form; a form is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stepwell.frontends.render.report import Report, RulePage

__all__ = ["RENDERERS", "Renderer"]


class Renderer(Protocol):
    """A function that writes a report piece by piece, so that 10,000 findings need no second copy."""

    def __call__(self, report: Report, *, color: bool, rules: Mapping[str, RulePage]) -> Iterator[str]:
        """The pieces of the written form, in order; joined they are the whole, with its last line break.

        Args:
            color: whether ANSI colours may be written; only the text form has any.
            rules: the manual page of each rule by its id; only the SARIF form carries them.
        """
        ...


def _from(module: str) -> Renderer:
    def render(report: Report, *, color: bool, rules: Mapping[str, RulePage]) -> Iterator[str]:
        renderer = cast("Renderer", import_module(module).render)
        return renderer(report, color=color, rules=rules)

    return render


RENDERERS: Mapping[str, Renderer] = MappingProxyType(
    {
        "text": _from("stepwell.frontends.render.text"),
        "concise": _from("stepwell.frontends.render.concise"),
        "json": _from("stepwell.frontends.render.json"),
        "github": _from("stepwell.frontends.render.github"),
        "sarif": _from("stepwell.frontends.render.sarif"),
        "junit": _from("stepwell.frontends.render.junit"),
    }
)
"""Every form by the name that ``check --format`` takes."""
