"""Where the value of a field comes from, and what the fields of a step are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from stepwell.merge import origins
from stepwell.model import StepDefinition
from stepwell.model.layer import Origin
from stepwell.model.schema import defaults, fields, fields_of, is_open
from stepwell.source.spelling import closest

__all__ = ["Explanation", "explain", "paths_of"]


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
