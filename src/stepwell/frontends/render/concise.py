"""One line per finding, in compiler format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepwell.source.escape_control import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepwell.frontends.render.report import Report

__all__ = ["render"]


def render(report: Report, **_unused: object) -> Iterator[str]:
    """Yield ``path:line:col: severity[id] message``; without a location if no file is concerned."""
    for finding in report.shown:
        span = finding.span
        place = f"{visible(span.path)}:{span.line}:{span.column}: " if span else ""
        yield f"{place}{finding.severity.value}[{visible(finding.id)}] {visible(finding.message)}\n"
    yield report.rest
