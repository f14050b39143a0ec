"""Report of a check (``diagnostics.schema.json``, one finding per line) or a comparison as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepwell.frontends.render.output.findings import check_output, finding
from stepwell.frontends.render.output.record import encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepwell.frontends.render.report import Report
    from stepwell.review.comparison import Comparison

__all__ = ["render", "render_comparison"]


def render(report: Report, **_unused: object) -> Iterator[str]:
    """Yield one JSON object in ASCII."""
    output = check_output(report, ())
    yield f'{{"version": {output.version},\n"tool": {encode(output.tool, indent=None)},\n'
    yield f'"summary": {encode(output.summary, indent=None)},\n"diagnostics": ['
    separator = "\n"
    for item in report.diagnostics:
        yield separator + encode(finding(item), indent=None)
        separator = ",\n"
    yield "\n]}\n" if report.diagnostics else "]}\n"


def render_comparison(comparison: Comparison, **_unused: object) -> Iterator[str]:
    """Yield one JSON object in ASCII (``schemas/output-diff.schema.json``)."""
    from stepwell.frontends.render.output.history import diff_output

    yield encode(diff_output(comparison))
    yield "\n"
