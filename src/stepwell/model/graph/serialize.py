"""Pipelines as text and back: what is written reads as the same graph."""

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
    """A pipeline as the data of its file: what it extends is in it, so it extends nothing."""
    said: dict[str, Any] = {"name": pipeline.name}
    if pipeline.description:
        said["description"] = pipeline.description
    if pipeline.parameters:
        said["parameters"] = thaw(pipeline.parameters)
    said["steps"] = [_step(node, among) for node in pipeline.nodes.values()]
    said.update(thaw(pipeline.extensions))
    return said


def _step(node: Node, among: Among) -> dict[str, Any]:
    said: dict[str, Any] = {"id": node.id, "step": _word(node, among)}
    if node.config:
        said["config"] = thaw(node.config)
    inputs = {name: str(fed) for name, fed in node.inputs.items()}
    inputs.update((name, "${" + parameter + "}") for name, parameter in node.given.items())
    if inputs:
        said["inputs"] = inputs
    if node.depends_on:
        said["depends_on"] = list(node.depends_on)
    said.update(thaw(node.extensions))
    return said


def _word(node: Node, among: Among) -> str:
    """The shortest word that is read as the node's step."""
    short = ":".join(part for part in (node.workspace, node.step, node.job_type) if part is not None)
    read = read_step(short, among.views, among.job_types)
    if read == (node.step, node.workspace, node.job_type, None):
        return short
    return written_step(node.step, node.workspace, node.job_type)


def to_yaml(pipeline: Graph, among: Among = _ANYWHERE) -> str:
    """A pipeline as the YAML of its file."""
    from stepwell.source.yaml_writer import to_yaml as written

    return written(plain_of(pipeline, among))


def to_json(pipeline: Graph, among: Among = _ANYWHERE) -> str:
    """A pipeline as JSON of the same form.

    Raises:
        ValueError: a value has no form in JSON.
    """
    return json.dumps(plain_of(pipeline, among), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def from_yaml(text: str, view: Sees | None, among: Among | None) -> Linked:
    """The linked definition of a YAML text.

    Args:
        view: whose steps it names, and whose pipelines it extends; without one no step has a definition.
        among: what else it may name.

    Raises:
        PipelineError: the text is no pipeline; the message has every finding with its line.
    """
    document = read_text("text.yaml", text.encode("utf-8", "surrogatepass"))
    if isinstance(document, Diagnostic):
        _refuse([document])
    return _made(document, (Source(Layer.RUNTIME, None, document),), view, among)


def from_json(text: str, view: Sees | None, among: Among | None) -> Linked:
    """The linked definition of a JSON text; as ``from_yaml``, but that its steps know no places."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise PipelineError(f"the text is no JSON: {error}") from None
    if not isinstance(data, dict):
        raise PipelineError("the text is no mapping")
    return _made(Document("text.json", text, freeze(data), no_places), (), view, among)


def _made(document: Document, sources: tuple[Source, ...], view: Sees | None, among: Among | None) -> Linked:
    data = document.data
    whole = data if "description" in data else {**data, "description": "-"}
    if not schema.fits("pipeline", whole):
        _refuse(list(schema_errors.explain("pipeline", "pipeline", whole, lambda _: document)))
    definition = PipelineDefinition(freeze({"description": "", **data}), sources)
    linked = link(view or _Nobody(), definition, among or _ANYWHERE)
    if linked.flat.missing is not None:
        raise PipelineError(f"there is no pipeline `{linked.flat.missing.extends}` to extend")
    seen: set[str] = set()
    for step in definition.steps:
        if step["id"] in seen:
            raise PipelineError(f"the id `{step['id']}` stands twice")
        seen.add(step["id"])
    return linked


def _refuse(found: list[Diagnostic]) -> NoReturn:
    told = [f"line {one.span.line}: {one.message}" if one.span is not None else one.message for one in found]
    raise PipelineError("the text is no pipeline: " + "; ".join(told))


@final
class _NoPipelines:
    def __iter__(self) -> Iterator[str]:
        return iter(())

    def get(self, _: str, /) -> None:
        return None

    def hidden(self, _: str, /) -> tuple[()]:
        return ()


@final
class _Nobody:
    """A view that has nothing."""

    workspace: None = None
    title = "no view"
    pipelines = _NoPipelines()

    def get(self, _: str, /) -> None:
        return None

    def __iter__(self) -> Iterator[str]:
        return iter(())
