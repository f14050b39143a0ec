"""What the interface of a step asks for besides files, as its configuration gives it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from stepwell.source.document import thaw

__all__ = ["arguments_of", "environment_of", "missing_settings", "resources_of"]

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def arguments_of(interface: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[str, ...]:
    """The command line: every declared argument that the configuration gives a value, flag and value in turn.

    Args:
        config: its configuration; ``job_type`` may be among it.
    """
    found: dict[str, str] = {}
    for flag, sources, _ in _flags(interface):
        value = _said(config, sources)
        if value is not None and flag not in found:
            found[flag] = value
    return tuple(word for pair in found.items() for word in pair)


def environment_of(interface: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, str]:
    """Return the declared environment variables that the configuration sets."""
    said = interface.get("env") or _NOTHING
    names = dict.fromkeys((*said.get("required", ()), *(said.get("optional") or ())))
    values = {name: _said(config, (name, name.lower())) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def missing_settings(interface: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each required setting without a value: a message, and the key to add."""
    given = arguments_of(interface, config)[::2]
    for flag, sources, said in _flags(interface):
        if said.get("required") and flag not in given and said.get("default") is None:
            yield f"the argument `{flag}`", sources[0]
    variables = environment_of(interface, config)
    for name in (interface.get("env") or _NOTHING).get("required", ()):
        if name not in variables:
            yield f"the environment variable `{name}`", name.lower()


def resources_of(interface: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    """What an engine must have free for a step: ``compute.resources``, each with its amount."""
    said = (interface.get("compute") or _NOTHING).get("resources")
    if not isinstance(said, Mapping):
        return ()
    return tuple(
        (name, float(amount))
        for name, amount in sorted(said.items())
        if isinstance(amount, (int, float)) and not isinstance(amount, bool) and amount > 0
    )


def _flags(interface: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...], Mapping[str, Any]]]:
    """Every flag, the keys of the configuration that may give it, and what is said of it."""
    for one in interface.get("job_arguments", ()):
        flag = one.get("flag")
        if isinstance(flag, str):
            yield flag, (one.get("source") or flag.lstrip("-"),), one
    for name, one in (interface.get("arguments") or _NOTHING).items():
        source = one.get("source") or name.lstrip("-")
        flag = one.get("flag") or (name if name.startswith("-") else f"--{name}")
        yield flag, (source, source.replace("-", "_")), one


def _said(config: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """A value as a command line has it: text as it is, anything else as JSON."""
    for name in names:
        value = config.get(name)
        if value is not None:
            return value if isinstance(value, str) else json.dumps(thaw(value), ensure_ascii=False)
    return None
