"""The JSON Schemas: what they decide, and what they say of fields and defaults.

``jsonschema_rs`` decides, in microseconds; ``refusals`` finds the words for what it refuses.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, final

from stepwell.source.document import thaw

if TYPE_CHECKING:
    from collections.abc import Callable


__all__ = [
    "DIALECT",
    "SHORT_FORM",
    "Compiled",
    "InvalidSchema",
    "compiled",
    "contents",
    "defaults",
    "expanded",
    "fields",
    "fields_of",
    "fits",
    "is_open",
    "schema_names",
    "schema_text",
]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
"""The dialect of every schema, ours and a step's."""

SHORT_FORM: Final = ("required_fields", "optional_fields")
"""What a step's ``parameters`` may say in place of a JSON Schema."""

_NO_LINE_BREAK: Final = r"$(?!\\n)"
"""How the end of a text is written in the patterns, in JSON."""


def _folder() -> Path:
    inside = Path(__file__).parents[1] / "schemas"  # in the wheel
    return inside if inside.is_dir() else Path(__file__).parents[3] / "schemas"


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


def is_open(name: str, field: str) -> bool:
    """Whether a schema lets a field hold keys that it does not know."""
    return contents(name)["properties"][field].get("additionalProperties") is True


@final
class InvalidSchema(ValueError):
    """A schema that a user wrote is none.

    Args:
        message: what is wrong, in words.
        pointer: where in the schema.
    """

    def __init__(self, message: str, pointer: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.pointer = pointer


def expanded(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema that a step's ``parameters`` stand for, as changeable data.

    Args:
        parameters: as they are stated, a JSON Schema or its short form.
    """
    stated: dict[str, Any] = thaw(parameters)
    if stated.keys().isdisjoint(SHORT_FORM):
        return stated
    required = stated.get("required_fields") or []
    names = (*required, *(stated.get("optional_fields") or ()))
    return {
        "type": "object",
        "properties": {name: {} for name in names},
        "required": required,
        "additionalProperties": False,
    }


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


def _copy(data: Any) -> dict[str, Any]:
    """A read-only mapping's own copy: many times quicker than ``dict`` of it."""
    copy: dict[str, Any] = data.copy()
    return copy


@final
class Compiled:
    """A JSON Schema (draft 2020-12) that somebody wrote, ready to decide; it fetches nothing.

    Args:
        text: the schema as JSON.

    Raises:
        InvalidSchema: it is none, or refers to what lies outside it.
    """

    __slots__ = ("_validator",)

    def __init__(self, text: str) -> None:
        import jsonschema_rs

        stated = json.loads(text)
        if isinstance(stated, dict) and stated.get("$schema", DIALECT) != DIALECT:
            raise InvalidSchema(f"its dialect must be {DIALECT}", ("$schema",))
        try:
            self._validator = jsonschema_rs.Draft202012Validator(stated, retriever=_refuse_to_fetch)
        except jsonschema_rs.ValidationError as error:
            place = tuple(error.instance_path)
            reference = _outside(stated)
            if reference is not None and not place:
                raise InvalidSchema("it refers to what lies outside it", reference) from None
            raise InvalidSchema(error.message.partition("\n")[0], place) from None

    def fits(self, data: Any) -> bool:
        """Whether plain data fits."""
        return self._validator.is_valid(data)

    def faults(self, data: Any) -> tuple[str, ...]:
        """Why data does not fit, each in one line with the place in the data, by place."""
        found = (
            ("".join(f"[{json.dumps(step)}]" for step in error.instance_path), error.message)
            for error in self._validator.iter_errors(data)
        )
        return tuple(f"{place}: {message}" if place else message for place, message in sorted(found))


def compiled(schema: Mapping[str, Any] | bool) -> Compiled:
    """A JSON Schema that somebody wrote, ready to decide; the same schema is compiled once.

    Raises:
        InvalidSchema: it is none, or refers to what lies outside it.
    """
    return _compiled(json.dumps(thaw(schema), sort_keys=True))


@lru_cache(maxsize=256)
def _compiled(text: str) -> Compiled:
    return Compiled(text)


def _refuse_to_fetch(uri: str) -> Any:
    raise ValueError(f"a schema may only refer to itself, not to {uri}")


def _outside(schema: Any, place: tuple[str | int, ...] = ()) -> tuple[str | int, ...] | None:
    """Where the first reference stands that does not begin with `#`."""
    items = schema.items() if isinstance(schema, dict) else enumerate(schema)
    for key, value in items:
        here = (*place, key)
        if key == "$ref" and isinstance(value, str):
            if not value.startswith("#"):
                return here
        elif isinstance(value, (dict, list)):
            found = _outside(value, here)
            if found is not None:
                return found
    return None
