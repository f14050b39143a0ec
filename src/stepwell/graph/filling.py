"""Values that stand for a parameter of the pipeline: ``${name}`` as a whole value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from stepwell.source.document import Pointer

__all__ = ["fill", "parameter_named", "parameters_in"]

_WHOLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def parameter_named(value: Any) -> str | None:
    """The parameter that a value stands for, if it does."""
    if not isinstance(value, str):
        return None
    found = _WHOLE.fullmatch(value)
    return None if found is None else found[1]


def parameters_in(value: Any, pointer: Pointer = ()) -> Iterator[tuple[Pointer, str]]:
    """Every value inside read-only data that stands for a parameter, with where it is."""
    name = parameter_named(value)
    if name is not None:
        yield pointer, name
    elif isinstance(value, Mapping):
        for key, below in value.items():
            yield from parameters_in(below, (*pointer, key))
    elif isinstance(value, tuple):
        for at, below in enumerate(value):
            yield from parameters_in(below, (*pointer, at))


def fill(value: Any, values: Mapping[str, Any]) -> Any:
    """Read-only data with the values of parameters in the places that stand for them.

    Args:
        value: the data; what stands for a parameter that has no value stays as it is.
        values: the parameters by name.
    """
    name = parameter_named(value)
    if name is not None:
        return values.get(name, value)
    if isinstance(value, Mapping):
        return MappingProxyType({key: fill(below, values) for key, below in value.items()})
    if isinstance(value, tuple):
        return tuple(fill(below, values) for below in value)
    return value
