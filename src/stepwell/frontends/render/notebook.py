"""Notebook representations: text, and self-contained HTML without scripts."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Any, Final

from stepwell.frontends.render.graph import as_mermaid, as_svg, as_text
from stepwell.frontends.render.graph.svg import steps_table
from stepwell.frontends.render.run.text import run_lines, seconds
from stepwell.live.health import Health
from stepwell.live.registry import Registry
from stepwell.live.store import Event
from stepwell.model.graph import Pipeline
from stepwell.model.record import Record
from stepwell.resolve.choose import Resolution
from stepwell.resolve.conflicts import Conflict
from stepwell.resolve.provenance import Explanation
from stepwell.resolve.strategies import Candidate
from stepwell.resolve.table import LayeredTable
from stepwell.resolve.view import View
from stepwell.run.pipelines import RunRecord
from stepwell.source.diagnostic import Diagnostic, counted_findings
from stepwell.source.document import thaw
from stepwell.source.escape_control import visible
from stepwell.source.excerpt import block
from stepwell.source.wording import counted

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
    tables: tuple[tuple[type, Callable[[Any], str]], ...] = (
        (Registry, _registry),
        (Explanation, _explanation),
        (Conflict, _conflict),
        (Resolution, _resolution),
        (Health, _health),
        (Event, _event),
        (LayeredTable, _definitions),
    )
    html = next((draw(value) for kind, draw in tables if isinstance(value, kind)), None)
    return {"text/plain": repr(value)} if html is None else {"text/plain": repr(value), "text/html": html}


def _registry(registry: Registry) -> str:
    views = [registry.view(workspace) for workspace in (None, *registry.workspaces)]
    rows = [(view.title, str(len(view)), str(len(view.pipelines))) for view in views]
    findings = counted_findings(registry.diagnostics) or "no findings"
    return _titled(registry.project.root, findings, _table(("View", "Steps", "Pipelines"), rows))


def _explanation(explained: Explanation) -> str:
    origins = (("wins", explained.winner), *(("loses", origin) for origin in explained.losers))
    rows = [
        (
            word,
            json.dumps(thaw(origin.value), ensure_ascii=False, default=str),
            origin.layer.value if origin.layer is not None else origin.how,
            origin.workspace or "",
            f"{origin.span.path}:{origin.span.line}" if origin.span is not None else "",
        )
        for word, origin in origins
    ]
    table = _table(("", "Value", "Origin", "Workspace", "Location"), rows)
    return _titled(f"{explained.step}.{explained.field}", "origins", table)


def _candidates(candidates: Iterable[Candidate]) -> str:
    rows = ((candidate.owner, candidate.layer.value, candidate.place) for candidate in candidates)
    return _table(("Owner", "Layer", "Location"), rows)


def _conflict(conflict: Conflict) -> str:
    text = conflict.agreement.value + (", ambiguous" if conflict.ambiguous else "")
    table = _candidates((*conflict.candidates, *conflict.hidden))
    return _titled(conflict.name, f"{text}. {conflict.recommendation}", table)


def _resolution(resolution: Resolution) -> str:
    tried = _table(("Strategy", "Result"), resolution.tried)
    chosen = f"{resolution.chosen.owner}, {resolution.chosen.place}"
    return _titled(resolution.name, chosen, f"{_candidates(resolution.candidates)}{tried}")


def _health(health: Health) -> str:
    rows = [
        (f"{layer.layer.value} {layer.workspace or ''}".rstrip(), str(layer.errors), str(layer.warnings))
        for layer in health.layers
    ]
    advice = "".join(f"<li>{_text(sentence)}</li>" for sentence in health.recommendations)
    table = _table(("Layer", "Errors", "Warnings"), rows)
    counts = f"{counted(health.errors, 'error')}, {counted(health.warnings, 'warning')}"
    return _titled(health.status.value, counts, f"{table}<ul>{advice}</ul>" if advice else table)


def _event(event: Event) -> str:
    findings = counted_findings(event.diagnostics) or "no findings"
    state = "accepted" if event.accepted else "rejected"
    return _titled(state, f"{event.cause}, {findings}", "".join(map(_diagnostic, event.diagnostics)))


def _titled(title: str, text: str, html: str) -> str:
    return f"<div><b>{_text(title)}</b>: {_text(text)}{html}</div>"


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


def _definitions(table: LayeredTable[Any]) -> str:
    rows = [
        (
            each.name,
            _layer(each),
            _path_of(each),
            each["description"] or "",
        )
        for _, each in zip(range(_MOST_ROWS), table.values(), strict=False)
    ]
    more = len(table) - len(rows)
    rest = f"<p>and {more} more</p>" if more > 0 else ""
    shown = f"{_table(('Name', 'Layer', 'File', 'Description'), rows)}{rest}"
    return _titled(counted(len(table), "definition"), "in table order", shown)


def _path_of(record: Record) -> str:
    return record.sources[0].document.path if record.sources else ""


def _layer(record: Record) -> str:
    return record.sources[0].layer.value if record.sources else ""


def _definition(record: Record) -> str:
    rows = []
    for name in record.fields():
        value = thaw(record[name])
        if value in (None, (), {}) or (isinstance(value, Mapping) and not value):
            continue
        shown = value if isinstance(value, str) else json.dumps(thaw(value), ensure_ascii=False, default=str)
        rows.append((name, shown))
    place = _path_of(record)
    where = f" <code>{_text(place)}</code>" if place else ""
    return f"<div><b>{_text(record.name)}</b>{where}{_table(('Field', 'Value'), rows)}</div>"


def _run(run: RunRecord) -> str:
    rows = [
        (step.node, step.step, step.state.value, seconds(step.seconds) if step.seconds else "", step.fault)
        for step in run.steps
    ]
    took = "" if run.ended is None else f" in {seconds(run.seconds)}"
    head = f"<b>{_text(run.pipeline)}</b>: {run.state.value}{took} <code>{_text(run.id)}</code>"
    return f"<div>{head}{_table(('Id', 'Step', 'State', 'Time', 'Fault'), rows)}</div>"


def _diagnostic(item: Diagnostic) -> str:
    colour = _COLOURS[item.severity.value]
    head = f'<b style="color:{colour}">{item.severity.value}[{_text(item.id)}]</b>: {_text(item.message)}'
    span = item.span
    where = "" if span is None else f"<br><code>{_text(f'{span.path}:{span.line}:{span.column}')}</code>"
    help_text = "" if item.help is None else f"<br>{_text(item.help)}"
    related = "".join(
        f"<li>{_text(finding.message)} <code>{_text(f'{finding.span.path}:{finding.span.line}')}</code></li>"
        for finding in item.related
    )
    return f"<div>{head}{where}{help_text}{f'<ul>{related}</ul>' if related else ''}</div>"


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{_text(heading)}</th>" for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td>{_text(item)}</td>' for item in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _text(text: str) -> str:
    return escape(visible(text))
