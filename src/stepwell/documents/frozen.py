"""Plain data that cannot be changed, and its changeable copy."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["freeze", "freeze_mapping", "thaw"]


def freeze(value: Any) -> Any:
    """An immutable copy of plain data: mappings become read-only, lists become tuples."""
    if isinstance(value, (dict, MappingProxyType)):
        return freeze_mapping(value)
    if isinstance(value, (list, tuple)):
        return tuple(map(freeze, value))
    return value


def freeze_mapping(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """As ``freeze``, for a mapping whose values are mostly scalars."""
    return MappingProxyType({key: item if type(item) is str else freeze(item) for key, item in value.items()})


def thaw(value: Any) -> Any:
    """A changeable copy of what ``freeze`` gave, made of ``dict`` and ``list`` only."""
    if isinstance(value, (dict, MappingProxyType)):
        return {key: thaw(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [thaw(item) for item in value]
    return value
