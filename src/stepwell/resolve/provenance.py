"""Where the value of a field comes from, and what the fields of a step are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

from stepwell.model import CONVENTIONS, StepDefinition
from stepwell.model.layer import ABSENT, Origin, Source, step_into
from stepwell.model.schema import defaults, fields, fields_of, is_open
from stepwell.source.document import Pointer
from stepwell.source.spelling import closest

__all__ = [
    "Explanation",
    "explain",
    "origins",
    "paths_of",
]


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


@final
@dataclass(frozen=True, slots=True)
class Explanation:
    """Where the value of one field comes from.

    Args:
        step: the step's name.
        field: the field, dotted where it lies inside a mapping.
        value: what the view serves.
        winner: what gave it.
        losers: what else speaks of the field, topmost first, the default last.
    """

    step: str
    field: str
    value: Any
    winner: Origin
    losers: tuple[Origin, ...]


def explain(definition: StepDefinition, field: str, hidden: tuple[StepDefinition, ...]) -> Explanation:
    """Where the value of a field comes from: what gave it, and all that lost.

    Args:
        definition: the step.
        field: a field's name, dotted for one inside a mapping.
        hidden: the definitions of its name that it hides whole, topmost first.

    Raises:
        LookupError: a step cannot have such a field.
    """
    told = origins(
        definition.name,
        definition.sources,
        _pointer(field, definition),
        defaults("step"),
        tuple(one.sources for one in hidden),
    )
    return Explanation(definition.name, field, told[0].value, told[0], told[1:])


def paths_of(definition: StepDefinition) -> tuple[str, ...]:
    """Every field that a step can have, in the schema's order; of a mapping that it states, each key."""
    return tuple(path for field in _fields_of(definition) for path in _leaves(definition, field))


def _fields_of(definition: StepDefinition) -> tuple[str, ...]:
    return (*fields("step"), *definition.extensions)


def _leaves(definition: StepDefinition, field: str) -> tuple[str, ...]:
    value = definition.data.get(field)
    if isinstance(value, Mapping) and value:
        return tuple(f"{field}.{key}" for key in value)
    return (field,)


def _pointer(field: str, definition: StepDefinition) -> tuple[str, ...]:
    if field in definition.data:
        return (field,)
    head, *rest = field.split(".")
    known = _fields_of(definition)
    if head not in known:
        raise _no_field("a step", head, known)
    if rest and not head.startswith("x-") and not is_open("step", head):
        inner = fields_of("step", head)
        if not inner:
            raise LookupError(f"`{head}` has no fields")
        if rest[0] not in inner or len(rest) > 1:
            raise _no_field(f"`{head}`", ".".join(rest), inner)
    return (head, *rest)


def _no_field(owner: str, field: str, known: tuple[str, ...]) -> LookupError:
    near = closest(field, known)
    hint = f" (did you mean `{near[0]}`?)" if near else ""
    return LookupError(f"{owner} has no field `{field}`{hint}")
