"""Texts shared by all renderers of a comparison: headline, values and locations."""

from __future__ import annotations

import json
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from stepwell.model import KINDS
from stepwell.review.comparison import Level, What, counts
from stepwell.source.escape_control import columns, visible, well_formed_data
from stepwell.source.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stepwell.model.layer import Origin
    from stepwell.review.comparison import (
        Comparison,
        DefinitionChange,
        FieldChange,
        HiddenChange,
        ViewComparison,
    )
    from stepwell.source.diagnostic import Span

    Paint = Callable[[str, str], str]

__all__ = [
    "COLORS",
    "ROOM",
    "cut",
    "field_lines",
    "headline",
    "hidden_by",
    "origin_text",
    "place",
    "places",
    "shown_pair",
    "summary",
    "view_title",
]

ROOM: Final = 80
"""Maximum length of a value."""

_LEAD: Final = 20
"""Number of characters shown before the first difference of truncated values."""

_CUT: Final = "..."

COLORS: Final = {Level.BREAKING: "1;31", Level.RISKY: "1;33", Level.SAFE: "1;32"}
"""ANSI colours of verdicts."""

_OLD: Final = "31"
_NEW: Final = "32"
_VERBS: Final = {
    What.ADDED: "add",
    What.CHANGED: "change",
    What.RENAMED: "rename",
    What.REMOVED: "remove",
}


def headline(comparison: Comparison) -> str:
    """Return the verdict, the number of effects by level, and the extent of the changes."""
    number = counts(comparison)
    errors = len(comparison.old_diagnostics) + len(comparison.new_diagnostics)
    left_out = f"{counted(errors, 'error')} in the files" if errors else ""
    if not comparison and not comparison.effects:
        return f"no differences; {left_out}" if errors else "no differences"
    effects = ", ".join(f"{count} {word}" for word, count in number.items() if count)
    parts = (effects, _extent(comparison), left_out)
    return f"{comparison.verdict.value}: {'; '.join(part for part in parts if part)}"


def _extent(comparison: Comparison) -> str:
    """Return the number of changed definitions in the core and of affected workspaces."""
    core = next((view for view in comparison.views if view.workspace is None), None)
    parts: list[str] = []
    if core:
        nouns = [change.noun for change in core.changes]
        number = [
            counted(nouns.count(kind.noun), kind.title, kind.titles)
            for kind in KINDS.values()
            if kind.noun in nouns
        ]
        parts.append(f"{' and '.join(number) or 'order'} changed in the core")
    others = sum(view.workspace is not None and bool(view) for view in comparison.views)
    if others:
        parts.append(f"{counted(others, 'workspace')} differ{'s' if others == 1 else ''}")
    return ", ".join(parts)


def view_title(view: ViewComparison) -> str:
    """Return the heading of a view with the extent of its changes."""
    title = "The core" if view.workspace is None else f"Workspace {visible(view.workspace)}"
    if view.is_new or view.is_gone:
        title += " added" if view.is_new else " removed"
    parts: list[str] = []
    if view.changes:
        parts.append(counted(len(view.changes), "definition" if view.is_new or view.is_gone else "change"))
    if view.inherited:
        parts.append(f"{view.inherited} more inherited from the core")
    if view.hidden:
        parts.append(f"{counted(len(view.hidden), 'change')} of the core shadowed")
    if view.reordering is not None:
        parts.append("order changed")
    return f"{title}: {', '.join(parts)}" if parts else title


def summary(comparison: Comparison, paint: Paint) -> str:
    """Return the closing line: numbers of changes, then the verdict with the consumers that it concerns."""
    errors = len(comparison.old_diagnostics) + len(comparison.new_diagnostics)
    changes = [change.what for view in comparison.views for change in view.changes]
    numbers = [
        f"{changes.count(what)} to {verb}"
        for what, verb in _VERBS.items()
        if what is not What.RENAMED or what in changes
    ]
    parts = [", ".join(numbers)] if comparison else ["no differences"]
    standing = [effect for effect in comparison.effects if effect.acceptance is None]
    verdict = comparison.verdict
    if verdict is not Level.SAFE:
        worst = {effect.consumer.value for effect in standing if effect.level is verdict}
        parts.append(paint(f"{verdict.value} for {', '.join(sorted(worst))}", COLORS[verdict]))
    elif comparison:
        parts.append(paint("safe", COLORS[verdict]))
    accepted = len(comparison.effects) - len(standing)
    if accepted:
        parts.append(f"{accepted} accepted")
    if errors:
        parts.append(f"{counted(errors, 'error')} in the files")
    return " · ".join(parts)


def field_lines(fields: Iterable[FieldChange], what: What, paint: Paint, fallback: str = "") -> list[str]:
    """Return the changed values at their depth, each with its location; long values on separate lines.

    Args:
        what: the values of added and removed definitions have no counterpart.
        fallback: location of values that no file sets.
    """
    rows: list[tuple[str, int, str, list[str]]] = []
    for field in fields:
        for leaf in field.leaves or (field,):
            name = visible(leaf.field)
            values = [] if what is What.ADDED else [(leaf.old, "-", _OLD)]
            values += [] if what is What.REMOVED else [(leaf.new, "+", _NEW)]
            texts = [_whole(value) for value, _, _ in values]
            place_of_leaf = _place_of(leaf) or fallback
            if sum(map(columns, texts)) <= ROOM:
                width = columns(f"{name}: {' → '.join(texts)}")
                shown = (paint(text, tint) for text, (_, _, tint) in zip(texts, values, strict=True))
                rows.append((f"{name}: {' → '.join(shown)}", width, place_of_leaf, []))
            else:
                below = [
                    f"  {paint(line, tint)}"
                    for text, (_, sign, tint) in zip(texts, values, strict=True)
                    for line in _wrapped(text, sign)
                ]
                rows.append((f"{name}:", columns(name) + 1, place_of_leaf, below))
    room = max((width for _, width, _, _ in rows), default=0)
    lines: list[str] = []
    for text, width, location, below in rows:
        lines += [f"{text}{' ' * (room - width)}  {location}".rstrip(), *below]
    return lines


def _wrapped(text: str, sign: str) -> list[str]:
    """Return the lines of a long text, broken between words only."""
    return wrap(
        text,
        ROOM,
        initial_indent=f"{sign} ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _place_of(leaf: FieldChange) -> str:
    """Return the location of the new value, or else of the old one; empty if no file sets it."""
    for origin, word in ((leaf.new_origin, ""), (leaf.old_origin, "was ")):
        if origin is not None and origin.span is not None:
            return f"{word}{place(origin.span)}"
    return ""


def shown_pair(old: Any, new: Any, room: int = ROOM) -> tuple[str, str]:
    """Return two values as JSON, truncated so that the first difference is visible."""
    old_text, new_text = _whole(old), _whole(new)
    start = 0
    if max(len(old_text), len(new_text)) > room:
        pairs = enumerate(zip(old_text, new_text, strict=False))
        same = next((at for at, (a, b) in pairs if a != b), min(len(old_text), len(new_text)))
        start = max(0, min(same - _LEAD, max(len(old_text), len(new_text)) - room + len(_CUT)))
    if start <= len(_CUT):
        return cut(old_text, room), cut(new_text, room)
    return cut(_CUT + old_text[start:], room), cut(_CUT + new_text[start:], room)


def cut(text: str, room: int = ROOM) -> str:
    """Truncate a text."""
    return text if len(text) <= room else text[: room - len(_CUT)] + _CUT


def _whole(value: Any) -> str:
    if value is None:
        return "none"
    return visible(json.dumps(well_formed_data(value), ensure_ascii=False))


def place(span: Span) -> str:
    """Return a location as text."""
    return f"{visible(span.path)}:{span.line}"


def places(change: DefinitionChange | FieldChange) -> tuple[str, str]:
    """Return the old and the new location as text; empty if there is none."""
    from stepwell.review.comparison import FieldChange

    if isinstance(change, FieldChange):
        return origin_text(change.old_origin), origin_text(change.new_origin)
    old, new = change.old_place, change.new_place
    return place(old) if old is not None else "", place(new) if new is not None else ""


def origin_text(origin: Origin | None) -> str:
    """Return the origin of a value as text: a location or the kind of origin; empty for none."""
    if origin is None:
        return ""
    return origin.how if origin.span is None else place(origin.span)


def hidden_by(hidden: HiddenChange) -> str:
    """Return which layer shadows a change of the core."""
    by = hidden.hidden_by
    layer = by.layer.value if by.layer is not None else "definition"
    words = f"shadowed by {layer} of {visible(by.workspace or 'the core')}"
    return words if by.span is None else f"{words}, {place(by.span)}"
