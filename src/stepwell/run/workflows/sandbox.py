"""Jinja sandbox for workflow expressions, restricted to plain data."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from jinja2 import Undefined
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

__all__ = ["ENVIRONMENT", "FUNCTIONS"]

_NUMBERS: Final = (int, float)


class _Missing(Undefined):
    """A missing value, and everything looked up in it: false, and an error in a text."""

    __slots__ = ()
    __str__ = __iter__ = __len__ = Undefined._fail_with_undefined_error  # noqa: SLF001 - as Jinja's own do


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, restricted to plain data."""

    intercepted_binops = frozenset(["**", "*", "%", "+"])

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Undefined):
            return obj
        try:
            if isinstance(obj, Mapping):
                return obj[argument]
            if isinstance(obj, (list, tuple, str)) and isinstance(argument, (int, slice)):
                return obj[argument]
        except (LookupError, TypeError):
            pass
        if argument == "result" and not isinstance(obj, Mapping):
            return obj  # an answer that is not a mapping is its own result
        return self.undefined(obj=obj, name=argument)

    def is_safe_callable(self, obj: Any) -> bool:
        return any(obj is function for function in FUNCTIONS.values())

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**":
            raise SecurityError("uses `**`, which is not allowed")
        numbers = isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS)
        if operator != "+" and not numbers:
            raise SecurityError(f"uses `{operator}` on operands that are not numbers")
        if operator == "+" and not numbers and type(left) is not type(right):
            raise SecurityError("adds values of different types; use `~` to join text")
        return super().call_binop(context, operator, left, right)


def _length(value: Any) -> int:
    return len(value)


def _total(value: Any) -> Any:
    return sum(value)


def _average(value: Any) -> float:
    return sum(value) / len(value) if value else 0.0


FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "length": _length,
    "count": _length,
    "sum": _total,
    "average": _average,
    "min": lambda *values: min(values[0] if len(values) == 1 else values),
    "max": lambda *values: max(values[0] if len(values) == 1 else values),
}
"""Available functions, with the names of the legacy workflow files."""

_FILTERS: Final = [
    "abs",
    "first",
    "float",
    "int",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "max",
    "min",
    "reject",
    "reverse",
    "round",
    "select",
    "selectattr",
    "rejectattr",
    "map",
    "sort",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "default",
    "d",
    "count",
    "capitalize",
]

_TESTS: Final = [
    "defined",
    "undefined",
    "none",
    "number",
    "string",
    "mapping",
    "sequence",
    "true",
    "false",
    "boolean",
    "in",
    "eq",
    "ne",
    "lt",
    "gt",
    "le",
    "ge",
]


def _sandbox() -> _Sandbox:
    environment = _Sandbox(undefined=_Missing, autoescape=False)
    environment.globals = dict(FUNCTIONS)
    filters = environment.filters
    environment.filters = {name: filters[name] for name in _FILTERS if name in filters}
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    tests = environment.tests
    environment.tests = {name: tests[name] for name in _TESTS if name in tests}
    return environment


ENVIRONMENT: Final = _sandbox()
"""Parses and evaluates expressions."""
