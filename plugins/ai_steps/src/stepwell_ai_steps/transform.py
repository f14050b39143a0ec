"""``data_transform``: filter, map, join, group, sort and aggregate lists."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from types import MappingProxyType
from typing import Any, Final

from stepwell import RunContext, StepwellError
from stepwell.run.workflows import Scope, StepFailed, applies, data_from, evaluate

__all__ = ["OPERATIONS", "transform"]

Operation = Callable[[Any, Mapping[str, Any], Scope], Any]


async def transform(parameters: Mapping[str, Any], context: RunContext) -> Any:
    """Apply the operations in order; ``data`` of the answer is the last result."""
    flow = Scope.of(context.values)
    data = data_from(parameters["input_source"], flow)
    for index, operation in enumerate(parameters["operations"]):
        data = _apply(index, data, operation, flow)
    if "output_field" in parameters:
        flow.set(parameters["output_field"], data)
    return {"data": data}


def _apply(index: int, data: Any, operation: Mapping[str, Any], flow: Scope) -> Any:
    try:
        return OPERATIONS[operation["operation"]](data, operation, flow)
    except StepwellError as error:
        fault = str(error)
    except TypeError:
        fault = "unsupported types of values"
    raise StepFailed(flow.path, f"operation {index + 1}, {operation['operation']}: {fault}")


def _filter(data: Any, operation: Mapping[str, Any], flow: Scope) -> Any:
    condition = operation.get("condition")
    if isinstance(data, list):
        return [item for item in data if _holds(item, condition, operation, flow)]
    return data if _holds(data, condition, operation, flow) else None


def _holds(item: Any, condition: str | None, operation: Mapping[str, Any], flow: Scope) -> bool:
    if condition is None:
        return bool(field_of(item, operation.get("field")))
    return applies(condition, _names(item, operation, flow))


def _map(data: Any, operation: Mapping[str, Any], flow: Scope) -> Any:
    if isinstance(data, list):
        return [_mapped(item, operation, flow) for item in data]
    return _mapped(data, operation, flow)


def _mapped(item: Any, operation: Mapping[str, Any], flow: Scope) -> Any:
    field, mapping, expression = operation.get("field"), operation.get("mapping"), operation.get("expression")
    value = field_of(item, field)
    if mapping is not None:
        if field is None:
            return {**item, **mapping} if isinstance(item, Mapping) else mapping.get(str(item), item)
        result: Any = mapping.get(str(value), value)
    elif expression in ("uppercase", "lowercase"):
        result = getattr(str(value), "upper" if expression == "uppercase" else "lower")()
    elif expression is not None:
        result = evaluate(expression, _names(item, operation, flow))
    else:
        return value
    return result if field is None else with_field(item, field, result)


def _aggregate(data: Any, operation: Mapping[str, Any], _: Scope) -> Any:
    items = data if isinstance(data, list) else [data]
    function = FUNCTIONS[operation.get("function", "sum")]
    group = operation.get("group_by")
    if group is not None:
        return {
            name: function(_values(held, operation.get("field")))
            for name, held in _grouped(items, group).items()
        }
    return function(_values(items, operation.get("field")))


def _values(items: list[Any], field: str | None) -> list[Any]:
    return [value for value in (field_of(item, field) for item in items) if value is not None]


def _join(data: Any, operation: Mapping[str, Any], flow: Scope) -> Any:
    if "right_source" not in operation or "join_key" not in operation:
        raise StepFailed(flow.path, "`right_source` and `join_key` are required")
    right = data_from(operation["right_source"], flow)
    key, left = operation["join_key"], operation.get("left_field", operation["join_key"])
    partners: dict[Hashable, Any] = {}
    for other in right if isinstance(right, list) else [right]:
        partners.setdefault(_comparable(field_of(other, key)), other)
    joined = []
    for item in data if isinstance(data, list) else [data]:
        partner = partners.get(_comparable(field_of(item, left)))
        if partner is not None:
            joined.append({**item, **partner})
        elif operation.get("join_type", "left") == "left":
            joined.append(item)
    return joined if isinstance(data, list) else (joined[0] if joined else None)


def _group(data: Any, operation: Mapping[str, Any], _: Scope) -> Any:
    return _grouped(data if isinstance(data, list) else [data], operation.get("field"))


def _grouped(items: list[Any], field: str | None) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for item in items:
        groups.setdefault(str(field_of(item, field)), []).append(item)
    return groups


def _sort(data: Any, operation: Mapping[str, Any], _: Scope) -> Any:
    if not isinstance(data, list):
        return data
    field = operation.get("by", operation.get("field"))
    there = [item for item in data if field_of(item, field) is not None]
    absent = [item for item in data if field_of(item, field) is None]
    return (
        sorted(there, key=lambda item: field_of(item, field), reverse=operation.get("order") == "desc")
        + absent
    )


def _unique(data: Any, operation: Mapping[str, Any], _: Scope) -> Any:
    if not isinstance(data, list):
        return data
    seen: dict[Hashable, Any] = {}
    for item in data:
        seen.setdefault(_comparable(field_of(item, operation.get("field"))), item)
    return list(seen.values())


def _flatten(data: Any, operation: Mapping[str, Any], _: Scope) -> Any:
    flat: list[Any] = []
    for item in data if isinstance(data, list) else [data]:
        value = field_of(item, operation.get("field"))
        flat += value if isinstance(value, list) else [value]
    return flat


OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        "filter": _filter,
        "map": _map,
        "aggregate": _aggregate,
        "join": _join,
        "group_by": _group,
        "sort": _sort,
        "unique": _unique,
        "flatten": _flatten,
    }
)
"""Operations by name."""

FUNCTIONS: Final[Mapping[str, Callable[[list[Any]], Any]]] = MappingProxyType(
    {
        "sum": lambda values: sum(_numbers(values)),
        "average": lambda values: sum(_numbers(values)) / len(_numbers(values)) if _numbers(values) else 0,
        "count": len,
        "count_distinct": lambda values: len({_comparable(value) for value in values}),
        "min": lambda values: min(values, default=None),
        "max": lambda values: max(values, default=None),
        "first": lambda values: values[0] if values else None,
        "last": lambda values: values[-1] if values else None,
        "unique": lambda values: list({_comparable(value): value for value in values}.values()),
    }
)
"""Aggregation functions by name."""


def field_of(item: Any, path: str | None) -> Any:
    """Return a field of an item by dotted path, or ``None``; the item itself without a path."""
    for key in path.split(".") if path else ():
        item = item.get(key) if isinstance(item, Mapping) else None
    return item


def with_field(item: Any, path: str, value: Any) -> Any:
    """Return a copy of an item with a changed field."""
    key, _, rest = path.partition(".")
    inner = item if isinstance(item, Mapping) else {}
    return {**inner, key: with_field(inner.get(key), rest, value) if rest else value}


def _names(item: Any, operation: Mapping[str, Any], flow: Scope) -> dict[str, Any]:
    fields = dict(item) if isinstance(item, Mapping) else {}
    return {**flow.names(), **fields, "item": item, "value": field_of(item, operation.get("field"))}


def _numbers(values: list[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]


def _comparable(value: Any) -> Hashable:
    if isinstance(value, Mapping):
        return tuple(sorted((key, _comparable(item)) for key, item in value.items()))
    return tuple(map(_comparable, value)) if isinstance(value, (list, tuple)) else value
