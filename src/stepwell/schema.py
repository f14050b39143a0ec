"""The JSON Schemas: what they decide, and what they say of fields and defaults.

``jsonschema_rs`` decides, in microseconds; ``refusals`` finds the words for what it refuses.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from stepwell.documents import thaw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


__all__ = ["contents", "defaults", "fields", "fields_of", "fits", "misfit", "schema_names", "schema_text"]

_NO_LINE_BREAK: Final = r"$(?!\\n)"
"""How the end of a text is written in the patterns, in JSON."""


def _folder() -> Path:
    inside = Path(__file__).parent / "schemas"  # in the wheel
    return inside if inside.is_dir() else Path(__file__).parents[2] / "schemas"


def schema_names() -> tuple[str, ...]:
    """The names of all schemas that are shipped, e.g. ``step``."""
    return tuple(sorted(path.name.removesuffix(".schema.json") for path in _folder().glob("*.schema.json")))


@cache
def schema_text(name: str) -> str:
    """The JSON text of a schema."""
    return (_folder() / f"{name}.schema.json").read_text(encoding="utf-8")


@cache
def contents(name: str) -> dict[str, Any]:
    """A schema as data."""
    loaded: dict[str, Any] = json.loads(schema_text(name))
    return loaded


@cache
def defaults(name: str) -> Mapping[str, Any]:
    """The values that a schema gives to the fields that a document leaves out."""
    fields: dict[str, Any] = contents(name)["properties"]
    return MappingProxyType({key: field["default"] for key, field in fields.items() if "default" in field})


@cache
def fields(name: str) -> tuple[str, ...]:
    """The fields that a schema knows, in its order, without the editors' ``$schema``."""
    return tuple(key for key in contents(name)["properties"] if key != "$schema")


def fields_of(name: str, field: str) -> tuple[str, ...]:
    """The fields that a schema knows inside one of its fields; none where that is no mapping."""
    return tuple(contents(name)["properties"][field].get("properties", ()))


@cache
def _decide(name: str) -> Callable[[Any], bool]:
    import jsonschema_rs

    # Python's `$` also stands before a last line break, which the schemas forbid by looking ahead. In Rust
    # it is the very end, and a pattern that looks ahead costs many times one that does not.
    text = schema_text(name).replace(_NO_LINE_BREAK, "$")
    return jsonschema_rs.Draft202012Validator(json.loads(text)).is_valid


def fits(name: str, data: Mapping[str, Any], *, flat: bool = False) -> bool:
    """Whether plain data fits a schema.

    Args:
        name: the schema's name.
        data: plain data, read-only or not.
        flat: whether no mapping lies inside another value, which saves a copy.
    """
    return _decide(name)(_copy(data) if flat else thaw(data))


def misfit(schema: str, value: Any) -> str:
    """How a value does not fit a schema of the user's, in one sentence; empty when it fits.

    Args:
        schema: its JSON text.
        value: plain data.
    """
    error = next(_errors(schema)(value), None)
    if error is None:
        return ""
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path)
    return f"`{place.lstrip('.')}`: {error.message}" if place else str(error.message)


@cache
def _errors(schema: str) -> Callable[[Any], Iterator[Any]]:
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(json.loads(schema)).iter_errors


def _copy(data: Any) -> dict[str, Any]:
    """A read-only mapping's own copy: many times quicker than ``dict`` of it."""
    copy: dict[str, Any] = data.copy()
    return copy
