"""Notebook representations: text, and self-contained HTML without scripts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

from stepwell.frontends.render.graph import as_mermaid, as_svg, as_text
from stepwell.frontends.render.graph.html import steps_table
from stepwell.frontends.render.run.text import run_lines, seconds
from stepwell.model import StepDefinition
from stepwell.model.graph import Pipeline
from stepwell.model.record import Record
from stepwell.resolve.view import View
from stepwell.run.pipelines import RunRecord
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.document import thaw
from stepwell.source.escape_control import visible
from stepwell.source.excerpt import block

__all__ = ["bundle"]

_MOST_ROWS: Final = 60
"""Maximum number of rows shown for a view."""
_COLOURS: Final = {"error": "#b00020", "warning": "#92700c", "info": "#2563a8"}


def bundle(value: object) -> dict[str, Any]:
    """Return the representations of a value by media type."""
    if isinstance(value, Pipeline):
        return {
            "text/plain": as_text(value),
            "text/html": f"<div>{as_svg(value)}{steps_table(value)}</div>",
            "image/svg+xml": as_svg(value),
            "text/vnd.mermaid": as_mermaid(value),
        }
    if isinstance(value, RunRecord):
        root = os.path.dirname(os.path.dirname(os.path.dirname(value.folder)))  # of .stepwell/runs/ID
        return {"text/plain": "\n".join(run_lines(value, root)), "text/html": _run(value)}
    if isinstance(value, Diagnostic):
        return {"text/plain": block(value, color=False), "text/html": _diagnostic(value)}
    if isinstance(value, View):
        return {"text/plain": repr(value), "text/html": _view(value)}
    if isinstance(value, Record):
        return {"text/plain": repr(value), "text/html": _definition(value)}
    return {"text/plain": repr(value)}


def _view(view: View) -> str:
    rows = [
        (step.name, step.sagemaker_step_type or "", step.framework or "", _layer(step), step.description)
        for _, step in zip(range(_MOST_ROWS), view.values(), strict=False)
    ]
    more = len(view) - len(rows)
    kinds = ", ".join(f"{len(view.tables[folder])} {folder}" for folder in view.tables if view.tables[folder])
    table = _table(("Step", "Type", "Framework", "Layer", "Description"), rows)
    rest = f"<p>and {more} more</p>" if more > 0 else ""
    return f"<div><b>{_text(view.title)}</b>: {_text(kinds or 'nothing')}{table}{rest}</div>"


def _layer(step: StepDefinition) -> str:
    return step.sources[0].layer.value if step.sources else ""


def _definition(record: Record) -> str:
    rows = []
    for name in record.fields():
        value = thaw(record[name])
        if value in (None, (), {}) or (isinstance(value, Mapping) and not value):
            continue
        shown = value if isinstance(value, str) else json.dumps(thaw(value), ensure_ascii=False, default=str)
        rows.append((name, shown))
    place = record.sources[0].document.path if record.sources else ""
    where = f" <code>{_text(place)}</code>" if place else ""
    return f"<div><b>{_text(record.name)}</b>{where}{_table(('Field', 'Value'), rows)}</div>"


def _run(run: RunRecord) -> str:
    rows = [
        (step.node, step.step, step.state.value, seconds(step.seconds) if step.attempts else "", step.fault)
        for step in run.steps
    ]
    took = "" if run.ended is None else f" in {seconds(max(0.0, run.ended - run.began))}"
    head = f"<b>{_text(run.pipeline)}</b>: {run.state.value}{took} <code>{_text(run.id)}</code>"
    return f"<div>{head}{_table(('Id', 'Step', 'State', 'Time', 'Fault'), rows)}</div>"


def _diagnostic(found: Diagnostic) -> str:
    colour = _COLOURS[found.severity.value]
    head = f'<b style="color:{colour}">{found.severity.value}[{_text(found.id)}]</b>: {_text(found.message)}'
    span = found.span
    where = "" if span is None else f"<br><code>{_text(f'{span.path}:{span.line}:{span.column}')}</code>"
    help_text = "" if found.help is None else f"<br>{_text(found.help)}"
    related = "".join(
        f"<li>{_text(one.message)} <code>{_text(f'{one.span.path}:{one.span.line}')}</code></li>"
        for one in found.related
    )
    return f"<div>{head}{where}{help_text}{f'<ul>{related}</ul>' if related else ''}</div>"


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{_text(heading)}</th>" for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td>{_text(one)}</td>' for one in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _text(text: str) -> str:
    return escape(visible(text))
