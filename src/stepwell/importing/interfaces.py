"""Interface files of steps (``*.step.yaml``): what the registry knows, and the rest carried whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any, Final

from stepwell.importing.contracts import TAKEN, interface_of
from stepwell.importing.entries import LEGACY_FIELDS, Entry, fail, in_full
from stepwell.model.layer import Layer
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.document import Document, Pointer, TextMap
from stepwell.source.python import Remark

__all__ = ["INTERFACE", "SUFFIXES", "UNKNOWN", "interface_entry", "is_interface"]

SUFFIXES: Final = (".step.yaml", ".step.yml")
INTERFACE: Final = "interface"
UNKNOWN: Final = "x-interface"
"""The field that holds what an interface file says beyond the registry and the interface."""

_COMMENT: Final = re.compile(r"(?:^|(?<=[ \t]))#")


def is_interface(document: Document) -> bool:
    """Whether a document is an interface file."""
    return "step_type" in document.data


def interface_entry(document: Document) -> Entry | Diagnostic:
    """The definition that an interface file stands for.

    Args:
        document: the file.
    """
    data = document.data
    name, registry = data["step_type"], data.get("registry", MappingProxyType({}))
    if not isinstance(name, str):
        return fail(
            "wrong-type", "`step_type` must be text", document, ("step_type",), "write the step's name"
        )
    if not isinstance(registry, MappingProxyType):
        return fail("wrong-type", "`registry` must be a mapping", document, ("registry",), "write its fields")
    stated = {key: registry[key] for key in LEGACY_FIELDS if registry.get(key) is not None}
    taken = {"name": name, **stated}
    rest = {key: value for key, value in registry.items() if key not in LEGACY_FIELDS or key not in taken}
    interface = interface_of(data)
    elsewhere = {"step_type", *(() if rest else ("registry",)), *(TAKEN if interface is not None else ())}
    beyond = {key: rest if key == "registry" else data[key] for key in data if key not in elsewhere}
    fields: dict[str, Any] = {**taken}
    if interface is not None:
        fields[INTERFACE] = interface
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
    return Entry("steps", Layer.CORE, None, source, in_full(taken), tuple(remarks), verbatim)


class _Lines:
    """The lines of a document in block style, key by key, with the comments among them."""

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
        """The block of some keys of the document, as it is written, indented below a key."""
        blocks = [f"{UNKNOWN}:"]
        for key in beyond:
            if key == "registry":
                head = self._lines[self._first[key,] - 1]
                inner = [line for one in of_registry for line in self._of(("registry", one))]
                ordered = sorted(inner, key=lambda numbered: numbered[0])
                blocks += [f"  {head}", *(f"  {line}" if line else "" for _, line in ordered)]
            else:
                blocks += [f"  {line}" if line else "" for _, line in self._of((key,))]
        return "\n".join(blocks).rstrip() + "\n"

    def comments(self, pointer: Pointer) -> Iterator[str]:
        """The comments in the lines of a key, but for those that are inside of its value's mapping."""
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
        for found in _COMMENT.finditer(text):
            if not self._document.holds(self._offset(line) + found.start()):
                words = text[found.end() :].strip()
                if words:
                    yield words
                return

    def _offset(self, line: int) -> int:
        return len("\n".join(self._lines[: line - 1])) + (line > 1)
