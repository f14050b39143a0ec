"""Annotations of parameter schemas.

The keyword ``x-holds`` declares the meaning of a value:

- ``prompt``: a text, or a list of prompt parts;
- ``steps``: steps that the step runs itself, as a loop does;
- ``workflow``: a whole workflow, without the enclosing document;
- ``expression``: an expression that the step evaluates itself, possibly many times;
- ``formula``: an expression over data with unknown fields;
- ``variables``: variables that the step sets;
- ``source``: an expression, or a step name with the path to a value in its answer;
- ``file``: a path inside the workflow's folder;
- ``input``: a path of an existing file inside the workflow's folder;
- ``name``: an additional name for the answer of the step;
- ``data``: plain data without expressions.

Every other text may contain expressions in ``{{ }}``, evaluated before the step runs. ``x-default`` names the
default of the workflow for a missing parameter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, final

from stepwell.model.schema import contents
from stepwell.run.workflows.expressions import render
from stepwell.source.document import Pointer

__all__ = ["EVERY_STEP", "AnnotatedValue", "annotated_values", "filled", "parted", "rendered", "whole_schema"]

_LITERAL: Final = frozenset(
    {"prompt", "steps", "workflow", "expression", "formula", "source", "name", "data"}
)
_NOTHING: Final[Mapping[str, Any]] = {}


def _every_step() -> Mapping[str, Any]:
    fields: Mapping[str, Any] = contents("workflow")["$defs"]["step"]["properties"]
    return fields


@final
class _EveryStep(Mapping[str, Any]):
    """The fields of every step, loaded on first use."""

    def __getitem__(self, key: str) -> Any:
        return _every_step()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(_every_step())

    def __len__(self) -> int:
        return len(_every_step())


EVERY_STEP: Final[Mapping[str, Any]] = _EveryStep()
"""Fields of every step type and their schemas; all others are parameters of the type."""


@final
class AnnotatedValue(NamedTuple):
    """One value of a step's parameters.

    Args:
        kind: value of ``x-holds``, or ``text`` for a text that may contain expressions.
    """

    kind: str
    pointer: Pointer
    value: Any


def annotated_values(schema: Mapping[str, Any], data: Any, pointer: Pointer = ()) -> Iterator[AnnotatedValue]:
    """Yield every value with an annotation, and every text.

    Args:
        data: plain data, read-only or not.
        pointer: position of the data.
    """
    kind = schema.get("x-holds")
    if kind is not None:
        yield AnnotatedValue(kind, pointer, data)
    if kind not in (None, "variables"):
        return
    if isinstance(data, str):
        yield AnnotatedValue("text", pointer, data)
    elif isinstance(data, Mapping):
        for key, item in data.items():
            yield from annotated_values(_inside(schema, key), item, (*pointer, key))
    elif isinstance(data, Sequence):
        for index, item in enumerate(data):
            yield from annotated_values(_items(schema), item, (*pointer, index))


def rendered(schema: Mapping[str, Any], data: Any, names: Mapping[str, Any]) -> Any:
    """Return plain data with its expressions evaluated, except those that the step evaluates itself.

    Args:
        data: plain data, read-only or not.

    Raises:
        BadExpression: an expression is invalid or has no value.
    """
    if isinstance(data, Mapping):
        literal = schema.get("x-holds") in _LITERAL
        return {
            key: _thawed(item) if literal else rendered(_inside(schema, key), item, names)
            for key, item in data.items()
        }
    if schema.get("x-holds") in _LITERAL:
        return _thawed(data)
    if isinstance(data, str):
        return render(data, names)
    if isinstance(data, Sequence):
        return [rendered(_items(schema), item, names) for item in data]
    return data


def parted(step: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split a step into the fields of every step and the parameters of its type."""
    own = schema.get("properties", _NOTHING)
    general = {key: value for key, value in step.items() if key in EVERY_STEP and key not in own}
    general.update({key: step[key] for key in ("name", "type") if key in step})
    return general, {
        key: value
        for key, value in step.items()
        if key not in general and not (key.startswith("x-") and key not in own)
    }


def filled(
    parameters: Mapping[str, Any], schema: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the parameters with missing values filled from the workflow's defaults."""
    result = dict(parameters)
    for key, field in schema.get("properties", _NOTHING).items():
        default = defaults.get(field.get("x-default", ""))
        if default is not None:
            value = result.get(key)
            if key not in result:
                result[key] = default
            elif isinstance(value, Mapping) and isinstance(default, Mapping):
                result[key] = {**default, **value}
        if "properties" in field and isinstance(result.get(key, _NOTHING), Mapping):
            inner = filled(result.get(key, _NOTHING), field, defaults)
            if inner:
                result[key] = inner
    return result


def whole_schema(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a whole step: common fields and parameters of its type."""
    return {
        **parameters,
        "type": "object",
        "properties": {**dict.fromkeys(EVERY_STEP, True), **parameters.get("properties", _NOTHING)},
        "patternProperties": {"^x-": {}, **parameters.get("patternProperties", _NOTHING)},
    }


def _inside(schema: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    below = schema.get("properties", _NOTHING).get(key, schema.get("additionalProperties", _NOTHING))
    return below if isinstance(below, Mapping) else _NOTHING


def _items(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    below = schema.get("items", _NOTHING)
    return below if isinstance(below, Mapping) else _NOTHING


def _thawed(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _thawed(item) for key, item in data.items()}
    if isinstance(data, (list, tuple)):
        return [_thawed(item) for item in data]
    return data
