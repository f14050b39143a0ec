"""The views of a state as plain data: every field of every definition, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stepwell.model import KINDS, Definition
from stepwell.model.layer import Origin
from stepwell.model.schema import defaults, fields
from stepwell.resolve.provenance import origins
from stepwell.resolve.snapshot import Snapshot
from stepwell.resolve.view import View
from stepwell.source.document import thaw

__all__ = ["resolved_views"]


def resolved_views(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    """The core's view, then each workspace's by id, which holds what it sees otherwise than the core.

    Args:
        snapshot: the state.
    """
    for one in (None, *snapshot.workspaces):
        yield _view(snapshot.view(one))


def _view(view: View) -> dict[str, Any]:
    steps = [view.steps[name] for name in view.steps.order if name in view.steps.above]
    told = {
        "workspace": view.workspace,
        "digest": view.digest,
        "first": [name for name in view.steps.first if name in view.steps],
        "steps": [_definition("step", one) for one in steps],
    }
    for folder, kind in KINDS.items():
        if folder not in told:
            above = sorted(view.tables[folder].above.items())
            told[folder] = [_definition(kind.noun, one) for _, one in above]
    return told


def _definition(noun: str, definition: Definition) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for field in (*fields(noun), *sorted(definition.extensions)):
        value = _value(definition, field)
        if value is not None:
            origin = origins(definition.name, definition.sources, (field,), defaults(noun))[0]
            told[field] = {"value": value, "from": _origin(origin)}
    return {"name": definition.name, "digest": definition.digest, "fields": told}


def _value(definition: Definition, field: str) -> Any:
    """A field as a file could state it; ``None`` where it has no value."""
    if field == "deprecated" or field not in definition.FIELDS:
        return thaw(definition.data.get(field))
    return thaw(getattr(definition, field))


def _origin(origin: Origin) -> Mapping[str, Any]:
    span = origin.span
    return {
        "how": origin.how,
        "layer": None if origin.layer is None else origin.layer.value,
        "workspace": origin.workspace,
        "path": None if span is None else span.path,
        "line": None if span is None else span.line,
        "column": None if span is None else span.column,
    }
