"""Jinja sandbox for workflow expressions, restricted to plain data."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import wraps
from types import GeneratorType
from typing import Any, Final

from jinja2 import Undefined
from jinja2.exceptions import SecurityError
from jinja2.filters import do_round
from jinja2.sandbox import ImmutableSandboxedEnvironment

__all__ = ["ENVIRONMENT", "FUNCTIONS", "MAX_RESULT"]

MAX_RESULT: Final = 1024 * 1024
"""Maximum size of every intermediate and final result: characters, and one for each item."""

_MAX_DIGITS: Final = 15
"""Decimal digits that a float has."""

_NUMBERS: Final = (int, float)


class _Missing(Undefined):
    """A missing value, and everything looked up in it: false, and an error in a text."""

    __slots__ = ()
    __str__ = __iter__ = __len__ = Undefined._fail_with_undefined_error  # noqa: SLF001 - as Jinja's own do


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, restricted to plain data."""

    intercepted_binops = frozenset(["*", "%", "+"])  # `**` is rejected before

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
        numbers = isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS)
        if operator != "+" and not numbers:
            raise SecurityError(f"uses `{operator}` on operands that are not numbers")
        if operator == "+" and not numbers and type(left) is not type(right):
            raise SecurityError("adds values of different types; use `~` to join text")
        return _bounded(super().call_binop(context, operator, left, right))


def _length(value: Any) -> int:
    return len(value)


def _total(value: Any) -> Any:
    items = list(value)
    if not all(isinstance(item, _NUMBERS) for item in items):
        raise TypeError("only numbers can be summed")
    return sum(items)


def _average(value: Any) -> float:
    return sum(value) / len(value) if value else 0.0


def _bounded(value: Any) -> Any:
    """Return a result of bounded size; a generator becomes a list, and is stopped when it grows too large."""
    if isinstance(value, GeneratorType):
        items: list[Any] = []
        left = MAX_RESULT
        for item in value:
            left = _remaining(item, left - 1)
            items.append(item)
        return items
    _remaining(value, MAX_RESULT)
    return value


def _remaining(value: Any, left: int) -> int:
    """Return what is left of a size after a value; one that occurs twice counts twice."""
    if isinstance(value, str):
        left -= len(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            left = _remaining(item, _remaining(key, left - 1))
    elif isinstance(value, (list, tuple)):
        for item in value:
            left = _remaining(item, left - 1)
    if left < 0:
        raise SecurityError(f"has an intermediate result of more than {MAX_RESULT} characters")
    return left


def _filter(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter of Jinja with a bounded result; its markers for the context are kept."""

    @wraps(function)
    def bounded(*arguments: Any, **options: Any) -> Any:
        return _bounded(function(*arguments, **options))

    return bounded


def _round(value: Any, precision: int = 0, method: str = "common") -> Any:
    if not -_MAX_DIGITS <= precision <= _MAX_DIGITS:
        raise SecurityError(f"has a precision that is not between -{_MAX_DIGITS} and {_MAX_DIGITS}")
    return do_round(value, precision, method)  # type: ignore[arg-type]


def _joined(value: Any, separator: str = "") -> str:
    items = _bounded([_plain_text(item) for item in value])
    if len(items) * len(separator) > MAX_RESULT:
        raise SecurityError(f"has an intermediate result of more than {MAX_RESULT} characters")
    return separator.join(items)


def _plain_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(_bounded(value), ensure_ascii=False, default=str)


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
    # Without the optimizer: it would evaluate constant expressions while they are only checked.
    environment = _Sandbox(undefined=_Missing, autoescape=False, optimized=False)
    environment.globals = dict(FUNCTIONS)
    filters = environment.filters
    own = {
        "tojson": lambda value: json.dumps(value, ensure_ascii=False),
        "string": _plain_text,
        "join": _joined,
        "round": _round,
        "sum": _total,
    }
    environment.filters = {name: _filter(own.get(name) or filters[name]) for name in _FILTERS}
    tests = environment.tests
    environment.tests = {name: tests[name] for name in _TESTS if name in tests}
    return environment


ENVIRONMENT: Final = _sandbox()
"""Parses and evaluates expressions."""
