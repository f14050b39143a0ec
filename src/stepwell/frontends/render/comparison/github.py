"""Comparison as GitHub workflow commands: effects as annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepwell.frontends.render import github
from stepwell.frontends.render.report import Report
from stepwell.review.comparison import Level
from stepwell.source.diagnostic import Diagnostic, Related, Severity
from stepwell.source.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepwell.review.comparison import Comparison, Effect

__all__ = ["render"]

_SEVERITIES: Final = {
    Level.BREAKING: Severity.ERROR,
    Level.RISKY: Severity.WARNING,
    Level.SAFE: Severity.INFO,
}


def render(comparison: Comparison, **_unused: object) -> Iterator[str]:
    """Yield a command per effect at its new location, or without a location if removed."""
    annotations = [*_errors(comparison), *map(_annotation, comparison.effects), *comparison.stale]
    return github.render(Report(tuple(annotations), 0, 0, 0, 0.0, ""))


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
    severity = _SEVERITIES[effect.level]
    whose = "" if effect.workspace is None else f", workspace {effect.workspace}"
    message = f"{effect.level.value} for {effect.consumer.value}{whose}: {effect.reason}"
    help_text = None
    if effect.acceptance is not None:
        severity, message = Severity.INFO, f"{message}; accepted: {effect.acceptance.reason}"
    elif effect.level is not Level.SAFE:
        help_text = f"to accept it, add `what: {effect.key}` with a reason to accepted_breaks.yaml"
    related = () if effect.old_place is None else (Related("previous location", effect.old_place),)
    return Diagnostic(effect.id, severity, message, effect.new_place, help_text, related)
