"""The base of every output record, the types that their fields share, and the JSON encoder."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from stepwell.source.escape_control import well_formed

__all__ = [
    "Amount",
    "Count",
    "Ordinal",
    "OutputPart",
    "OutputRecord",
    "Priority",
    "Share",
    "doc",
    "encode",
    "one_of",
    "plain",
]

Count = Annotated[int, Meta(ge=0)]
Ordinal = Annotated[int, Meta(ge=1)]
Priority = Annotated[int, Meta(ge=0, le=1000)]
Amount = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]


def doc(
    description: str, *examples: Any, min_length: int | None = None, max_length: int | None = None
) -> Meta:
    """Return the description and examples of a field."""
    return Meta(
        description=description, examples=list(examples) or None, min_length=min_length, max_length=max_length
    )


def one_of(*values: str) -> Meta:
    """Return the allowed values of a text."""
    return Meta(extra_json_schema={"enum": list(values)})


class OutputPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of an output; its docstring and the ``doc`` of its fields are the descriptions in the schema."""


class OutputRecord(OutputPart, frozen=True, kw_only=True):
    """Base of all outputs."""

    version: Annotated[
        Literal[1],
        doc("Version of this form. It rises with every change that a reader could notice."),
    ] = 1


def plain(record: object) -> Any:
    """A record as plain data, every text in it representable in UTF-8."""
    return _well_formed(msgspec.to_builtins(record))


def encode(record: object, *, indent: int | None = 2, ascii_only: bool = True) -> str:
    """A record as JSON text, every text in it representable in UTF-8."""
    data = msgspec.to_builtins(record)
    text = json.dumps(data, indent=indent, ensure_ascii=ascii_only)
    if ascii_only and "\\ud" not in text:  # the escape of a surrogate, alone or in a pair
        return text
    return json.dumps(_well_formed(data), indent=indent, ensure_ascii=ascii_only)


def _well_formed(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else well_formed(value)
    if isinstance(value, dict):
        return {_well_formed(key): _well_formed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_well_formed(item) for item in value]
    return value
