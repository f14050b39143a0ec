"""Breaks that a team has accepted: ``accepted_breaks.yaml`` at the top of the project."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final

from stepwell.model import schema, schema_errors
from stepwell.model.settings import Project
from stepwell.review.comparison import Acceptance, Effect, Level
from stepwell.source.diagnostic import Diagnostic, Related, Severity, Span, in_order
from stepwell.source.document import Document
from stepwell.source.spelling import closest, did_you_mean
from stepwell.source.tree import EntryKind, Tree, read_document

__all__ = ["ACCEPTED_NAMES", "accept", "day_of"]

ACCEPTED_NAMES: Final = ("accepted_breaks.yaml", "accepted_breaks.yml")
"""What the file may be called; the first one that is there is read."""

IsPast = Callable[[str], "bool | None"]

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LIKE_A_DAY: Final = re.compile(r"[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}")
_NO_REVISION: Final = re.compile(r"[\s~^:?*\[\\\x00-\x20\x7f]|\.\.|^[-./]|[./]$|@\{|//|\.lock$")
"""What no name of a revision holds (git-check-ref-format)."""


def accept(
    project: Project, effects: tuple[Effect, ...], is_past: IsPast
) -> tuple[tuple[Effect, ...], tuple[Diagnostic, ...]]:
    """The effects, each with the entry that accepts it, and what is wrong with the entries.

    Args:
        effects: what breaks or may break.
        is_past: whether a date or revision is reached; ``None`` where nobody can tell, and then the entry
            holds: the revision is still to come.
    """
    document, found = _read(project.tree)
    if document is None:
        return effects, found
    broken = _broken(document)
    if broken:
        return effects, in_order((*found, *broken))
    entries = tuple(_entries(document))
    accepting: dict[str, Acceptance] = {}
    told: list[Diagnostic] = [*found]
    for entry in entries:
        wrong = _over(entry, is_past)
        if wrong is None and entry.effect in accepting:
            wrong = _twice(entry, accepting[entry.effect])
        if wrong is not None:
            told.append(wrong)
        else:
            accepting[entry.effect] = entry
    by_key = {effect.key: effect for effect in effects}
    for entry in accepting.values():
        effect = by_key.get(entry.effect)
        if effect is None or effect.level is Level.SAFE:
            told.append(_accepts_nothing(entry, effect, by_key))
    return tuple(_with(effect, accepting.get(effect.key)) for effect in effects), in_order(told)


def day_of(until: str) -> date | None:
    """The day that an ``until`` names, as ``YYYY-MM-DD``; ``None`` where it is a revision."""
    try:
        return date.fromisoformat(until) if _DAY.fullmatch(until) else None
    except ValueError:  # no such day
        return None


def _with(effect: Effect, entry: Acceptance | None) -> Effect:
    return effect if entry is None or effect.level is Level.SAFE else replace(effect, acceptance=entry)


def _read(tree: Tree) -> tuple[Document | None, tuple[Diagnostic, ...]]:
    there = [name for name in ACCEPTED_NAMES if tree.follow(name).kind is not None]
    if not there:
        return None, ()
    first, *further = there
    found = tuple(_not_read(name, first) for name in further)
    target = tree.follow(first)
    if target.path is None:
        message = "this link leads out of the project, so it is not read"
        refused = Diagnostic(
            "outside-project", Severity.ERROR, message, Span(first), "copy the file here instead"
        )
        return None, (*found, refused)
    if target.kind is not EntryKind.FILE:
        refused = Diagnostic(
            "unreadable-file", Severity.ERROR, "this is not a regular file", Span(first), None
        )
        return None, (*found, refused)
    document = read_document(tree, first)
    if isinstance(document, Diagnostic):
        return None, found if document.id == "empty-file" else (*found, document)
    return document, found


def _not_read(name: str, first: str) -> Diagnostic:
    message = f"`{name}` is not read, since `{first}` is there"
    return Diagnostic(
        "stale-acceptance", Severity.WARNING, message, Span(name), "put all entries in one file"
    )


def _broken(document: Document) -> tuple[Diagnostic, ...]:
    if schema.fits("accepted-breaks", document.data):
        return ()
    noun = "the file of accepted breaks"
    return tuple(schema_errors.explain("accepted-breaks", noun, document.data, lambda _: document))


def _entries(document: Document) -> Iterator[Acceptance]:
    entries: Sequence[Mapping[str, Any]] = document.data.get("accepted", ())
    for place, entry in enumerate(entries):
        span = document.value_span(("accepted", place, "what"))
        yield Acceptance(entry["what"], entry["reason"], entry.get("until"), span)


def _over(entry: Acceptance, is_past: IsPast) -> Diagnostic | None:
    """Why an entry does not hold, if it does not."""
    until = entry.until
    if until is None:
        return None
    if day_of(until) is None and (_LIKE_A_DAY.fullmatch(until) or _NO_REVISION.search(until)):
        return Diagnostic(
            "stale-acceptance",
            Severity.ERROR,
            f"`until: {until}` is neither a day nor a revision, so `{entry.effect}` is not accepted",
            entry.span,
            "write a day as `YYYY-MM-DD`, or the name of a tag, a branch or a commit",
        )
    if is_past(until):
        return Diagnostic(
            "stale-acceptance",
            Severity.WARNING,
            f"`{entry.effect}` was accepted until {until}, which is past",
            entry.span,
            "delete the entry, or say until when it holds now",
        )
    return None


def _twice(entry: Acceptance, first: Acceptance) -> Diagnostic:
    return Diagnostic(
        "stale-acceptance",
        Severity.WARNING,
        f"`{entry.effect}` is accepted twice",
        entry.span,
        "keep one of the two",
        (Related("the first is", first.span),),
    )


def _accepts_nothing(entry: Acceptance, effect: Effect | None, keys: Mapping[str, Effect]) -> Diagnostic:
    """An entry that no effect needs: once its change is in the older state, or mistyped.

    One that says until when it holds is meant to outlast a comparison, so it is only told.
    """
    severity = Severity.WARNING if entry.until is None else Severity.INFO
    if effect is not None:
        message = f"`{entry.effect}` is safe and needs no acceptance"
        return Diagnostic("stale-acceptance", severity, message, entry.span, "delete the entry")
    near = closest(entry.effect, [key for key, one in keys.items() if one.level is not Level.SAFE])
    return Diagnostic(
        "stale-acceptance",
        severity,
        f"`{entry.effect}` accepts nothing here",
        entry.span,
        did_you_mean(near) or "delete the entry once its change is released",
    )
