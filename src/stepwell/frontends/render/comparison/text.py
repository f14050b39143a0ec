"""Comparison as text, like a plan: changes by view, their effects, and a closing line with the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepwell.frontends.render.comparison.wording import (
    COLORS,
    field_lines,
    hidden_by,
    place,
    places,
    summary,
    view_title,
)
from stepwell.model import KIND_OF_NOUN
from stepwell.review.comparison import Level, What
from stepwell.source.escape_control import visible
from stepwell.source.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stepwell.review.comparison import Comparison, DefinitionChange, Effect, ViewComparison
    from stepwell.source.diagnostic import Diagnostic

    Paint = Callable[[str, str], str]

__all__ = ["render"]

_FIRST: Final = 3
"""Maximum number of errors shown per state."""

_FIRST_SAFE: Final = 10
"""Maximum number of safe effects shown without ``-v``."""

_BOLD: Final = "1"
_SIGNS: Final = {
    What.ADDED: ("+", "32"),
    What.REMOVED: ("-", "31"),
    What.RENAMED: ("→", "36"),
    What.CHANGED: ("~", "33"),
}


def render(comparison: Comparison, *, color: bool, verbose: bool) -> Iterator[str]:
    """Yield changes by view, errors of either state, effects by level, and the closing line."""

    def paint(text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if color else text

    yield f"from {visible(comparison.old_title)} to {visible(comparison.new_title)}\n"
    for view in comparison.views:
        if view:
            yield from _view(view, paint, verbose=verbose)
    for title, errors in (
        (comparison.old_title, comparison.old_diagnostics),
        (comparison.new_title, comparison.new_diagnostics),
    ):
        yield from _errors(title, errors, paint, verbose=verbose)
    for level in Level:
        effects = [effect for effect in comparison.effects if effect.level is level]
        yield from _effects(level, effects, paint, verbose=verbose)
    if comparison.stale:
        yield f"\n{paint('Accepted breaks', _BOLD)}\n"
        yield from (f"  {_finding(finding)}\n" for finding in comparison.stale)
    yield f"\n{summary(comparison, paint)}\n"


def _errors(title: str, errors: tuple[Diagnostic, ...], paint: Paint, *, verbose: bool) -> Iterator[str]:
    if not errors:
        return
    head = f"{counted(len(errors), 'error')} in {visible(title)}"
    yield f"\n{paint(head, _BOLD)}; invalid definitions are skipped\n"
    shown = errors if verbose else errors[:_FIRST]
    yield from (f"  {_finding(finding)}\n" for finding in shown)
    if len(shown) < len(errors):
        yield f"  ... and {len(errors) - len(shown)} more\n"


def _finding(finding: Diagnostic) -> str:
    span = finding.span
    where = "" if span is None else f"{visible(span.path)}:{span.line}:{span.column}: "
    help_text = f" ({visible(finding.help)})" if finding.help else ""
    return f"{where}{finding.severity.value}[{visible(finding.id)}] {visible(finding.message)}{help_text}"


def _effects(level: Level, effects: list[Effect], paint: Paint, *, verbose: bool) -> Iterator[str]:
    if not effects:
        return
    yield f"\n{paint(level.value.capitalize(), COLORS[level])}\n"
    shown = effects if verbose or level is not Level.SAFE else effects[:_FIRST_SAFE]
    for effect in shown:
        whose = "" if effect.workspace is None else f", workspace {visible(effect.workspace)}"
        yield f"  {effect.consumer.value}{whose}: {visible(effect.reason)}\n"
        places = [
            f"{when} {place(span)}"
            for when, span in (("was", effect.old_place), ("now", effect.new_place))
            if span is not None
        ]
        yield f"    {'; '.join([visible(effect.key), *places])}\n"
        if effect.acceptance is not None:
            entry = effect.acceptance
            until = "" if entry.until is None else f", until {visible(entry.until)}"
            yield f"    accepted: {visible(entry.reason)} ({place(entry.span)}{until})\n"
    if len(shown) < len(effects):
        yield f"  ... and {len(effects) - len(shown)} more (use -v to show all)\n"


def _view(view: ViewComparison, paint: Paint, *, verbose: bool) -> Iterator[str]:
    yield f"\n{paint(view_title(view), _BOLD)}\n"
    for change in view.changes:
        yield from _change(change, paint, verbose=verbose)
    if view.reordering is not None:
        yield f"  moved in the table: {', '.join(visible(name) for name in view.reordering.moved)}\n"
    for hidden in view.hidden:
        yield f"  ~ {visible(hidden.name)}\n"
        if hidden.field:
            yield from (f"      {line}\n" for line in field_lines((hidden.change,), What.CHANGED, paint))
        yield f"      {hidden_by(hidden)}\n"


def _change(change: DefinitionChange, paint: Paint, *, verbose: bool) -> Iterator[str]:
    sign, tint = _SIGNS[change.what]
    noun = "" if change.noun == "step" else f" ({KIND_OF_NOUN[change.noun].title})"
    name = visible(change.name)
    if change.what is What.RENAMED:
        head = f"{visible(change.old_name or '')} {paint(sign, tint)} {name} ({change.because})"
    else:
        head = f"{paint(sign, tint)} {name}"
    where = _way(*places(change)) if change.what is not What.CHANGED else ""
    yield f"  {head}{noun}{f'  {where}' if where else ''}\n"
    if change.what in (What.CHANGED, What.RENAMED) or verbose:
        yield from (f"      {line}\n" for line in field_lines(change.fields, change.what, paint))


def _way(old: str, new: str) -> str:
    return f"{old} → {new}" if old and new and old != new else old or new
