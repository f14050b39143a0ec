"""GitHub workflow commands: findings and effects as annotations in a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepwell.source.diagnostic import Diagnostic, Related, Severity, Span
from stepwell.source.escape_control import findable, visible
from stepwell.source.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepwell.frontends.render.report import Report
    from stepwell.review.comparison import Comparison, Effect

__all__ = ["render", "render_comparison"]

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


def render_comparison(comparison: Comparison, **_unused: object) -> Iterator[str]:
    """Yield a command per effect at its new location, or without a location if removed."""
    from stepwell.frontends.render.report import Report

    annotations = [*_errors(comparison), *map(_annotation, comparison.effects), *comparison.stale]
    return render(Report(tuple(annotations), 0, 0, 0, 0.0, ""))


def _errors(comparison: Comparison) -> Iterator[Diagnostic]:
    """Yield one command per state with errors; ``check`` reports each error."""
    for title, errors in (
        (comparison.old_title, comparison.old_diagnostics),
        (comparison.new_title, comparison.new_diagnostics),
    ):
        if errors:
            message = f"{counted(len(errors), 'error')} in {title}; invalid definitions are skipped"
            first = tuple(
                Related(error.message, error.span) for error in errors[:3] if error.span is not None
            )
            yield Diagnostic("left-out", Severity.WARNING, message, related=first)


def _annotation(effect: Effect) -> Diagnostic:
    from stepwell.review.comparison import Level

    severity = {Level.BREAKING: Severity.ERROR, Level.RISKY: Severity.WARNING}.get(
        effect.level, Severity.INFO
    )
    whose = "" if effect.workspace is None else f", workspace {effect.workspace}"
    message = f"{effect.level.value} for {effect.consumer.value}{whose}: {effect.reason}"
    help_text = None
    if effect.acceptance is not None:
        severity, message = Severity.INFO, f"{message}; accepted: {effect.acceptance.reason}"
    elif effect.level is not Level.SAFE:
        help_text = f"to accept it, add `what: {effect.key}` with a reason to accepted_breaks.yaml"
    related = () if effect.old_place is None else (Related("previous location", effect.old_place),)
    return Diagnostic(effect.id, severity, message, effect.new_place, help_text, related)
