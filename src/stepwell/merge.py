"""The order of the layers, and what gave a value where several of them speak of one definition.

This is the only place that knows the order: runtime, override, local, core, plugin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stepwell.model import CONVENTIONS
from stepwell.model.layer import ABSENT, Origin, Source, step_into
from stepwell.source.document import Pointer

__all__ = ["origins"]


def origins(
    name: str,
    sources: tuple[Source, ...],
    pointer: Pointer,
    defaults: Mapping[str, Any],
    hidden: tuple[tuple[Source, ...], ...] = (),
) -> tuple[Origin, ...]:
    """Everything that speaks of a field, the winner first.

    Args:
        name: the definition's name.
        sources: its documents, topmost first.
        pointer: the field, e.g. ``("config_class",)`` or ``("deprecated", "note")``.
        defaults: what the schema gives to fields that are left out.
        hidden: the documents of definitions that this one hides whole; they lose whatever they say.
    """
    told = tuple(_told(sources, pointer))
    covered = tuple(origin for one in hidden for origin in _told(one, pointer))
    default = _default(name, sources, pointer, defaults)
    removed = bool(told) and told[0].how == "removed"
    if removed or not told:
        return (default, *told, *covered)
    return (*told, *covered) if default.how == "not stated" else (*told, *covered, default)


def _told(sources: tuple[Source, ...], pointer: Pointer) -> Iterator[Origin]:
    for source in sources:
        value: Any = source.document.data
        depth = 0
        for step in pointer:
            value = step_into(value, step)
            depth += 1
            if value is ABSENT or value is None:
                break
        if value is ABSENT:
            continue
        here = pointer[:depth]
        span = source.document.value_span(here)
        how = "removed" if value is None else "stated"
        yield Origin(value, source.layer, source.workspace, span, how)


def _default(name: str, sources: tuple[Source, ...], pointer: Pointer, defaults: Mapping[str, Any]) -> Origin:
    field = str(pointer[0])
    if len(pointer) == 1 and field in CONVENTIONS and _effective(sources, "sagemaker_step_type") is not None:
        return Origin(name + CONVENTIONS[field], None, None, None, "by convention")
    if len(pointer) == 1 and field in defaults:
        value = defaults[field]
        return Origin(tuple(value) if isinstance(value, list) else value, None, None, None, "schema default")
    return Origin(None, None, None, None, "not stated")


def _effective(sources: tuple[Source, ...], field: str) -> Any:
    return next((source.document.data[field] for source in sources if field in source.document.data), None)
