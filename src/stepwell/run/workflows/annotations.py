"""What a step's parameters hold, by the annotations of its type's schema.

A schema of parameters says with ``x-holds`` what a value is beyond its form:

- ``prompt``: a text, or a list of the parts of one;
- ``steps``: steps that the step runs itself, as a loop does;
- ``workflow``: a whole workflow, without the file around it;
- ``expression``: an expression that the step evaluates itself, perhaps many times;
- ``formula``: the same, over data whose fields nobody knows before;
- ``variables``: variables that the step sets, each with its value;
- ``source``: where data comes from: an expression, or the name of a step with the way into its answer;
- ``file``: a path inside the workflow's folder;
- ``name``: the name under which the step leaves its answer besides;
- ``data``: anything, and nothing in it is an expression.

Every other text may hold expressions in ``{{ }}``, which are evaluated before the step is run. With
``x-default`` a schema names the default of the workflow that fills a parameter which a step leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, final

from stepwell.model.schema import contents
from stepwell.run.workflows.expressions import render
from stepwell.source.document import Pointer

__all__ = ["EVERY_STEP", "AnnotatedValue", "filled", "held", "parted", "rendered", "whole_schema"]

_AS_IT_IS: Final = frozenset(
    {"prompt", "steps", "workflow", "expression", "formula", "source", "name", "data"}
)
_NOTHING: Final[Mapping[str, Any]] = {}


def _every_step() -> Mapping[str, Any]:
    fields: Mapping[str, Any] = contents("workflow")["$defs"]["step"]["properties"]
    return fields


@final
class _EveryStep(Mapping[str, Any]):
    """The fields that every step may have, read when the first one is asked for."""

    def __getitem__(self, key: str) -> Any:
        return _every_step()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(_every_step())

    def __len__(self) -> int:
        return len(_every_step())


EVERY_STEP: Final[Mapping[str, Any]] = _EveryStep()
"""What a step of any type may say, and the schema of each: all else are parameters of its type."""


@final
class AnnotatedValue(NamedTuple):
    """One value of a step's parameters.

    Args:
        kind: the word of ``x-holds``; ``text`` for a text that may hold expressions.
    """

    kind: str
    pointer: Pointer
    value: Any


def held(schema: Mapping[str, Any], data: Any, pointer: Pointer = ()) -> Iterator[AnnotatedValue]:
    """Every value that means more than its form says.

    Args:
        data: plain data, read-only or not.
        pointer: where the data stands.
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
            yield from held(_inside(schema, key), item, (*pointer, key))
    elif isinstance(data, Sequence):
        for place, item in enumerate(data):
            yield from held(_items(schema), item, (*pointer, place))


def rendered(schema: Mapping[str, Any], data: Any, names: Mapping[str, Any]) -> Any:
    """Plain data with the values of its expressions, but for what the step evaluates itself.

    Args:
        data: plain data, read-only or not.
        names: what expressions may speak of.

    Raises:
        BadExpression: an expression cannot be read or has no value.
    """
    if isinstance(data, Mapping):
        stays = schema.get("x-holds") in _AS_IT_IS
        return {
            key: _thawed(item) if stays else rendered(_inside(schema, key), item, names)
            for key, item in data.items()
        }
    if schema.get("x-holds") in _AS_IT_IS:
        return _thawed(data)
    if isinstance(data, str):
        return render(data, names)
    if isinstance(data, Sequence):
        return [rendered(_items(schema), item, names) for item in data]
    return data


def parted(step: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a step says as any step may, and its parameters."""
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
    """Parameters with the workflow's defaults where a step says nothing."""
    told = dict(parameters)
    for key, field in schema.get("properties", _NOTHING).items():
        given = defaults.get(field.get("x-default", ""))
        if given is not None:
            stated = told.get(key)
            if key not in told:
                told[key] = given
            elif isinstance(stated, Mapping) and isinstance(given, Mapping):
                told[key] = {**given, **stated}
        if "properties" in field and isinstance(told.get(key, _NOTHING), Mapping):
            inner = filled(told.get(key, _NOTHING), field, defaults)
            if inner:
                told[key] = inner
    return told


def whole_schema(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a whole step: the keys that every step may have, and what its type describes."""
    return {
        **parameters,
        "type": "object",
        "properties": {**dict.fromkeys(EVERY_STEP, True), **parameters.get("properties", _NOTHING)},
        "patternProperties": {"^x-": {}, **parameters.get("patternProperties", _NOTHING)},
    }


def _inside(schema: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = schema.get("properties", _NOTHING).get(key, schema.get("additionalProperties", _NOTHING))
    return found if isinstance(found, Mapping) else _NOTHING


def _items(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    found = schema.get("items", _NOTHING)
    return found if isinstance(found, Mapping) else _NOTHING


def _thawed(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _thawed(item) for key, item in data.items()}
    if isinstance(data, (list, tuple)):
        return [_thawed(item) for item in data]
    return data
