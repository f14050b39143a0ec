"""History of a step as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepwell.frontends.render.columns import painted
from stepwell.frontends.render.comparison.wording import field_lines, place
from stepwell.review.comparison import What
from stepwell.source.escape_control import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stepwell.review.comparison import DefinitionChange
    from stepwell.review.history import Trace, Traced
    from stepwell.source.diagnostic import Diagnostic

    Paint = Callable[[str, str], str]

__all__ = ["to_lines"]

_BECAUSE: Final = {"alias": "alias", "replaced_by": "its `replaced_by`", "file": "renamed file"}


def to_lines(found: Trace, title: str, *, color: bool, verbose: bool) -> Iterator[str]:
    """Yield each commit with its changes, preceded by a blank line.

    Args:
       color: whether to use ANSI colours.
    """

    def paint(text: str, code: str) -> str:
        return painted(text, code, color=color)

    yield f"{visible(found.names[0])} in {title}"
    for entry in found.entries:
        yield from ("", _head(entry, paint), *_body(entry, paint, verbose=verbose))
    if not found.entries:
        yield from ("", "no commits changed it")
    if found.has_more:
        yield from ("", "older commits may exist: use a larger -n")
    if found.cut_off:
        yield ""
        yield f"shallow clone: no history before {found.cut_off[:10]} (run `git fetch --unshallow`)"


def _head(traced: Traced, paint: Paint) -> str:
    commit = traced.commit
    text = "uncommitted"
    if commit is not None:
        text = f"{commit.short}  {commit.date[:10]}  {visible(commit.author)}  {visible(commit.subject)}"
    first, _, rest = text.partition("  ")
    return f"{paint(first, '33')}{'  ' if rest else ''}{rest}"


def _body(traced: Traced, paint: Paint, *, verbose: bool) -> list[str]:
    state = "in the working tree" if traced.commit is None else f"at {traced.commit.short}"
    lines = [f"  could not be read {state}: {_unread(found)}" for found in traced.unread]
    change = traced.change
    if change is None:
        return lines
    where = _of(change)
    if change.what is What.ADDED:
        lines.append(f"  added  {where}")
    elif change.what is What.REMOVED:
        lines.append(f"  removed  {where}")
    elif change.what is What.RENAMED:
        because = _BECAUSE[change.because or "alias"]
        lines.append(f"  renamed from {visible(change.old_name or '')} ({because})  {where}")
    if change.what in (What.CHANGED, What.RENAMED) or verbose:
        lines += (f"  {line}" for line in field_lines(change.fields, change.what, paint, where))
    return lines


def _of(change: DefinitionChange) -> str:
    """Return the location of the definition."""
    span = change.new_place or change.old_place
    return place(span) if span is not None else ""


def _unread(found: Diagnostic) -> str:
    place = f"{visible(found.span.path)}:{found.span.line}:{found.span.column}: " if found.span else ""
    return f"{place}{visible(found.message)}"
