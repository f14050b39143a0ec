"""Reads and writes pipelines as text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, NoReturn, final

from stepwell.model import PipelineDefinition, schema, schema_errors
from stepwell.model.graph.link import Among, Linked, Sees, link
from stepwell.model.graph.node import Graph, Node, read_step, written_step
from stepwell.model.layer import Layer, Source
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.document import Document, freeze, no_places, thaw
from stepwell.source.errors import PipelineError
from stepwell.source.read import read_text

__all__ = ["from_json", "from_yaml", "plain_of", "to_json", "to_yaml"]

_ANYWHERE: Final = Among()


def plain_of(pipeline: Graph, among: Among = _ANYWHERE) -> dict[str, Any]:
    """Return a pipeline as file data, with extended pipelines merged."""
    data: dict[str, Any] = {"name": pipeline.name}
    if pipeline.description:
        data["description"] = pipeline.description
    if pipeline.parameters:
        data["parameters"] = thaw(pipeline.parameters)
    data["steps"] = [_step(node, among) for node in pipeline.nodes.values()]
    data.update(thaw(pipeline.extensions))
    return data


def _step(node: Node, among: Among) -> dict[str, Any]:
    data: dict[str, Any] = {"id": node.id, "step": _word(node, among)}
    if node.config:
        data["config"] = thaw(node.config)
    inputs = {name: str(fed) for name, fed in node.inputs.items()}
    inputs.update((name, "${" + parameter + "}") for name, parameter in node.given.items())
    if inputs:
        data["inputs"] = inputs
    if node.depends_on:
        data["depends_on"] = list(node.depends_on)
    data.update(thaw(node.extensions))
    return data


def _word(node: Node, among: Among) -> str:
    """Return the shortest unambiguous reference to a node's step."""
    short = ":".join(part for part in (node.workspace, node.step, node.job_type) if part is not None)
    read = read_step(short, among.views, among.job_types)
    if read == (node.step, node.workspace, node.job_type, None):
        return short
    return written_step(node.step, node.workspace, node.job_type)


def to_yaml(pipeline: Graph, among: Among = _ANYWHERE) -> str:
    """Return a pipeline as YAML."""
    from stepwell.source.yaml_writer import to_yaml as written

    return written(plain_of(pipeline, among))


def to_json(pipeline: Graph, among: Among = _ANYWHERE) -> str:
    """Return a pipeline as JSON.

    Raises:
        ValueError: JSON cannot represent a value.
    """
    return json.dumps(plain_of(pipeline, among), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def from_yaml(text: str, view: Sees | None, among: Among | None) -> Linked:
    """Parse and link a YAML pipeline.

    Args:
        view: resolves steps and extended pipelines; without a view, steps have no definition.
        among: other views and job types for step references.

    Raises:
        PipelineError: the text is invalid; the message lists all findings with lines.
    """
    document = read_text("text.yaml", text.encode("utf-8", "surrogatepass"))
    if isinstance(document, Diagnostic):
        _refuse([document])
    return _made(document, (Source(Layer.RUNTIME, None, document),), view, among)


def from_json(text: str, view: Sees | None, among: Among | None) -> Linked:
    """Parse and link a JSON pipeline; its steps have no locations."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise PipelineError(f"invalid JSON: {error}") from None
    if not isinstance(data, dict):
        raise PipelineError("a pipeline must be a mapping")
    return _made(Document("text.json", text, freeze(data), no_places), (), view, among)


def _made(document: Document, sources: tuple[Source, ...], view: Sees | None, among: Among | None) -> Linked:
    data = document.data
    whole = data if "description" in data else {**data, "description": "-"}
    if not schema.fits("pipeline", whole):
        _refuse(list(schema_errors.explain("pipeline", "pipeline", whole, lambda _: document)))
    definition = PipelineDefinition(freeze({"description": "", **data}), sources)
    linked = link(view or _EmptyView(), definition, among or _ANYWHERE)
    if linked.flat.missing is not None:
        raise PipelineError(f"unknown pipeline `{linked.flat.missing.extends}` in `extends`")
    seen: set[str] = set()
    for step in definition.steps:
        if step["id"] in seen:
            raise PipelineError(f"duplicate step id `{step['id']}`")
        seen.add(step["id"])
    return linked


def _refuse(findings: list[Diagnostic]) -> NoReturn:
    messages = [
        finding.message if finding.span is None else f"line {finding.span.line}: {finding.message}"
        for finding in findings
    ]
    raise PipelineError("invalid pipeline: " + "; ".join(messages))


@final
class _NoPipelines:
    def __iter__(self) -> Iterator[str]:
        return iter(())

    def get(self, _: str, /) -> None:
        return None

    def hidden(self, _: str, /) -> tuple[()]:
        return ()


@final
class _EmptyView:
    """Empty view."""

    workspace: None = None
    title = "no view"
    pipelines = _NoPipelines()

    def get(self, _: str, /) -> None:
        return None

    def __iter__(self) -> Iterator[str]:
        return iter(())
