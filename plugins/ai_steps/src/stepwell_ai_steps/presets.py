"""Presets of default options for the claude step types."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

__all__ = ["FOR_MODE", "PRESETS", "with_preset"]

PRESETS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "development": {
            "system_prompt": "You are a helpful development assistant. Write clean, maintainable code.",
            "append_system_prompt": "Explain what you do in detail.",
            "timeout_ms": 300_000,
            "retry_config": {
                "max_retries": 3,
                "backoff_strategy": "exponential",
                "retry_on": ["timeout", "api_error"],
            },
        },
        "production": {
            "system_prompt": "You are a production assistant. Prioritize safety and reliability.",
            "output_format": "json",
            "timeout_ms": 120_000,
            "retry_config": {"max_retries": 2, "backoff_strategy": "linear", "retry_on": ["timeout"]},
        },
        "analysis": {
            "system_prompt": "You are a code analysis expert. Give detailed, structured analysis.",
            "append_system_prompt": "Make specific recommendations.",
            "output_format": "json",
            "timeout_ms": 180_000,
            "retry_config": {
                "max_retries": 2,
                "backoff_strategy": "exponential",
                "retry_on": ["timeout", "api_error"],
            },
        },
        "chat": {
            "system_prompt": "You are a helpful assistant. Give clear, concise answers.",
            "timeout_ms": 60_000,
            "retry_config": {"max_retries": 1, "backoff_strategy": "linear", "retry_on": ["timeout"]},
        },
    }
)
"""Options of each preset."""

FOR_MODE: Final[Mapping[str, str]] = MappingProxyType(
    {"development": "development", "production": "production", "test": "development"}
)
"""Preset for each mode of a workflow's ``environment``."""


def with_preset(preset: str | None, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return options with the defaults of a preset."""
    return {**(PRESETS[preset] if preset is not None else {}), **(options or {})}
