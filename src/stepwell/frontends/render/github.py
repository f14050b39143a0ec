"""GitHub workflow commands: findings as annotations in a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.escape_control import findable, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepwell.frontends.render.report import Report

__all__ = ["render"]

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}

# The replacements of @actions/core, src/command.ts: escapeData and escapeProperty.
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def render(report: Report, **_unused: object) -> Iterator[str]:
    """Yield a command per finding; help and related locations are further lines of its text."""
    for finding in report.diagnostics:
        properties = ",".join(
            f"{name}={value.translate(_PROPERTY)}" for name, value in _properties(finding).items()
        )
        yield f"::{_COMMANDS[finding.severity]} {properties}::{_text(finding).translate(_DATA)}\n"


def _properties(finding: Diagnostic) -> dict[str, str]:
    place = {} if finding.span is None else _place(finding.span)
    return {**place, "title": visible(finding.id)}


def _place(span: Span) -> dict[str, str]:
    place = {"file": findable(span.path), "line": str(span.line), "endLine": str(span.end_line)}
    if span.end_line == span.line:  # GitHub accepts columns only within one line
        place |= {"col": str(span.column), "endColumn": str(span.end_column)}
    return place


def _text(finding: Diagnostic) -> str:
    lines = [visible(finding.message)]
    if finding.help:
        lines.append(f"help: {visible(finding.help)}")
    lines.extend(
        f"{visible(other.message)} {visible(other.span.path)}:{other.span.line}:{other.span.column}"
        for other in finding.related
    )
    if finding.fix is not None:
        lines.append(f"fix: {visible(finding.fix.message)}")
    return "\n".join(lines)
