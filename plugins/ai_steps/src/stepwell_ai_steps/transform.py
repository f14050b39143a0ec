"""``data_transform``: lists filtered, mapped, joined, grouped, sorted and summed; nothing is executed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from types import MappingProxyType
from typing import Any, Final

from stepwell import RunContext, StepwellError
from stepwell.run.workflows import Scope, StepFailed, applies, data_from, evaluate

__all__ = ["OPERATIONS", "transform"]

Operation = Callable[[Any, Mapping[str, Any], Scope], Any]


async def transform(parameters: Mapping[str, Any], context: RunContext) -> Any:
    """Do one operation after the other; the answer's ``data`` is what the last one gives."""
    flow = Scope.of(context.values)
    data = data_from(parameters["input_source"], flow)
    for place, one in enumerate(parameters["operations"]):
        data = _done(place, data, one, flow)
    if "output_field" in parameters:
        flow.set(parameters["output_field"], data)
    return {"data": data}


def _done(place: int, data: Any, one: Mapping[str, Any], flow: Scope) -> Any:
    try:
        return OPERATIONS[one["operation"]](data, one, flow)
    except StepwellError as error:
        fault = str(error)
    except TypeError:
        fault = "it cannot be done with values of these kinds"
    raise StepFailed(flow.path, f"operation {place + 1}, {one['operation']}: {fault}")


def _filter(data: Any, one: Mapping[str, Any], flow: Scope) -> Any:
    condition = one.get("condition")
    if isinstance(data, list):
        return [item for item in data if _holds(item, condition, one, flow)]
    return data if _holds(data, condition, one, flow) else None


def _holds(item: Any, condition: str | None, one: Mapping[str, Any], flow: Scope) -> bool:
    if condition is None:
        return bool(field_of(item, one.get("field")))
    return applies(condition, _names(item, one, flow))


def _map(data: Any, one: Mapping[str, Any], flow: Scope) -> Any:
    if isinstance(data, list):
        return [_mapped(item, one, flow) for item in data]
    return _mapped(data, one, flow)


def _mapped(item: Any, one: Mapping[str, Any], flow: Scope) -> Any:
    field, mapping, expression = one.get("field"), one.get("mapping"), one.get("expression")
    value = field_of(item, field)
    if mapping is not None:
        if field is None:
            return {**item, **mapping} if isinstance(item, Mapping) else mapping.get(str(item), item)
        told: Any = mapping.get(str(value), value)
    elif expression in ("uppercase", "lowercase"):
        told = getattr(str(value), "upper" if expression == "uppercase" else "lower")()
    elif expression is not None:
        told = evaluate(expression, _names(item, one, flow))
    else:
        return value
    return told if field is None else with_field(item, field, told)


def _aggregate(data: Any, one: Mapping[str, Any], _: Scope) -> Any:
    items = data if isinstance(data, list) else [data]
    function = FUNCTIONS[one.get("function", "sum")]
    group = one.get("group_by")
    if group is not None:
        return {
            name: function(_values(held, one.get("field"))) for name, held in _grouped(items, group).items()
        }
    return function(_values(items, one.get("field")))


def _values(items: list[Any], field: str | None) -> list[Any]:
    return [value for value in (field_of(item, field) for item in items) if value is not None]


def _join(data: Any, one: Mapping[str, Any], flow: Scope) -> Any:
    if "right_source" not in one or "join_key" not in one:
        raise StepFailed(flow.path, "it needs `right_source` and `join_key`")
    right = data_from(one["right_source"], flow)
    key, left = one["join_key"], one.get("left_field", one["join_key"])
    partners: dict[Hashable, Any] = {}
    for other in right if isinstance(right, list) else [right]:
        partners.setdefault(_comparable(field_of(other, key)), other)
    joined = []
    for item in data if isinstance(data, list) else [data]:
        partner = partners.get(_comparable(field_of(item, left)))
        if partner is not None:
            joined.append({**item, **partner})
        elif one.get("join_type", "left") == "left":
            joined.append(item)
    return joined if isinstance(data, list) else (joined[0] if joined else None)


def _group(data: Any, one: Mapping[str, Any], _: Scope) -> Any:
    return _grouped(data if isinstance(data, list) else [data], one.get("field"))


def _grouped(items: list[Any], field: str | None) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for item in items:
        groups.setdefault(str(field_of(item, field)), []).append(item)
    return groups


def _sort(data: Any, one: Mapping[str, Any], _: Scope) -> Any:
    if not isinstance(data, list):
        return data
    field = one.get("by", one.get("field"))
    there = [item for item in data if field_of(item, field) is not None]
    absent = [item for item in data if field_of(item, field) is None]
    return sorted(there, key=lambda item: field_of(item, field), reverse=one.get("order") == "desc") + absent


def _unique(data: Any, one: Mapping[str, Any], _: Scope) -> Any:
    if not isinstance(data, list):
        return data
    seen: dict[Hashable, Any] = {}
    for item in data:
        seen.setdefault(_comparable(field_of(item, one.get("field"))), item)
    return list(seen.values())


def _flatten(data: Any, one: Mapping[str, Any], _: Scope) -> Any:
    flat: list[Any] = []
    for item in data if isinstance(data, list) else [data]:
        value = field_of(item, one.get("field"))
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
"""What can be done to data, by the name that a workflow gives it."""

FUNCTIONS: Final[Mapping[str, Callable[[list[Any]], Any]]] = MappingProxyType(
    {
        "sum": lambda values: sum(_numbers(values)),
        "average": lambda values: sum(_numbers(values)) / len(_numbers(values)) if _numbers(values) else 0,
        "count": len,
        "count_distinct": lambda values: len({_comparable(one) for one in values}),
        "min": lambda values: min(values, default=None),
        "max": lambda values: max(values, default=None),
        "first": lambda values: values[0] if values else None,
        "last": lambda values: values[-1] if values else None,
        "unique": lambda values: list({_comparable(one): one for one in values}.values()),
    }
)
"""What can be made of many values."""


def field_of(item: Any, way: str | None) -> Any:
    """A field of an item, as ``a.b``; the item itself without a way, ``None`` where there is none."""
    for key in way.split(".") if way else ():
        item = item.get(key) if isinstance(item, Mapping) else None
    return item


def with_field(item: Any, way: str, value: Any) -> Any:
    """A copy of an item in which a field is another."""
    key, _, rest = way.partition(".")
    inner = item if isinstance(item, Mapping) else {}
    return {**inner, key: with_field(inner.get(key), rest, value) if rest else value}


def _names(item: Any, one: Mapping[str, Any], flow: Scope) -> dict[str, Any]:
    fields = dict(item) if isinstance(item, Mapping) else {}
    return {**flow.names(), **fields, "item": item, "value": field_of(item, one.get("field"))}


def _numbers(values: list[Any]) -> list[Any]:
    return [one for one in values if isinstance(one, (int, float)) and not isinstance(one, bool)]


def _comparable(value: Any) -> Hashable:
    if isinstance(value, Mapping):
        return tuple(sorted((key, _comparable(item)) for key, item in value.items()))
    return tuple(map(_comparable, value)) if isinstance(value, (list, tuple)) else value
