"""Provenance of field values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, final

from stepwell.model import Record
from stepwell.model.layer import Origin, Source, origins_in
from stepwell.model.record import facts
from stepwell.source.document import Pointer
from stepwell.source.immutable import InNotebook, record

__all__ = [
    "Explanation",
    "explain",
    "explain_all",
    "origins",
    "pointer_of",
]


def origins(
    definition: Record, pointer: Pointer, hidden: tuple[tuple[Source, ...], ...] = ()
) -> tuple[Origin, ...]:
    """Return all origins of a field, the effective one first.

    Args:
        pointer: the field, e.g. ``("config_class",)`` or ``("deprecated", "note")``.
    """
    fallback = definition.fallback(*pointer)
    stated = [*origins_in(definition.sources, pointer)]
    below = chain.from_iterable(origins_in(sources, pointer) for sources in hidden)
    if fallback.how == "not stated":
        return (*stated, *below) if stated else (fallback, *below)
    if not stated or stated[0].how == "removed":
        return (fallback, *stated, *below)
    return (*stated, *below, fallback)


@final
@record
class Explanation(InNotebook):
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
    return _explained(definition, pointer_of(field, definition), hidden)


def explain_all(definition: Record, hidden: tuple[Record, ...]) -> tuple[Explanation, ...]:
    """Return the provenance of all leaves, in schema order: lists as a whole, removed values too.

    Args:
        hidden: the hidden definitions of the name, topmost first.
    """
    every = (
        _explained(definition, pointer, hidden)
        for field in _fields_of(definition)
        for pointer in _leaves(definition, field)
    )
    return tuple(
        each
        for each in every
        if each.winner.how != "not stated" and (each.winner.how != "removed" or each.losers)
    )


def _explained(definition: Record, pointer: Pointer, hidden: tuple[Record, ...]) -> Explanation:
    every = origins(definition, pointer, tuple(each.sources for each in hidden))
    return Explanation(definition.name, ".".join(map(str, pointer)), every[0].value, every[0], every[1:])


def _fields_of(definition: Record) -> tuple[str, ...]:
    removed = (key for source in definition.sources for key in source.document.data)
    known = facts(definition.SCHEMA).fields
    return (*known, *dict.fromkeys(key for key in (*definition.extensions, *removed) if key not in known))


def _leaves(definition: Record, field: str) -> tuple[Pointer, ...]:
    """Return the pointers of a field's leaves: effective ones, then those that an override removes."""
    effective = _inside(definition.data.get(field), (field,), removed=False)
    removed = (
        pointer
        for source in definition.sources
        for pointer in _inside(source.document.data.get(field, ()), (field,), removed=True)
    )
    return tuple(dict.fromkeys((*effective, *removed)))


def _inside(value: Any, pointer: Pointer, *, removed: bool) -> Iterator[Pointer]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _inside(inner, (*pointer, key), removed=removed)
    elif not removed or value is None:
        yield pointer


def pointer_of(field: str, definition: Record) -> Pointer:
    """Return the pointer that a dotted text refers to; a key may itself contain dots."""
    known = _fields_of(definition)
    parts = field.split(".")
    pointer: list[str] = []
    values: list[Any] = [definition.data, *(source.document.data for source in definition.sources)]
    while parts:
        inner = [value for value in values if isinstance(value, Mapping)]
        step = next(
            (
                ".".join(parts[:count])
                for count in range(1, len(parts) + 1)
                if any(".".join(parts[:count]) in value for value in inner)
            ),
            parts[0],
        )
        if not any(step in value for value in inner):
            break
        pointer.append(step)
        parts = parts[step.count(".") + 1 :]
        values = [value[step] for value in inner if step in value]
    if not parts:
        return tuple(pointer)
    if not pointer and parts[0] in known:
        pointer, values = [parts.pop(0)], []
    nested = facts(definition.SCHEMA).nested
    declared = nested.get(pointer[0], ()) if pointer else ()
    if len(pointer) == 1 and len(parts) == 1 and parts[0] in declared:
        return (*pointer, parts[0])
    if not parts:
        return tuple(pointer)
    owner = f"`{'.'.join(pointer)}`" if pointer else f"a {definition.SCHEMA}"
    keys = dict.fromkeys(key for value in values if isinstance(value, Mapping) for key in value)
    choices = (
        known if not pointer else tuple(dict.fromkeys((*keys, *(declared if len(pointer) == 1 else ()))))
    )
    if not choices:
        raise LookupError(f"{owner} has no fields")
    from stepwell.source.spelling import suggest
    from stepwell.source.wording import parenthesised

    hint = parenthesised(suggest(parts[0], choices))
    raise LookupError(f"{owner} has no field `{'.'.join(parts)}`{hint}")
