"""Converts rows of old tables and interface files (``*.step.yaml``); unknown content is preserved."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from stepwell.model.schema import fields, fields_of, fits
from stepwell.source.diagnostic import Diagnostic, Severity
from stepwell.source.document import Document, Pointer, TextMap, freeze, thaw
from stepwell.source.legacy_table import LEGACY_FIELDS, Remark, TableRow

__all__ = [
    "INTERFACE",
    "SUFFIXES",
    "TAKEN",
    "UNKNOWN",
    "interface_of",
    "interface_row",
    "is_interface",
    "with_fields",
    "with_known_fields",
]


TAKEN: Final = ("node_type", "contract", "spec", "compute", "patterns", "variants")
"""Keys of an interface file that are part of ``interface``."""

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
    """Return the keys ``TAKEN`` of an interface file as an ``interface``, or ``None`` if impossible.

    Only null values are dropped; unknown keys get the prefix ``x-``.
    """
    parts = {key: data[key] for key in ("contract", "spec") if data.get(key) is not None}
    if not all(isinstance(part, Mapping) for part in parts.values()):
        return None
    contract, spec = (_plain(parts.get(key, {})) for key in ("contract", "spec"))
    interface: dict[str, Any] = {}
    if data.get("node_type") is not None:
        interface["node_type"] = data["node_type"]
    for key, value in contract.items():
        if key == "inputs":
            interface["inputs"] = _merged(value, spec.get("dependencies", {}), _INPUT)
        elif key == "outputs":
            interface["outputs"] = _merged(value, spec.get("outputs", {}), _OUTPUT)
        elif key == "arguments":
            interface["arguments"] = _arguments(value)
        else:
            interface[_RENAMED.get(key, key)] = _environment(value) if key == "env_vars" else value
    for key, value in spec.items():
        if key == "dependencies":
            interface.setdefault("inputs", _merged({}, value, _INPUT))
        elif key == "outputs":
            interface.setdefault("outputs", _merged({}, value, _OUTPUT))
        else:
            interface[f"x-{key}" if key in interface else key] = value
    interface.update({key: _plain(data[key]) for key in _WHOLE if data.get(key) is not None})
    known = {*fields_of("step", "interface")}
    interface = {
        key if key in known or key[:2] == "x-" else f"x-{key}": value for key, value in interface.items()
    }
    serves = bool(interface) and fits("step", {"name": "A", "description": "A.", "interface": interface})
    return interface if serves else None


def _merged(first: Any, second: Any, known: frozenset[str]) -> Any:
    """Merge inputs or outputs by name."""
    if not isinstance(first, dict) or not isinstance(second, dict):
        return None
    merged: dict[str, Any] = {}
    for name in (*first, *(name for name in second if name not in first)):
        left, right = first.get(name) or {}, second.get(name) or {}
        if not isinstance(left, dict) or not isinstance(right, dict):
            return None
        joined = dict(left)
        for key, value in right.items():
            joined[f"x-spec-{key}" if key in left and left[key] != value else key] = value
        merged[name] = _named(joined, known)
    return merged


def _arguments(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        name: _named(_as_text(argument, "default"), _ARGUMENT)
        if isinstance(argument, dict)
        else {"default": _text(argument)}
        for name, argument in value.items()
    }


def _environment(value: Any) -> Any:
    if not isinstance(value, dict) or not isinstance(value.get("optional", {}), dict):
        return value
    optional = {name: _text(item) for name, item in value.get("optional", {}).items()}
    return {**value, **({"optional": optional} if "optional" in value else {})}


def _named(data: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    return {key if key in known or key[:2] == "x-" else f"x-{key}": value for key, value in data.items()}


def _as_text(data: dict[str, Any], key: str) -> dict[str, Any]:
    return {**data, key: _text(data[key])} if key in data else data


def _text(value: Any) -> Any:
    """Return a value as a command line argument."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else "" if value is None else value


def _plain(value: Any) -> Any:
    """Return the value without nulls, as plain data."""
    value = thaw(value)
    return _without_null(value)


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {"optional", "arguments"}  # null is an empty value here
        return {
            key: item if key in kept and isinstance(item, dict) else _without_null(item)
            for key, item in value.items()
            if item is not None
        }
    return [_without_null(item) for item in value] if isinstance(value, list) else value


SUFFIXES: Final = (".step.yaml", ".step.yml")
INTERFACE: Final = "interface"
UNKNOWN: Final = "x-interface"
"""Field for the remaining content of an interface file."""

_COMMENT: Final = re.compile(r"(?:^|(?<=[ \t]))#")


def is_interface(document: Document) -> bool:
    """Return whether a document is an interface file."""
    return "step_type" in document.data


def interface_row(document: Document) -> TableRow | Diagnostic:
    """Return the definition of an interface file."""
    data = document.data
    name, registry = data["step_type"], data.get("registry", MappingProxyType({}))
    if not isinstance(name, str):
        return _wrong_type("`step_type` must be text", document, "step_type", "write the step's name")
    if not isinstance(registry, Mapping):
        return _wrong_type("`registry` must be a mapping", document, "registry", "write its fields")
    stated = {key: registry[key] for key in LEGACY_FIELDS if registry.get(key) is not None}
    taken = {"name": name, **stated}
    rest = {key: value for key, value in registry.items() if key not in LEGACY_FIELDS or key not in taken}
    interface = interface_of(data)
    elsewhere = {"step_type", *(() if rest else ("registry",)), *(TAKEN if interface is not None else ())}
    beyond = {key: rest if key == "registry" else data[key] for key in data if key not in elsewhere}
    fields: dict[str, Any] = {**taken}
    if interface is not None:
        fields[INTERFACE] = freeze(interface)
    if beyond:
        fields[UNKNOWN] = MappingProxyType(beyond)
    places = document.locate(document.text)
    origin: dict[str, Pointer] = {"name": ("step_type",), **{key: ("registry", key) for key in stated}}
    own = TextMap(
        {(key,): places.keys[place] for key, place in origin.items() if place in places.keys},
        {(key,): places.values[place] for key, place in origin.items() if place in places.values},
    )
    source = Document(document.path, document.text, MappingProxyType(fields), lambda _: own)
    lines = _Lines(document)
    remarks = [Remark(text) for text in lines.comments(("step_type",))]
    remarks += [Remark(text, key) for key in stated for text in lines.comments(("registry", key))]
    if interface is not None:
        remarks += [
            Remark(text, INTERFACE) for key in data if key in TAKEN for text in lines.comments((key,))
        ]
    verbatim = {UNKNOWN: lines.written(beyond, frozenset(rest))} if beyond else {}
    return TableRow(name, source, tuple(remarks), (), verbatim)


def _wrong_type(message: str, document: Document, key: str, help_text: str) -> Diagnostic:
    return Diagnostic("wrong-type", Severity.ERROR, message, document.key_span((key,)), help_text)


def with_known_fields(noun: str, document: Document) -> tuple[Document, Mapping[str, str]]:
    """Return a row whose unknown fields have the prefix ``x-``, and their new names by the old ones."""
    known = fields(noun)
    renamed = {key: f"x-{key}" for key in document.data if key not in known and not key.startswith("x-")}
    data = {renamed.get(key, key): value for key, value in document.data.items()}
    new = with_fields(document, data, {name: key for key, name in renamed.items()}) if renamed else document
    return new, renamed


def with_fields(document: Document, data: Mapping[str, Any], renamed: Mapping[str, str]) -> Document:
    """Return the document with other fields; renamed fields keep their locations."""
    places = document.locate(document.text)
    keys, values = dict(places.keys), dict(places.values)
    for new, old in renamed.items():
        for into in (keys, values):
            if (old,) in into:
                into[new,] = into[old,]
    own = TextMap(keys, values)
    return Document(document.path, document.text, MappingProxyType(dict(data)), lambda _: own)


class _Lines:
    """Lines and comments of a block-style document by key."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._lines = document.text.replace("\r\n", "\n").split("\n")
        keys = document.locate(document.text).keys
        self._first: dict[Pointer, int] = {
            pointer: document.key_span(pointer).line
            for pointer in keys
            if len(pointer) == 1 or (len(pointer) == 2 and pointer[0] == "registry")
        }

    def written(self, beyond: dict[str, Any], of_registry: frozenset[str]) -> str:
        """Return the original text of some keys, indented below a key."""
        blocks = [f"{UNKNOWN}:"]
        for key in beyond:
            if key == "registry":
                head = self._lines[self._first[key,] - 1]
                inner = [line for item in of_registry for line in self._of(("registry", item))]
                ordered = sorted(inner, key=lambda numbered: numbered[0])
                blocks += [f"  {head}", *(f"  {line}" if line else "" for _, line in ordered)]
            else:
                blocks += [f"  {line}" if line else "" for _, line in self._of((key,))]
        return "\n".join(blocks).rstrip() + "\n"

    def comments(self, pointer: Pointer) -> Iterator[str]:
        """Return the comments of a key, except those inside its mapping."""
        starts = [
            at for at in self._first.values() if pointer[0] == "step_type" and at == min(self._first.values())
        ]
        above = range(1, starts[0]) if starts and self._first.get(pointer) == starts[0] else range(0)
        for line in above:
            yield from self._comment(self._lines[line - 1], line)
        for line, text in self._of(pointer):
            yield from self._comment(text, line)

    def _of(self, pointer: Pointer) -> list[tuple[int, str]]:
        first = self._first.get(pointer)
        if first is None:
            return []
        later = [at for at in self._first.values() if at > first]
        last = min(later) - 1 if later else len(self._lines)
        return [(line, self._lines[line - 1]) for line in range(first, last + 1)]

    def _comment(self, text: str, line: int) -> Iterator[str]:
        for match in _COMMENT.finditer(text):
            if not self._document.holds(self._offset(line) + match.start()):
                words = text[match.end() :].strip()
                if words:
                    yield words
                return

    def _offset(self, line: int) -> int:
        return len("\n".join(self._lines[: line - 1])) + (line > 1)
