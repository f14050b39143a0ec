"""JSON Merge Patches (RFC 7396) of read-only data."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from stepwell.source.document import FrozenMapping

__all__ = ["merge_patch", "patch_between"]

_ABSENT: Final = object()
_MAPPINGS: Final = (MappingProxyType, dict)
"""Mapping types of plain data; checking these is several times faster than checking for ``Mapping``."""


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply a JSON Merge Patch (RFC 7396 section 2) to read-only data.

    Args:
        patch: the changes; ``None`` removes a field.
    """
    if not isinstance(patch, _MAPPINGS):
        return patch
    result: FrozenMapping[str, Any] = FrozenMapping(target if isinstance(target, _MAPPINGS) else ())
    for key, value in patch.items():  # bypass the read-only methods: the result is not shared yet
        if value is None:
            dict.pop(result, key, None)
        elif isinstance(value, _MAPPINGS):
            dict.__setitem__(result, key, merge_patch(result.get(key), value))
        else:
            dict.__setitem__(result, key, value)
    return result


def patch_between(target: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the smallest JSON Merge Patch (RFC 7396) from one mapping to another.

    Args:
        wanted: the result of applying the patch, without ``None``.
    """
    patch: dict[str, Any] = {key: None for key in target if key not in wanted}
    for key, value in wanted.items():
        below = target.get(key, _ABSENT)
        if isinstance(value, _MAPPINGS) and isinstance(below, _MAPPINGS):
            inner = patch_between(below, value)
            if inner:
                patch[key] = inner
        elif type(below) is not type(value) or below != value:
            patch[key] = value
    return patch
