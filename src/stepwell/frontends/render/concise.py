"""One line per finding, as compilers write it and editors and ``grep`` read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepwell.source.escape_control import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepwell.frontends.render.report import Report

__all__ = ["render"]


def render(report: Report, **_unused: object) -> Iterator[str]:
    """``path:line:col: severity[id] message``; a finding that concerns no file has no place in front."""
    for found in report.diagnostics:
        span = found.span
        place = f"{visible(span.path)}:{span.line}:{span.column}: " if span else ""
        yield f"{place}{found.severity.value}[{visible(found.id)}] {visible(found.message)}\n"
