"""What feeds inputs, written into the YAML of a pipeline: everything else in the file stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepwell.source.diagnostic import Diagnostic
from stepwell.source.document import Document, Pointer, thaw
from stepwell.source.errors import PipelineError
from stepwell.source.read import read_text

__all__ = ["with_inputs"]


def with_inputs(document: Document, additions: Mapping[Pointer, Mapping[str, str]]) -> str:
    """The text of a pipeline with more inputs fed.

    Args:
        document: the pipeline's YAML file.
        additions: the way to each entry of ``steps`` to what feeds its inputs, by input.

    Raises:
        PipelineError: the file is written in a way in which this cannot be done without touching the rest.
    """
    if document.path.endswith(".toml"):
        raise PipelineError(f"{document.path} is TOML, and only YAML can be written into")
    text = document.text
    edits = sorted(
        (_edit(document, pointer, fed) for pointer, fed in additions.items() if fed), key=lambda one: -one[0]
    )
    for start, end, piece in edits:
        text = text[:start] + piece + text[end:]
    again = read_text(document.path, text.encode("utf-8"))
    if isinstance(again, Diagnostic) or thaw(again.data) != _expected(document, additions):
        raise PipelineError(f"{document.path} is written in a way that inputs cannot be added to safely")
    return text


def _edit(document: Document, pointer: Pointer, fed: Mapping[str, str]) -> tuple[int, int, str]:
    """One insertion: from where to where, and the text."""
    text, places = document.text, document.locate(document.text)
    inputs = (*pointer, "inputs")
    data: Any = document.data
    for step in pointer:
        data = data[step]
    pairs = [f"{_key(name)}: {word}" for name, word in fed.items()]
    line_break = "\r\n" if "\r\n" in text else "\n"
    if data.get("inputs"):
        last = inputs + (list(data["inputs"])[-1],)  # noqa: RUF005 - an index with a star needs Python 3.11
        end = places.values[last][1]
        if text[places.values[inputs][0]] == "{":
            return end, end, "".join(f", {pair}" for pair in pairs)
        indent = " " * _column(text, places.keys[last][0])
        at = _line_end(text, end)
        return at, at, "".join(f"{line_break}{indent}{pair}" for pair in pairs)
    flow = f"{{{', '.join(pairs)}}}"
    if "inputs" in data:  # it is there, and empty
        start, end = places.values[inputs]
        return start, end, flow
    after: Pointer = (*pointer, "step" if "step" in data else "id")
    end = places.values[after][1]
    if text[places.values[pointer][0]] == "{":
        return end, end, f", inputs: {flow}"
    indent = " " * _column(text, places.keys[after][0])
    at = _line_end(text, end)
    return at, at, f"{line_break}{indent}inputs:" + "".join(f"{line_break}{indent}  {pair}" for pair in pairs)


def _column(text: str, at: int) -> int:
    return at - max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) - 1


def _line_end(text: str, at: int) -> int:
    while at < len(text) and text[at] not in "\r\n":
        at += 1
    return at


def _key(name: str) -> str:
    from stepwell.source.yaml_writer import to_yaml

    return to_yaml({name: None}).partition(": null")[0]


def _expected(document: Document, additions: Mapping[Pointer, Mapping[str, str]]) -> Any:
    data = thaw(document.data)
    for pointer, fed in additions.items():
        entry = data
        for step in pointer:
            entry = entry[step]
        if fed:
            entry["inputs"] = {**(entry.get("inputs") or {}), **fed}
    return data
