"""The history of a step in its written forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stepwell.frontends.render.comparison.wording import place, plain, told, told_pair
from stepwell.review.comparison import What
from stepwell.source.escape_control import columns, visible, well_formed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepwell.review.comparison import DefinitionChange, FieldChange
    from stepwell.review.history import Trace, Traced
    from stepwell.source.diagnostic import Diagnostic, Span

__all__ = ["VERSION", "to_lines", "to_record"]

VERSION: Final = 1
"""The version of the JSON form; it rises with every change that a reader could notice."""

_BECAUSE: Final = {"alias": "alias", "replaced_by": "its `replaced_by`", "file": "git follows the file"}


def to_lines(found: Trace, title: str, *, color: bool, verbose: bool) -> Iterator[str]:
    """What people read: each commit with what it changed, a blank line before each.

    Args:
        found: the history.
        title: the view in words.
        color: whether ANSI colours may be written.
        verbose: whether to tell the fields of what came or went.
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


def to_record(found: Trace, workspace: str | None) -> dict[str, Any]:
    """What programs read: the form that ``schemas/output-log.schema.json`` describes.

    Args:
        found: the history.
        workspace: whose view it is; ``None`` for the core's.
    """
    return {
        "version": VERSION,
        "workspace": workspace,
        "step": well_formed(found.names[0]),
        "names": [well_formed(name) for name in found.names],
        "entries": [_plain_entry(one) for one in found.entries],
        "has_more": found.has_more,
        "cut_off": found.cut_off,
    }


def _plain_entry(one: Traced) -> dict[str, Any]:
    commit, change = one.commit, one.change
    return {
        "commit": None
        if commit is None
        else {
            "id": commit.id,
            "parents": list(commit.parents),
            "author": well_formed(commit.author),
            "date": commit.date,
            "subject": well_formed(commit.subject),
        },
        "what": "unreadable" if change is None else change.what.value,
        "name": None if change is None else change.name,
        "old_name": None if change is None else change.old_name,
        "because": None if change is None else change.because,
        "old_place": None if change is None else _plain_place(change.old_place),
        "new_place": None if change is None else _plain_place(change.new_place),
        "fields": [] if change is None else [_plain_field(field) for field in change.fields],
        "unread": [
            {"id": found.id, "message": well_formed(found.message), "place": _plain_place(found.span)}
            for found in one.unread
        ],
    }


def _plain_field(one: FieldChange) -> dict[str, Any]:
    origins = one.old_origin, one.new_origin
    old, new = (_plain_place(origin.span) if origin is not None else None for origin in origins)
    return {
        "field": one.field,
        "old": plain(one.old),
        "new": plain(one.new),
        "old_place": old,
        "new_place": new,
    }


def _plain_place(span: Span | None) -> dict[str, Any] | None:
    return (
        None if span is None else {"file": well_formed(span.path), "line": span.line, "column": span.column}
    )
