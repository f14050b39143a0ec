"""Renders a finding as text: underlined source line, help and related locations."""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.escape_control import TAB, columns, visible
from stepwell.source.spelling import SUGGESTION

__all__ = ["LEAD", "WIDTH", "block"]

WIDTH = 100
"""Maximum columns of a source line; longer lines are cut to a window around the span."""

LEAD = 30
"""Columns of the window before the span."""

_CUT = "..."
_BOLD = "1"
_GUTTER = "1;34"
_COLORS = {Severity.ERROR: "1;31", Severity.WARNING: "1;33", Severity.INFO: "1;36"}


def block(finding: Diagnostic, *, color: bool) -> str:
    """Render a finding without a trailing line break.

    A suggestion ("did you mean") follows the carets if the line fits in ``WIDTH`` columns; other help is a
    note below the source line. The source line is omitted for a finding at the start of a file without text.
    """

    def paint(text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if color else text

    span = finding.span
    tint = _COLORS[finding.severity]
    notes = [f"{visible(other.message)} {_place(other.span)}" for other in finding.related]
    pending = visible(finding.help or "")
    head = paint(f"{finding.severity.value}[{visible(finding.id)}]", tint)
    lines = [head + paint(f": {visible(finding.message)}", _BOLD)]
    number = "" if span is None else str(span.line)
    margin = " " * (len(number) + 2)
    if span is not None:
        lines.append(f"{margin[1:]}{paint('-->', _GUTTER)} {visible(span.path)}:{number}:{span.column}")
    if span is not None and (span.text or not _is_whole_file(span)):
        bar = margin + paint("|", _GUTTER)
        source, offset, carets = _underlined(span)
        marks = "^" * carets
        if pending.startswith(SUGGESTION) and offset + carets + 1 + columns(pending) <= WIDTH:
            marks, pending = f"{marks} {pending}", ""
        lines += [bar, f"{paint(f' {number} |', _GUTTER)} {source}".rstrip(" ")]
        lines += [f"{bar} {' ' * offset}{paint(marks, tint)}"]
        if pending or notes:
            lines.append(bar)
    if pending:
        notes.insert(0, f"help: {pending}")
    lines += [f"{margin}{paint('=', _GUTTER)} {note}" for note in notes]
    return "\n".join(lines)


def _underlined(span: Span) -> tuple[str, int, int]:
    """Return the shown source line, the column of the first caret (from 0) and the number of carets.

    A multi-line stretch is underlined to the end of its first line, an empty one by a single caret.
    """
    text = span.text
    start = min(max(span.column - 1, 0), len(text))
    end = len(text) if span.end_line > span.line else min(max(span.end_column - 1, start), len(text))
    first, last = _window(text, start)
    end = min(end, last)
    before = (_CUT if first else "") + _drawn(text[first:start])
    under = _drawn(text[start:end])
    after = _drawn(text[end:last]) + (_CUT if last < len(text) else "")
    return before + under + after, columns(before), max(1, columns(under))


def _window(text: str, start: int) -> tuple[int, int]:
    """Return the range of characters of a line to show: all, or a window around ``start``."""
    if len(text) <= WIDTH and columns(_drawn(text)) <= WIDTH:
        return 0, len(text)
    before = _fitting(reversed(text[max(0, start - LEAD) : start]), LEAD)
    used = columns(_drawn(text[start - before : start]))
    return start - before, start + _fitting(text[start : start + WIDTH], WIDTH - used)


def _fitting(chars: Iterator[str] | str, room: int) -> int:
    """Return how many characters fit in a number of columns."""
    count = 0
    for char in chars:
        room -= columns(_drawn(char))
        if room < 0:
            break
        count += 1
    return count


def _drawn(text: str) -> str:
    return visible(text.replace("\t", TAB))


def _place(span: Span) -> str:
    path = visible(span.path)
    return path if _is_whole_file(span) else f"{path}:{span.line}:{span.column}"


def _is_whole_file(span: Span) -> bool:
    return (span.line, span.column, span.end_line, span.end_column) == (1, 1, 1, 1)
