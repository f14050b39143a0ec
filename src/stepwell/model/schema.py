"""JSON Schemas: validation and field declarations for all kinds of files.

``validator`` validates, ``schema_errors`` explains errors.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, final

from stepwell.model.layer import BASED_ON
from stepwell.model.validator import InvalidSchema, SchemaError, Validator, validator
from stepwell.source.document import freeze, thaw

__all__ = [
    "DIALECT",
    "SHORT_FORM",
    "Convention",
    "compiled",
    "contents",
    "conventions",
    "defaults",
    "errors_of",
    "expanded",
    "fields",
    "fields_of",
    "fits",
    "integers",
    "override_of",
    "resolved_of",
    "schema_folder",
    "schema_names",
    "schema_text",
]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
"""Dialect of all schemas, including those of users."""

SHORT_FORM: Final = ("required_fields", "optional_fields")
"""Short form of a step's ``parameters``."""

_SUFFIX: Final = ".schema.json"
_OVERRIDE: Final = "-override"

_NOT_IN_A_PATCH: Final = ("required", "default", "convention")
"""Keywords that do not apply to overrides."""

_ONLY_FOR_FILES: Final = ("default", "convention", "patternErrorMessage")
"""Keywords that do not apply to output."""

_EXTENSION: Final = "A custom field."
"""Description of ``x-`` keys in output."""

_NO_LINE_BREAK: Final = r"$(?!\\n)"
"""End anchor of patterns as written in the JSON text."""


def schema_folder() -> str:
    """Return the folder of the shipped schemas."""
    package = os.path.dirname(os.path.dirname(__file__))
    inside = os.path.join(package, "schemas")  # in the wheel
    return inside if os.path.isdir(inside) else os.path.join(package, "..", "..", "schemas")


def schema_names() -> tuple[str, ...]:
    """Return the names of all shipped schemas, e.g. ``step``."""
    names = os.listdir(schema_folder())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)))


@cache
def schema_text(name: str) -> str:
    """Return the JSON text of a schema; override schemas are derived."""
    base = name.removesuffix(_OVERRIDE)
    if base == name:
        with open(os.path.join(schema_folder(), f"{name}{_SUFFIX}"), encoding="utf-8") as file:
            return file.read()
    return json.dumps(override_of(base), indent=2, ensure_ascii=schema_text(base).isascii()) + "\n"


@cache
def contents(name: str) -> dict[str, Any]:
    """Return a schema as data."""
    loaded: dict[str, Any] = json.loads(schema_text(name))
    return loaded


def override_of(name: str) -> dict[str, Any]:
    """Return the schema of an override (JSON Merge Patch, RFC 7396) of a definition."""
    base = contents(name)
    noun = base["title"].split()[-1]
    patch = _patch_of(base)
    properties = patch["properties"]
    schema_key = base["properties"]["$schema"]
    properties["$schema"] = {**schema_key, "examples": [f"../../../../schemas/{name}{_OVERRIDE}.schema.json"]}
    properties["name"] = {
        **base["properties"]["name"],
        "description": f"The name of the {noun} to override. An override cannot change it.",
    }
    properties[BASED_ON] = {
        "description": (
            "The values of the layers below when the fields were overridden, written by `stepwell override` "
            "and `stepwell rebase`. `outdated-override` reports values that changed since."
        ),
        "type": "object",
        "examples": [{"priority": 100}],
    }
    return {
        "$schema": base["$schema"],
        "$id": base["$id"].replace(f"/{name}.", f"/{name}{_OVERRIDE}."),
        "title": f"{base['title']}, override",
        "description": (
            f"An override: a JSON Merge Patch (RFC 7396) of the {noun} `name`. Set only the fields that "
            "change; `null` removes an optional field, a list replaces the whole list. Stepwell validates "
            f"the override against this schema, and the merged definition against {name}.schema.json."
        ),
        "type": "object",
        "required": ["name"],
        "additionalProperties": base["additionalProperties"],
        "patternProperties": base["patternProperties"],
        "properties": properties,
        "examples": base["overrideExamples"],
    }


def _patch_of(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a merge patch: all fields are optional, and ``null`` removes optional ones."""
    required = schema.get("required", ())
    patch = {key: value for key, value in schema.items() if key not in _NOT_IN_A_PATCH}
    if "properties" in schema:
        patch["properties"] = {
            key: _patch_of(field) if key in required else _removable(field)
            for key, field in schema["properties"].items()
        }
    if isinstance(schema.get("additionalProperties"), dict):
        patch["additionalProperties"] = _removable(schema["additionalProperties"])
    return patch


def _removable(schema: dict[str, Any]) -> dict[str, Any]:
    patch = _patch_of(schema)
    if "type" in patch:  # a field without a type may hold anything, null too
        patch["type"] = [patch["type"], "null"]
    if "enum" in patch:
        patch["enum"] = [*patch["enum"], None]
    return patch


def resolved_of(name: str) -> dict[str, Any]:
    """Return the schema of a definition with defaults, as in output."""
    base = contents(name)
    filled = {*base.get("required", ()), *defaults(name)}
    return {
        "type": "object",
        "required": [key for key in fields(name) if key in filled],
        "additionalProperties": base["additionalProperties"],
        "patternProperties": {key: {"description": _EXTENSION} for key in base["patternProperties"]},
        "properties": {key: _output_of(base["properties"][key]) for key in fields(name)},
    }


def _output_of(schema: dict[str, Any]) -> dict[str, Any]:
    output = {key: value for key, value in schema.items() if key not in _ONLY_FOR_FILES}
    if "items" in output:
        output["items"] = _output_of(output["items"])
    if "properties" in output:
        output["properties"] = {key: _output_of(field) for key, field in output["properties"].items()}
    return output


@final
class Convention(NamedTuple):
    """Default derived from the definition's name and a suffix.

    Args:
        requires: the field that must be set for the convention to apply.
    """

    suffix: str
    requires: str


@cache
def conventions(name: str) -> Mapping[str, Convention]:
    """Return the fields of a schema with a conventional value."""
    properties: dict[str, Any] = contents(name)["properties"]
    return MappingProxyType(
        {key: Convention(**field["convention"]) for key, field in properties.items() if "convention" in field}
    )


@cache
def defaults(name: str) -> Mapping[str, Any]:
    """Return the default values of a schema, read-only."""
    properties: dict[str, Any] = contents(name)["properties"]
    return MappingProxyType(
        {key: freeze(field["default"]) for key, field in properties.items() if "default" in field}
    )


@cache
def integers(name: str) -> frozenset[str]:
    """Return the integer fields, which a file may write as ``100.0``."""
    properties: dict[str, Any] = contents(name)["properties"]
    return frozenset(key for key, field in properties.items() if field.get("type") == "integer")


@cache
def fields(name: str) -> tuple[str, ...]:
    """Return the fields of a schema in order, without ``$schema``."""
    return tuple(key for key in contents(name)["properties"] if key != "$schema")


def fields_of(name: str, field: str) -> tuple[str, ...]:
    """Return the fields of a nested mapping; empty for other fields."""
    return tuple(contents(name)["properties"][field].get("properties", ()))


def expanded(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return a step's ``parameters`` as a mutable JSON Schema."""
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
def _validator(name: str) -> Validator:
    # Python's `$` also matches before a last line break, which the schemas exclude by a lookahead. In Rust
    # it is the very end, and a pattern with a lookahead costs many times one without.
    base = name.removesuffix(_OVERRIDE)
    text = schema_text(name) if base == name else json.dumps(override_of(base))
    return validator(json.loads(text.replace(_NO_LINE_BREAK, "$")))


def fits(name: str, data: Mapping[str, Any], *, flat: bool = False) -> bool:
    """Return whether plain data, frozen or not, matches one of Stepwell's schemas."""
    return _validator(name).is_valid(_copy(data) if flat else thaw(data))


def errors_of(name: str, data: Any) -> tuple[SchemaError, ...]:
    """Return the schema errors of plain data, frozen or not."""
    return _validator(name).errors(thaw(data))


def _copy(data: Any) -> dict[str, Any]:
    """Copy a read-only mapping, many times faster than with ``dict``."""
    copy: dict[str, Any] = data.copy()
    return copy


def compiled(schema: Mapping[str, Any] | bool) -> Validator:
    """Return a compiled JSON Schema of a user, cached.

    Raises:
        InvalidSchema: it is invalid or has external references.
    """
    return _compiled(json.dumps(thaw(schema), sort_keys=True))


@lru_cache(maxsize=256)
def _compiled(text: str) -> Validator:
    schema = json.loads(text)
    if isinstance(schema, dict) and schema.get("$schema", DIALECT) != DIALECT:
        raise InvalidSchema(f"the dialect must be {DIALECT}", ("$schema",))
    return validator(schema)
