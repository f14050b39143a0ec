"""The history of a step as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepwell.frontends.render.comparison.wording import place, told, told_pair
from stepwell.review.comparison import What
from stepwell.source.escape_control import columns, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepwell.review.comparison import DefinitionChange, FieldChange
    from stepwell.review.history import Trace, Traced
    from stepwell.source.diagnostic import Diagnostic

__all__ = ["to_lines"]

_BECAUSE: Final = {"alias": "alias", "replaced_by": "its `replaced_by`", "file": "git follows the file"}


def to_lines(found: Trace, title: str, *, color: bool, verbose: bool) -> Iterator[str]:
    """What people read: each commit with what it changed, a blank line before each.

    Args:
        color: whether ANSI colours may be written.
    """
    yield f"{visible(found.names[0])} in {title}"
    for one in found.entries:
        yield from ("", _head(one, color=color), *_body(one, verbose=verbose))
    if not found.entries:
        yield from ("", "no commit that is here changed it")
    if found.has_more:
        yield from ("", "there may be older commits: ask for more with a larger -n")
    if found.cut_off:
        yield ""
        yield f"history before {found.cut_off[:10]} is not in this shallow clone (`git fetch --unshallow`)"


def _head(one: Traced, *, color: bool) -> str:
    commit = one.commit
    text = "not committed"
    if commit is not None:
        text = f"{commit.short}  {commit.date[:10]}  {visible(commit.author)}  {visible(commit.subject)}"
    if not color:
        return text
    first, _, rest = text.partition("  ")
    return f"\x1b[33m{first}\x1b[0m{'  ' if rest else ''}{rest}"


def _body(one: Traced, *, verbose: bool) -> list[str]:
    state = "in the working tree" if one.commit is None else f"at {one.commit.short}"
    lines = [f"  could not be read {state}: {_unread(found)}" for found in one.unread]
    change = one.change
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
        lines += _fields(change)
    return lines


def _fields(change: DefinitionChange) -> list[str]:
    rows = [
        (f"  {visible(one.field)}: {_values(change, one)}", _field_place(change, one))
        for one in change.fields
    ]
    width = max((columns(said) for said, _ in rows), default=0)
    return [f"{said}{' ' * (width - columns(said))}  {where}".rstrip() for said, where in rows]


def _values(change: DefinitionChange, one: FieldChange) -> str:
    if change.what is What.ADDED:
        return told(one.new)
    if change.what is What.REMOVED:
        return told(one.old)
    return " → ".join(told_pair(one.old, one.new))


def _field_place(change: DefinitionChange, one: FieldChange) -> str:
    """Where the new value is stated, or else where the old one was, or else the definition."""
    for origin in (one.new_origin, one.old_origin):
        if origin is not None and origin.span is not None:
            return place(origin.span)
    return _of(change)


def _of(change: DefinitionChange) -> str:
    """Where the definition is, or was where it went."""
    span = change.new_place or change.old_place
    return place(span) if span is not None else ""


def _unread(found: Diagnostic) -> str:
    place = f"{visible(found.span.path)}:{found.span.line}:{found.span.column}: " if found.span else ""
    return f"{place}{visible(found.message)}"
