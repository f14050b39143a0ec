"""Comparison as a pull request comment: verdict, effects, and collapsed details by view."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Final

from stepwell.frontends.render.comparison.wording import (
    cut,
    headline,
    hidden_by,
    place,
    places,
    shown_pair,
    view_title,
)
from stepwell.model import KIND_OF_NOUN
from stepwell.review.comparison import Level, What
from stepwell.source.escape_control import visible
from stepwell.source.wording import counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepwell.review.comparison import Comparison, DefinitionChange, Effect, ViewComparison
    from stepwell.source.diagnostic import Diagnostic

__all__ = ["LIMIT", "MARKER", "render"]

MARKER: Final = "<!-- stepwell-diff -->"
"""First line, used to find an existing comment."""

LIMIT: Final = 65_536
"""Maximum length of a GitHub comment in characters."""

_FOR_EFFECTS: Final = LIMIT // 2
_FOR_ENDING: Final = 400
_FIRST_ERRORS: Final = 3
_TITLE_ROOM: Final = 200
_NAME_ROOM: Final = 200
_REASON_ROOM: Final = 600

_WORDS: Final = {Level.BREAKING: "**breaking**", Level.RISKY: "**risky**", Level.SAFE: "safe"}
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.,:/(){}\[\]\"'=+-]+( [A-Za-z0-9_.,:/(){}\[\]\"'=+-]+)*", re.ASCII)
_MARKUP: Final = re.compile(r"(?!: )[^A-Za-z0-9 .,;'()?/\u00a0-\U0010ffff-]")
_CALLS: Final = re.compile(r"[@#!$~%&^]")
"""Prefixes of GitHub and GitLab references: users, issues, merge requests, labels, milestones."""


def render(comparison: Comparison, **_unused: object) -> Iterator[str]:
    """Yield the marker, the headline, a table of effects, and a closed ``<details>`` per view.

    Content beyond the maximum length is omitted and counted at the end.
    """
    head = "".join(_head(comparison))
    yield head
    left = LIMIT - _FOR_ENDING - len(head)
    omitted: list[str] = []
    rows = [_row(effect) for effect in comparison.effects]
    if rows:
        table, shown = _fitting(_TABLE, rows, "\n", min(left, _FOR_EFFECTS))
        if shown < len(rows):
            omitted.append(f"{len(rows) - shown} of {counted(len(rows), 'effect')}")
        left -= len(table)
        yield table
    for view in comparison.views:
        items = [*_items(view)]
        if not view:
            continue
        opening = f"<details><summary>{_text(cut(view_title(view), _TITLE_ROOM))}</summary>\n\n"
        block, shown = _fitting(opening, items, _CLOSING, left)
        if shown < len(items) or not block:
            name = "the core" if view.workspace is None else f"workspace {_shown(view.workspace)}"
            omitted.append(f"{len(items) - shown} of {counted(len(items), 'change')} in {name}")
        left -= len(block)
        yield block
    if omitted:
        yield _ending(omitted)


_TABLE: Final = "| level | for | what | where |\n|---|---|---|---|\n"
_CLOSING: Final = "\n</details>\n\n"


def _head(comparison: Comparison) -> Iterator[str]:
    yield f"{MARKER}\n"
    verdict, colon, rest = headline(comparison).partition(":")
    yield f"**Registry: {_text(verdict)}**{' —' if colon else ''}{_text(rest)}\n\n"
    old, new = (
        cut(visible(comparison.old_title), _TITLE_ROOM),
        cut(visible(comparison.new_title), _TITLE_ROOM),
    )
    yield f"From {_code(old)} to {_code(new)}.\n\n"
    for title, errors in ((old, comparison.old_diagnostics), (new, comparison.new_diagnostics)):
        if errors:
            yield f"{counted(len(errors), 'error')} in {_code(title)}; invalid definitions are skipped:\n\n"
            yield from (_finding(error) for error in errors[:_FIRST_ERRORS])
            if len(errors) > _FIRST_ERRORS:
                yield f"- and {len(errors) - _FIRST_ERRORS} more\n"
            yield "\n"
    if comparison.stale:
        yield "Accepted breaks:\n\n"
        yield from (_finding(finding) for finding in comparison.stale[:_FIRST_ERRORS])
        if len(comparison.stale) > _FIRST_ERRORS:
            yield f"- and {len(comparison.stale) - _FIRST_ERRORS} more\n"
        yield "\n"


def _finding(finding: Diagnostic) -> str:
    where = "" if finding.span is None else f"{_code(cut(place(finding.span), _NAME_ROOM))} "
    return f"- {where}{_reason(finding.message)}\n"


def _row(effect: Effect) -> str:
    level = _WORDS[effect.level]
    what = _reason(effect.reason)
    if effect.acceptance is not None:
        level = f"accepted ({effect.level.value})"
        what += f"; accepted: {_text(cut(visible(effect.acceptance.reason), _NAME_ROOM))}"
    whose = "" if effect.workspace is None else f", {_code(cut(visible(effect.workspace), _NAME_ROOM))}"
    span = effect.new_place or effect.old_place
    where = "" if span is None else _code(cut(place(span), _NAME_ROOM))
    if effect.new_place is None and span is not None:
        where = f"was {where}"
    return f"| {level} | {effect.consumer.value}{whose} | {what} | {where} |\n"


def _items(view: ViewComparison) -> Iterator[str]:
    for change in view.changes:
        yield _item(change)
    if view.reordering is not None:
        yield f"- moved in the table: {listed(map(_shown, view.reordering.moved), 20)}\n"
    for hidden in view.hidden:
        old, new = shown_pair(hidden.change.old, hidden.change.new)
        field = f" {_shown(hidden.field)}:" if hidden.field else ""
        by = _text(cut(hidden_by(hidden), _REASON_ROOM))
        yield f"- {_shown(hidden.name)}{field} {_code(old)} → {_code(new)} in the core, {by}\n"


def _item(change: DefinitionChange) -> str:
    name = _shown(change.name)
    noun = "" if change.noun == "step" else f" ({KIND_OF_NOUN[change.noun].title})"
    if change.what is What.RENAMED:
        head = f"renamed: {_shown(change.old_name or '')} → {name} ({change.because}){noun}"
    else:
        head = f"{change.what.value}: {name}{noun}"
    lines = [f"- {head}{_at(*places(change)) if change.what is not What.CHANGED else ''}\n"]
    if change.what in (What.CHANGED, What.RENAMED):
        for field in chain.from_iterable(field.leaves or (field,) for field in change.fields):
            old, new = shown_pair(field.old, field.new)
            way = _at(*places(field))
            lines.append(f"  - {_shown(field.field)}: {_code(old)} → {_code(new)}{way}\n")
    return "".join(lines)


def _at(old: str, new: str) -> str:
    there = [_code(cut(item, _NAME_ROOM)) for item in dict.fromkeys((old, new)) if item]
    return f" ({' → '.join(there)})" if there else ""


def _fitting(opening: str, items: list[str], closing: str, room: int) -> tuple[str, int]:
    """Return the items that fit between opening and closing, and their number; empty if none fits."""
    room -= len(opening) + len(closing)
    ends = [*accumulate(len(item) for item in items)]
    count = bisect_right(ends, room)
    if room < 0 or (items and not count):
        return "", 0
    return "".join((opening, *items[:count], closing)), count


def _ending(omitted: list[str]) -> str:
    shown = omitted[:3]
    more = f", and some of {counted(len(omitted) - 3, 'more view')}" if len(omitted) > 3 else ""
    text = f"Truncated: omitted {', '.join(shown)}{more}. Run `stepwell diff` to show all.\n"
    return text if len(text) <= _FOR_ENDING else "Truncated. Run `stepwell diff` to show all.\n"


def _reason(reason: str) -> str:
    """Return a message with names in backticks as code spans, the rest escaped."""
    pieces = cut(visible(reason), _REASON_ROOM).split("`")
    if len(pieces) % 2 == 0:  # unbalanced backtick
        pieces[-2:] = ["`".join(pieces[-2:])]
    return "".join(_code(piece) if at % 2 else _text(piece) for at, piece in enumerate(pieces))


def _shown(name: str) -> str:
    return _code(cut(visible(name), _NAME_ROOM))


def _code(text: str) -> str:
    """Return a code span that is safe in and outside tables.

    Text that could end it, or that a bot could interpret as a mention, is written as character references
    (CommonMark 0.31 section 2.5).
    """
    if _PLAIN.fullmatch(text):
        return f"`{text}`"
    return f"<code>{_referred(text) or '&nbsp;'}</code>"


def _text(text: str) -> str:
    """Return text without markup or mentions (mentions are not read in ``<code>``)."""
    return "".join(
        f"<code>{_referred(word)}</code>" if _CALLS.search(word) else _referred(word)
        for word in re.split("( +)", text)
    )


def _referred(text: str) -> str:
    return _MARKUP.sub(lambda match: f"&#{ord(match[0])};", text)
