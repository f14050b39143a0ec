"""The contract and the specification of an interface file, put together as a step's ``interface``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stepwell.model.schema import fields_of, fits
from stepwell.source.document import thaw

__all__ = ["TAKEN", "interface_of"]

TAKEN: Final = ("node_type", "contract", "spec", "compute", "patterns", "variants")
"""The keys of an interface file that an ``interface`` carries."""

_WHOLE: Final = ("compute", "patterns", "variants")
_RENAMED: Final = {"env_vars": "env"}
_INPUT: Final = frozenset(
    {
        *("path", "type", "required", "data_type", "compatible_sources", "semantic_keywords", "channels"),
        "description",
    }
)
_OUTPUT: Final = frozenset(
    {"path", "type", "property_path", "data_type", "aliases", "semantic_keywords", "description"}
)
_ARGUMENT: Final = frozenset({"flag", "source", "required", "default", "choices", "description"})


def interface_of(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the keys ``TAKEN`` of an interface file say as an ``interface``; ``None`` where it cannot.

    Nothing is left out but values that are null: what an interface has no field for stands there under the
    same name with ``x-`` before it.

    Args:
        data: the file's data.
    """
    parts = {key: data[key] for key in ("contract", "spec") if data.get(key) is not None}
    if not all(isinstance(one, Mapping) for one in parts.values()):
        return None
    contract, spec = (_plain(parts.get(key, {})) for key in ("contract", "spec"))
    said: dict[str, Any] = {}
    if data.get("node_type") is not None:
        said["node_type"] = data["node_type"]
    for key, value in contract.items():
        if key == "inputs":
            said["inputs"] = _merged(value, spec.get("dependencies", {}), _INPUT)
        elif key == "outputs":
            said["outputs"] = _merged(value, spec.get("outputs", {}), _OUTPUT)
        elif key == "arguments":
            said["arguments"] = _arguments(value)
        else:
            said[_RENAMED.get(key, key)] = _environment(value) if key == "env_vars" else value
    for key, value in spec.items():
        if key == "dependencies":
            said.setdefault("inputs", _merged({}, value, _INPUT))
        elif key == "outputs":
            said.setdefault("outputs", _merged({}, value, _OUTPUT))
        else:
            said[f"x-{key}" if key in said else key] = value
    said.update({key: _plain(data[key]) for key in _WHOLE if data.get(key) is not None})
    known = {*fields_of("step", "interface")}
    said = {key if key in known or key[:2] == "x-" else f"x-{key}": value for key, value in said.items()}
    serves = bool(said) and fits("step", {"name": "A", "description": "A.", "interface": said})
    return said if serves else None


def _merged(first: Any, second: Any, known: frozenset[str]) -> Any:
    """The inputs or outputs of both, by name."""
    if not isinstance(first, dict) or not isinstance(second, dict):
        return None
    found: dict[str, Any] = {}
    for name in (*first, *(name for name in second if name not in first)):
        one, other = first.get(name) or {}, second.get(name) or {}
        if not isinstance(one, dict) or not isinstance(other, dict):
            return None
        joined = dict(one)
        for key, value in other.items():
            joined[f"x-spec-{key}" if key in one and one[key] != value else key] = value
        found[name] = _named(joined, known)
    return found


def _arguments(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        name: _named(_as_text(said, "default"), _ARGUMENT)
        if isinstance(said, dict)
        else {"default": _text(said)}
        for name, said in value.items()
    }


def _environment(value: Any) -> Any:
    if not isinstance(value, dict) or not isinstance(value.get("optional", {}), dict):
        return value
    optional = {name: _text(one) for name, one in value.get("optional", {}).items()}
    return {**value, **({"optional": optional} if "optional" in value else {})}


def _named(said: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    return {key if key in known or key[:2] == "x-" else f"x-{key}": value for key, value in said.items()}


def _as_text(said: dict[str, Any], key: str) -> dict[str, Any]:
    return {**said, key: _text(said[key])} if key in said else said


def _text(value: Any) -> Any:
    """A value as it would be written on a command line."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else "" if value is None else value


def _plain(value: Any) -> Any:
    """The value without what is null, mappings as plain ones."""
    value = thaw(value)
    return _without_null(value)


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {"optional", "arguments"}  # there a null is an empty value
        return {
            key: one if key in kept and isinstance(one, dict) else _without_null(one)
            for key, one in value.items()
            if one is not None
        }
    return [_without_null(one) for one in value] if isinstance(value, list) else value
