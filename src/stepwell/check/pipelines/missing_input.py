"""Required input of a step is not connected.

An input that is required and has `compatible_sources` must be connected to an output of another step or to a
pipeline parameter (`${name}`). Inputs without `compatible_sources` are provided by the user, and inputs with
`required: false` are optional. `unconnected-inputs` reports steps that `depends_on` only orders. `stepwell
pipeline wire NAME` suggests connections and writes them.

Passes:

    # registry.d/steps/loading.yaml
    name: Loading
    description: Load a batch.
    interface:
      outputs: {rows: {type: processing_output}}
    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    interface:
      inputs: {data: {type: processing_output, compatible_sources: [Loading]}}
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    steps:
      - {id: load, step: Loading}
      - {id: score, step: Scoring, inputs: {data: load.rows}}

Fails:

    # registry.d/steps/loading.yaml
    name: Loading
    description: Load a batch.
    interface:
      outputs: {rows: {type: processing_output}}
    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    interface:
      inputs: {data: {type: processing_output, compatible_sources: [Loading]}}
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    steps:
      - {id: load, step: Loading}
      - {id: score, step: Scoring}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from stepwell.check.pipeline_scope import PipelineScope, part_of
from stepwell.check.rule import Finding
from stepwell.model.graph import Node
from stepwell.source.diagnostic import Severity

ID: Final = "missing-input"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    for node, name in open_inputs(scope):
        if node.definition is not None and not is_only_ordered(scope, node):
            yield Finding(
                f"required input `{name}` of `{node.id}` is not connected",
                scope.at(node, "inputs") if node.inputs or node.given else scope.at(node, "step"),
                f"run `stepwell pipeline wire {scope.pipeline.name}` for suggestions",
                scope.related("required in", node.definition, "inputs", name),
            )


def open_inputs(scope: PipelineScope) -> Iterator[tuple[Node, str]]:
    """Yield each required input that is not connected, with its node."""
    for node in scope.nodes.values():
        for name, declared in (part_of(node, "inputs") or {}).items():
            if name not in node.inputs and name not in node.given and must_be_connected(declared):
                yield node, name


def is_only_ordered(scope: PipelineScope, node: Node) -> bool:
    """Return whether a node has an upstream step without input, or the whole pipeline states only edges."""
    sources = {source.node for source in node.inputs.values()}
    if any(needed not in sources for needed in node.depends_on):
        return True
    nodes = scope.nodes.values()
    return any(each.depends_on for each in nodes) and not any(each.inputs or each.given for each in nodes)


def must_be_connected(declared: Mapping[str, Any]) -> bool:
    """Return whether an input must be connected to a step or a parameter."""
    return bool(declared.get("required", True) and declared.get("compatible_sources"))
