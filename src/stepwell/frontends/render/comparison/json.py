"""A comparison for programs: the form that ``schemas/output-diff.schema.json`` describes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from stepwell.frontends.render.comparison.wording import counts, plain
from stepwell.frontends.render.json import finding
from stepwell.source.escape_control import well_formed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepwell.model.layer import Origin
    from stepwell.review.comparison import (
        Acceptance,
        Comparison,
        DefinitionChange,
        Effect,
        FieldChange,
        ViewComparison,
    )
    from stepwell.source.diagnostic import Diagnostic, Span

__all__ = ["VERSION", "render"]

VERSION = 1
"""The version of the form; it rises with every change that a reader could notice."""


def render(comparison: Comparison, **_unused: object) -> Iterator[str]:
    """One JSON object in ASCII, its keys always in the same order."""
    answer = {
        "version": VERSION,
        "verdict": comparison.verdict.value,
        "counts": counts(comparison),
        "old": _state(comparison.old_title, comparison.old_diagnostics),
        "new": _state(comparison.new_title, comparison.new_diagnostics),
        "effects": [_effect(one) for one in comparison.effects],
        "views": [_view(one) for one in comparison.views if one],
        "stale": [finding(one) for one in comparison.stale],
    }
    yield from json.JSONEncoder(indent=2).iterencode(answer)
    yield "\n"


def _state(title: str, errors: tuple[Diagnostic, ...]) -> dict[str, Any]:
    return {"title": well_formed(title), "errors": [finding(one) for one in errors]}


def _effect(effect: Effect) -> dict[str, Any]:
    return {
        "key": well_formed(effect.key),
        "consumer": effect.consumer.value,
        "level": effect.level.value,
        "id": effect.id,
        "subject": well_formed(effect.subject),
        "workspace": _text(effect.workspace),
        "reason": well_formed(effect.reason),
        "old_place": _place(effect.old_place),
        "new_place": _place(effect.new_place),
        "acceptance": None if effect.acceptance is None else _acceptance(effect.acceptance),
    }


def _acceptance(entry: Acceptance) -> dict[str, Any]:
    return {
        "reason": well_formed(entry.reason),
        "until": _text(entry.until),
        "place": _place(entry.span),
    }


def _view(view: ViewComparison) -> dict[str, Any]:
    return {
        "workspace": _text(view.workspace),
        "is_new": view.is_new,
        "is_gone": view.is_gone,
        "inherited": view.inherited,
        "changes": [_change(one) for one in view.changes],
        "hidden": [
            {
                "noun": one.noun,
                "name": well_formed(one.name),
                "field": well_formed(one.field),
                "change": _field(one.change),
                "hidden_by": _origin(one.hidden_by),
            }
            for one in view.hidden
        ],
        "moved": [] if view.reordering is None else [well_formed(name) for name in view.reordering.moved],
    }


def _change(change: DefinitionChange) -> dict[str, Any]:
    return {
        "what": change.what.value,
        "noun": change.noun,
        "name": well_formed(change.name),
        "old_name": _text(change.old_name),
        "because": change.because,
        "old_place": _place(change.old_place),
        "new_place": _place(change.new_place),
        "fields": [_field(one) for one in change.fields],
    }


def _field(change: FieldChange) -> dict[str, Any]:
    return {
        "field": well_formed(change.field),
        "old": plain(change.old),
        "new": plain(change.new),
        "old_origin": _origin(change.old_origin),
        "new_origin": _origin(change.new_origin),
    }


def _origin(origin: Origin | None) -> dict[str, Any] | None:
    if origin is None:
        return None
    return {
        "how": origin.how,
        "layer": None if origin.layer is None else origin.layer.value,
        "workspace": _text(origin.workspace),
        "place": _place(origin.span),
    }


def _place(span: Span | None) -> dict[str, Any] | None:
    if span is None:
        return None
    return {
        "path": well_formed(span.path),
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


def _text(text: str | None) -> str | None:
    return None if text is None else well_formed(text)
