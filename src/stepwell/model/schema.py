"""The JSON Schemas: they decide what is valid, and declare the fields of every kind of file.

``validator`` decides and explains; ``schema_errors`` makes findings of its errors.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, final

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
    "is_open",
    "override_of",
    "resolved_of",
    "schema_names",
    "schema_text",
]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
"""The dialect of every schema, ours and a step's."""

SHORT_FORM: Final = ("required_fields", "optional_fields")
"""What a step's ``parameters`` may say in place of a JSON Schema."""

_SUFFIX: Final = ".schema.json"
_OVERRIDE: Final = "-override"

_NOT_IN_A_PATCH: Final = ("required", "default", "convention")
"""Keywords about fields that are not stated, which a patch leaves as they are below."""

_ONLY_FOR_FILES: Final = ("default", "convention", "patternErrorMessage")
"""Keywords about what somebody writes, which mean nothing where a definition is shown."""

_EXTENSION: Final = "The team's own: whatever the definition's files say under it."
"""Description of the ``x-`` keys in output."""

_NO_LINE_BREAK: Final = r"$(?!\\n)"
"""How the end of a text is written in the patterns, in JSON."""


def _folder() -> str:
    package = os.path.dirname(os.path.dirname(__file__))
    inside = os.path.join(package, "schemas")  # in the wheel
    return inside if os.path.isdir(inside) else os.path.join(package, "..", "..", "schemas")


def schema_names() -> tuple[str, ...]:
    """The names of all schemas that are shipped, e.g. ``step``."""
    names = os.listdir(_folder())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)))


@cache
def schema_text(name: str) -> str:
    """The JSON text of a schema; that of an override is derived from the schema of what it patches."""
    base = name.removesuffix(_OVERRIDE)
    if base == name:
        with open(os.path.join(_folder(), f"{name}{_SUFFIX}"), encoding="utf-8") as file:
            return file.read()
    return json.dumps(override_of(base), indent=2, ensure_ascii=schema_text(base).isascii()) + "\n"


@cache
def contents(name: str) -> dict[str, Any]:
    """A schema as data."""
    loaded: dict[str, Any] = json.loads(schema_text(name))
    return loaded


def override_of(name: str) -> dict[str, Any]:
    """The schema of an override, a JSON Merge Patch (RFC 7396) of what a schema describes."""
    base = contents(name)
    noun = base["title"].split()[-1]
    patch = _patch_of(base)
    properties = patch["properties"]
    schema_key = base["properties"]["$schema"]
    properties["$schema"] = {**schema_key, "examples": [f"../../../../schemas/{name}{_OVERRIDE}.schema.json"]}
    properties["name"] = {
        **base["properties"]["name"],
        "description": f"The name of the {noun} that is changed. It cannot change itself.",
    }
    return {
        "$schema": base["$schema"],
        "$id": base["$id"].replace(f"/{name}.", f"/{name}{_OVERRIDE}."),
        "title": f"{base['title']}, override",
        "description": (
            f"An override: a JSON Merge Patch (RFC 7396) of the {noun} that `name` names. State only what "
            "changes; `null` removes an optional field, a list is replaced whole. Stepwell checks the "
            f"override against this, and the patched definition against {name}.schema.json."
        ),
        "type": "object",
        "required": ["name"],
        "additionalProperties": base["additionalProperties"],
        "patternProperties": base["patternProperties"],
        "properties": properties,
        "examples": base["overrideExamples"],
    }


def _patch_of(schema: dict[str, Any]) -> dict[str, Any]:
    """What a merge patch of a mapping may hold: everything is optional, and ``null`` removes what may go."""
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
    """The schema of a definition with its defaults filled in, as output gives it."""
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
    """What a field holds where it is not stated: the definition's name and a suffix.

    Args:
        requires: the field without which the convention does not hold.
    """

    suffix: str
    requires: str


@cache
def conventions(name: str) -> Mapping[str, Convention]:
    """The fields of a schema that have a value by convention."""
    properties: dict[str, Any] = contents(name)["properties"]
    return MappingProxyType(
        {key: Convention(**field["convention"]) for key, field in properties.items() if "convention" in field}
    )


@cache
def defaults(name: str) -> Mapping[str, Any]:
    """The values that a schema gives to fields that are not stated, read-only."""
    properties: dict[str, Any] = contents(name)["properties"]
    return MappingProxyType(
        {key: freeze(field["default"]) for key, field in properties.items() if "default" in field}
    )


@cache
def integers(name: str) -> frozenset[str]:
    """The fields that hold whole numbers, which a file may write as ``100.0``."""
    properties: dict[str, Any] = contents(name)["properties"]
    return frozenset(key for key, field in properties.items() if field.get("type") == "integer")


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


def expanded(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema that a step's ``parameters`` stand for, as changeable data."""
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
    """Return whether plain data, frozen or not, fits one of Stepwell's schemas."""
    return _validator(name).is_valid(_copy(data) if flat else thaw(data))


def errors_of(name: str, data: Any) -> tuple[SchemaError, ...]:
    """Return why plain data, frozen or not, does not fit one of Stepwell's schemas."""
    return _validator(name).errors(thaw(data))


def _copy(data: Any) -> dict[str, Any]:
    """A read-only mapping's own copy: many times quicker than ``dict`` of it."""
    copy: dict[str, Any] = data.copy()
    return copy


def compiled(schema: Mapping[str, Any] | bool) -> Validator:
    """Return the validator of a user's schema; the same schema is compiled once.

    Raises:
        InvalidSchema: it is no JSON Schema of the dialect, or refers to another document.
    """
    return _compiled(json.dumps(thaw(schema), sort_keys=True))


@lru_cache(maxsize=256)
def _compiled(text: str) -> Validator:
    schema = json.loads(text)
    if isinstance(schema, dict) and schema.get("$schema", DIALECT) != DIALECT:
        raise InvalidSchema(f"its dialect must be {DIALECT}", ("$schema",))
    return validator(schema)
