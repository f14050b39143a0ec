"""Whole rows of the old overrides to JSON Merge Patches (RFC 7396) that mean the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stepwell.model import CONVENTIONS

__all__ = ["effective", "patch_of", "without_conventional"]

_OPTIONAL: Final = (
    "sagemaker_step_type",
    "framework",
    "config_class",
    "builder_step_name",
    "spec_type",
    "priority",
    "environment_tags",
    "compatibility_tags",
    "conflict_resolution_strategy",
)
"""Fields that an old row could leave out, and that the step then did not have."""


def effective(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a step, those included that it has by convention."""
    if data.get("sagemaker_step_type") is None:
        return dict(data)
    by_convention = {key: f"{data['name']}{ending}" for key, ending in CONVENTIONS.items()}
    return {**by_convention, **{key: value for key, value in data.items() if value is not None}}


def without_conventional(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that a step must state: those that it has by convention are left out."""
    if data.get("sagemaker_step_type") is None:
        return dict(data)
    return {
        key: value
        for key, value in data.items()
        if key not in CONVENTIONS or value != f"{data['name']}{CONVENTIONS[key]}"
    }


def patch_of(row: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """What changes a step into an old row that replaced it whole; only ``name`` where nothing does.

    Args:
        row: the fields of the row, ``name`` among them.
        base: the fields of the step below.
    """
    wanted, given = effective(row), effective(base)
    patch: dict[str, Any] = {"name": row["name"]}
    patch.update((key, value) for key, value in row.items() if key != "name" and given.get(key) != value)
    for key in _OPTIONAL:
        left_out = base.get(key) is not None and row.get(key) is None
        if left_out and given.get(key) != wanted.get(key):
            patch[key] = None
    return patch
