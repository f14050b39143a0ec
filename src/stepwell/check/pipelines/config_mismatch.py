"""`config` of a pipeline step does not match the step's `parameters`.

`config` is validated against the JSON Schema in the step's `parameters`, with pipeline parameters replaced by
their defaults. Values of pipeline parameters without a default are not checked. Steps without `parameters`
accept any configuration.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    parameters:
      type: object
      properties: {rows: {type: integer}}
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    parameters: {limit: 100}
    steps:
      - {id: score, step: Scoring, config: {rows: "${limit}"}}

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    parameters:
      type: object
      properties: {rows: {type: integer}}
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    steps:
      - {id: score, step: Scoring, config: {rows: many}}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from stepwell.check.pipeline_scope import PipelineScope
from stepwell.check.rule import Finding
from stepwell.model import StepDefinition, schema_errors
from stepwell.model.graph import Node, Stated
from stepwell.model.graph.node import fill, parameters_in
from stepwell.model.schema import compiled, expanded
from stepwell.model.validator import InvalidSchema, Validator
from stepwell.source.diagnostic import Severity
from stepwell.source.document import Document, Pointer, TextMap, no_places, thaw

ID: Final = "config-mismatch"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    defaults = {name: value for name, value in scope.pipeline.parameters.items() if value is not None}
    for node in scope.nodes.values():
        if node.definition is None or node.definition.parameters is None:
            continue
        known = _schema_of(node.definition)
        if known is None:
            continue  # `invalid-parameters-schema` reports it
        schema, decide = known
        config = fill(node.config, defaults)
        open_keys = {pointer[0] for pointer, _ in parameters_in(config) if pointer}
        if open_keys:
            config = {key: value for key, value in config.items() if key not in open_keys}
            required = [key for key in schema.get("required", ()) if key not in open_keys]
            schema = {**schema, "required": required}
            decide = compiled(schema)
        if decide.is_valid(thaw(config)):
            continue
        yield from _explained(scope, node, schema, config)


def _explained(
    scope: PipelineScope, node: Node, schema: Mapping[str, Any], config: Mapping[str, Any]
) -> Iterator[Finding]:
    step = node.definition.name if node.definition is not None else node.step
    related = scope.related_parameters(node)
    for message in schema_errors.explain_by(schema, f"the step `{step}`", config, _whose(node)):
        span = message.span if node.stated and message.span is not None else scope.at(node, "config")
        yield Finding(message.message, span, message.help, related)


def _whose(node: Node) -> Callable[[Pointer], Document]:
    """Return a lookup from a pointer in a configuration to the document that sets it."""

    def whose(pointer: Pointer) -> Document:
        for depth in range(len(pointer), -1, -1):
            for stated in node.stated:
                if stated.has("config", *pointer[:depth]):
                    return _alone(stated)
        return _alone(node.stated[0]) if node.stated else Document("", "", {}, no_places)

    return whose


def _alone(stated: Stated) -> Document:
    """Return the configuration in one document as a document; without one, the step's id is its location."""
    document, inside = stated.document, (*stated.pointer, "config")
    depth, step_id = len(inside), (*stated.pointer, "id")
    data: Any = document.data
    for step in stated.pointer:
        data = data[step]

    def locate(text: str) -> TextMap:
        places = document.locate(text)
        keys = {way[depth:]: stretch for way, stretch in places.keys.items() if way[:depth] == inside}
        values = {way[depth:]: stretch for way, stretch in places.values.items() if way[:depth] == inside}
        if not any(len(way) == 1 for way in keys):
            keys["id",] = places.values[step_id]
        return TextMap(keys, values)

    return Document(document.path, document.text, data.get("config") or {}, locate)


@lru_cache(maxsize=4096)
def _schema_of(step: StepDefinition) -> tuple[Mapping[str, Any], Validator] | None:
    if step.parameters is None:
        return None
    try:
        schema = expanded(step.parameters)
        return MappingProxyType(schema), compiled(schema)
    except InvalidSchema:
        return None
