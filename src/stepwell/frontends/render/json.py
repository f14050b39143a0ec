"""JSON for programs: the form that ``schemas/diagnostics.schema.json`` describes, one finding a line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.escape_control import well_formed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepwell.frontends.render.report import Report

__all__ = ["VERSION", "finding", "render"]

VERSION = 1
"""The version of the form; it rises with every change that a reader could notice."""


def render(report: Report, **_unused: object) -> Iterator[str]:
    """One JSON object in ASCII, its keys always in the same order."""
    summary = {
        "files": report.files,
        "steps": report.steps,
        "workspaces": report.workspaces,
        "errors": report.count(Severity.ERROR),
        "warnings": report.count(Severity.WARNING),
        "infos": report.count(Severity.INFO),
        "seconds": round(report.seconds, 6),
    }
    tool = {"name": "stepwell", "version": report.tool_version}
    yield f'{{"version": {VERSION},\n"tool": {json.dumps(tool)},\n"summary": {json.dumps(summary)},\n'
    yield '"diagnostics": ['
    separator = "\n"
    for found in report.diagnostics:
        yield separator + json.dumps(finding(found))
        separator = ",\n"
    yield "\n]}\n" if report.diagnostics else "]}\n"


def finding(found: Diagnostic) -> dict[str, Any]:
    """One finding as plain data."""
    return {
        "id": found.id,
        "severity": found.severity.value,
        "message": well_formed(found.message),
        "span": None if found.span is None else _span(found.span),
        "help": None if found.help is None else well_formed(found.help),
        "related": [
            {"message": well_formed(other.message), "span": _span(other.span)} for other in found.related
        ],
    }


def _span(span: Span) -> dict[str, str | int]:
    return {
        "path": well_formed(span.path),
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }
