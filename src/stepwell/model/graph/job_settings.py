"""Arguments, environment variables and resources of a step, from its interface and configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from stepwell.source.document import thaw

__all__ = [
    "SETTINGS",
    "arguments_of",
    "configurable",
    "environment_of",
    "missing_settings",
    "resources_of",
]

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


_OF_A_KIND: Final = ("instance_type", "instance_count", "volume_size")
SETTINGS: Final = frozenset(
    {
        *("role", "image", "image_uri", "code_uri", "region", "max_runtime_seconds", "function_arn"),
        *("content_type", "split_type", "accept", "assemble_with"),
        *("hyperparameters", "job_type"),
        *("model_package_group_name", "content_types", "response_types", "approval_status"),
        *("inference_instances", "transform_instances"),
        *_OF_A_KIND,
        *(f"{kind}_{item}" for kind in ("processing", "training", "transform") for item in _OF_A_KIND),
    }
)
"""Settings that exporters read, for which a class may declare defaults."""


def configurable(interface: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the configuration keys that set an argument or environment variable, as one would write them."""
    declared = interface.get("env") or _NOTHING
    variables = (*declared.get("required", ()), *(declared.get("optional") or ()))
    sources = (source for _, names, _ in _flags(interface) for source in names)
    return tuple(dict.fromkeys((*sources, *(name.lower() for name in variables), *variables)))


def arguments_of(interface: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the command line arguments that the configuration sets, as flags and values in turn.

    Args:
        config: may contain ``job_type``.
    """
    arguments: dict[str, str] = {}
    for flag, sources, _ in _flags(interface):
        value = _value(config, sources)
        if value is not None and flag not in arguments:
            arguments[flag] = value
    return tuple(word for pair in arguments.items() for word in pair)


def environment_of(interface: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, str]:
    """Return the declared environment variables that the configuration sets."""
    declared = interface.get("env") or _NOTHING
    names = dict.fromkeys((*declared.get("required", ()), *(declared.get("optional") or ())))
    values = {name: _value(config, (name, name.lower())) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def missing_settings(interface: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield a label and the key to add for each required setting without a value."""
    flags = arguments_of(interface, config)[::2]
    for flag, sources, declared in _flags(interface):
        if declared.get("required") and flag not in flags and declared.get("default") is None:
            yield f"argument `{flag}`", sources[0]
    variables = environment_of(interface, config)
    for name in (interface.get("env") or _NOTHING).get("required", ()):
        if name not in variables:
            yield f"environment variable `{name}`", name.lower()


def resources_of(interface: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    """Return ``compute.resources``: the required free resources of the engine."""
    resources = (interface.get("compute") or _NOTHING).get("resources")
    if not isinstance(resources, Mapping):
        return ()
    return tuple(
        (name, float(amount))
        for name, amount in sorted(resources.items())
        if isinstance(amount, (int, float)) and not isinstance(amount, bool) and amount > 0
    )


def _flags(interface: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...], Mapping[str, Any]]]:
    """Yield every flag with its configuration keys and its declaration."""
    for declared in interface.get("job_arguments", ()):
        flag = declared.get("flag")
        if isinstance(flag, str):
            yield flag, (declared.get("source") or flag.lstrip("-"),), declared
    for name, declared in (interface.get("arguments") or _NOTHING).items():
        source = declared.get("source") or name.lstrip("-")
        flag = declared.get("flag") or (name if name.startswith("-") else f"--{name}")
        yield flag, (source, source.replace("-", "_")), declared


def _value(config: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """Return a value for the command line: strings verbatim, everything else as JSON."""
    for name in names:
        value = config.get(name)
        if value is not None:
            return value if isinstance(value, str) else json.dumps(thaw(value), ensure_ascii=False)
    return None
