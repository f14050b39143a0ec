"""Accepted breaking changes: ``accepted_breaks.yaml`` in the project root."""

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
"""File names; the first existing one is read."""

IsPast = Callable[[str], "bool | None"]

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LIKE_A_DAY: Final = re.compile(r"[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}")
_NO_REVISION: Final = re.compile(r"[\s~^:?*\[\\\x00-\x20\x7f]|\.\.|^[-./]|[./]$|@\{|//|\.lock$")
"""Characters that revision names do not contain (git-check-ref-format)."""


def accept(
    project: Project, effects: tuple[Effect, ...], is_past: IsPast
) -> tuple[tuple[Effect, ...], tuple[Diagnostic, ...]]:
    """Return the effects with their acceptances, and findings about the entries.

    Args:
       effects: breaking and risky effects.
       is_past: whether an expiry date or revision has passed; ``None`` if unknown, in which case the entry is
           valid.
    """
    document, unread = _read(project.tree)
    if document is None:
        return effects, unread
    broken = _broken(document)
    if broken:
        return effects, in_order((*unread, *broken))
    entries = tuple(_entries(document))
    accepting: dict[str, Acceptance] = {}
    findings: list[Diagnostic] = [*unread]
    for entry in entries:
        wrong = _over(entry, is_past)
        if wrong is None and entry.effect in accepting:
            wrong = _twice(entry, accepting[entry.effect])
        if wrong is not None:
            findings.append(wrong)
        else:
            accepting[entry.effect] = entry
    by_key = {effect.key: effect for effect in effects}
    for entry in accepting.values():
        effect = by_key.get(entry.effect)
        if effect is None or effect.level is Level.SAFE:
            findings.append(_accepts_nothing(entry, effect, by_key))
    return tuple(_with(effect, accepting.get(effect.key)) for effect in effects), in_order(findings)


def day_of(until: str) -> date | None:
    """Return the expiry date of ``until``, or ``None`` if it is a revision."""
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
    findings = tuple(_not_read(name, first) for name in further)
    target = tree.follow(first)
    if target.path is None:
        message = "symbolic link leaves the project; it was not read"
        refused = Diagnostic(
            "outside-project", Severity.ERROR, message, Span(first), "copy the file into the project"
        )
        return None, (*findings, refused)
    if target.kind is not EntryKind.FILE:
        refused = Diagnostic(
            "unreadable-file", Severity.ERROR, "this is not a regular file", Span(first), None
        )
        return None, (*findings, refused)
    document = read_document(tree, first)
    if isinstance(document, Diagnostic):
        return None, findings if document.id == "empty-file" else (*findings, document)
    return document, findings


def _not_read(name: str, first: str) -> Diagnostic:
    message = f"`{name}` is ignored because `{first}` exists"
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
    """Return the finding for an invalid or expired entry."""
    until = entry.until
    if until is None:
        return None
    if day_of(until) is None and (_LIKE_A_DAY.fullmatch(until) or _NO_REVISION.search(until)):
        return Diagnostic(
            "stale-acceptance",
            Severity.ERROR,
            f"`until: {until}` is neither a date nor a revision, so `{entry.effect}` is not accepted",
            entry.span,
            "use a date as `YYYY-MM-DD`, or a tag, a branch or a commit",
        )
    if is_past(until):
        return Diagnostic(
            "stale-acceptance",
            Severity.WARNING,
            f"acceptance of `{entry.effect}` expired: {until} has passed",
            entry.span,
            "delete the entry, or set a later expiry date",
        )
    return None


def _twice(entry: Acceptance, first: Acceptance) -> Diagnostic:
    return Diagnostic(
        "stale-acceptance",
        Severity.WARNING,
        f"`{entry.effect}` is accepted twice",
        entry.span,
        "delete one of the entries",
        (Related("first entry", first.span),),
    )


def _accepts_nothing(entry: Acceptance, effect: Effect | None, keys: Mapping[str, Effect]) -> Diagnostic:
    """Return the finding for an entry without an effect: a released change or a typo.

    An entry with an expiry may outlast a comparison, so its finding is only an info.
    """
    severity = Severity.WARNING if entry.until is None else Severity.INFO
    if effect is not None:
        message = f"`{entry.effect}` is safe and does not need to be accepted"
        return Diagnostic("stale-acceptance", severity, message, entry.span, "delete the entry")
    near = closest(
        entry.effect, [key for key, effect_of_key in keys.items() if effect_of_key.level is not Level.SAFE]
    )
    return Diagnostic(
        "stale-acceptance",
        severity,
        f"`{entry.effect}` matches no effect",
        entry.span,
        did_you_mean(near) or "delete the entry once its change is released",
    )
