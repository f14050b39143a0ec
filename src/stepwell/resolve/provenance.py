"""Provenance of field values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, final

from stepwell.model import Record
from stepwell.model.layer import Origin, Source, origins_in
from stepwell.model.schema import fields, fields_of, is_open
from stepwell.source.document import Pointer
from stepwell.source.immutable import immutable
from stepwell.source.spelling import suggest
from stepwell.source.wording import parenthesised

__all__ = [
    "Explanation",
    "explain",
    "explain_all",
    "origins",
]


def origins(
    definition: Record, pointer: Pointer, hidden: tuple[tuple[Source, ...], ...] = ()
) -> tuple[Origin, ...]:
    """Return all origins of a field, the effective one first.

    Args:
        pointer: the field, e.g. ``("config_class",)`` or ``("deprecated", "note")``.
    """
    winner = definition.origin(*pointer)
    fallback = definition.fallback(*pointer)
    told = chain.from_iterable(origins_in(sources, pointer) for sources in (definition.sources, *hidden))
    if winner.layer is None:
        return (winner, *told)
    return tuple(told) if fallback.how == "not stated" else (*told, fallback)


@final
@immutable
@dataclass(frozen=True, slots=True)
class Explanation:
    """Provenance of one field.

    Args:
        field: dotted for nested fields.
        losers: overridden origins, topmost first, the default last.
    """

    step: str
    field: str
    value: Any
    winner: Origin
    losers: tuple[Origin, ...]


def explain(definition: Record, field: str, hidden: tuple[Record, ...]) -> Explanation:
    """Return the provenance of a field, including overridden values.

    Args:
        field: dotted for nested fields.
        hidden: the hidden definitions of the name, topmost first.

    Raises:
        LookupError: unknown field.
    """
    return _explained(definition, _pointer(field, definition), hidden)


def explain_all(definition: Record, hidden: tuple[Record, ...]) -> tuple[Explanation, ...]:
    """Return the provenance of all fields with a value, in schema order, and of nested keys.

    Args:
        hidden: the hidden definitions of the name, topmost first.
    """
    every = (
        _explained(definition, pointer, hidden)
        for field in _fields_of(definition)
        for pointer in _leaves(definition, field)
    )
    return tuple(one for one in every if one.winner.how != "not stated")


def _explained(definition: Record, pointer: tuple[str, ...], hidden: tuple[Record, ...]) -> Explanation:
    told = origins(definition, pointer, tuple(one.sources for one in hidden))
    return Explanation(definition.name, ".".join(pointer), told[0].value, told[0], told[1:])


def _fields_of(definition: Record) -> tuple[str, ...]:
    return (*fields(definition.SCHEMA), *definition.extensions)


def _leaves(definition: Record, field: str) -> Iterator[tuple[str, ...]]:
    value = definition.data.get(field)
    if isinstance(value, Mapping) and value:
        yield from ((field, key) for key in value)
    else:
        yield (field,)


def _pointer(field: str, definition: Record) -> tuple[str, ...]:
    if field in definition.data:
        return (field,)
    head, *rest = field.split(".")
    known = _fields_of(definition)
    if head not in known:
        raise _no_field(f"a {definition.SCHEMA}", head, known)
    if rest and not head.startswith("x-") and not is_open(definition.SCHEMA, head):
        inner = fields_of(definition.SCHEMA, head)
        if not inner:
            raise LookupError(f"`{head}` has no fields")
        if rest[0] not in inner or len(rest) > 1:
            raise _no_field(f"`{head}`", ".".join(rest), inner)
    return (head, *rest)


def _no_field(owner: str, field: str, known: tuple[str, ...]) -> LookupError:
    hint = parenthesised(suggest(field, known))
    return LookupError(f"{owner} has no field `{field}`{hint}")
