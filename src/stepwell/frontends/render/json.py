"""Report of a check as JSON, one finding per line (``schemas/diagnostics.schema.json``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepwell.frontends.render.output.findings import check_output, finding
from stepwell.frontends.render.output.record import encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepwell.frontends.render.report import Report

__all__ = ["render"]


def render(report: Report, **_unused: object) -> Iterator[str]:
    """Yield one JSON object in ASCII."""
    output = check_output(report, ())
    yield f'{{"version": {output.version},\n"tool": {encode(output.tool, indent=None)},\n'
    yield f'"summary": {encode(output.summary, indent=None)},\n"diagnostics": ['
    separator = "\n"
    for found in report.diagnostics:
        yield separator + encode(finding(found), indent=None)
        separator = ",\n"
    yield "\n]}\n" if report.diagnostics else "]}\n"
