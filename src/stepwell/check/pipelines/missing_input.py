"""A required input of a step is fed.

An input that its `interface` requires and that has `compatible_sources` is fed by another step, or by a
parameter of the pipeline (`${name}`). One without `compatible_sources` is filled by a user, and one with
`required: false` may be left open. `stepwell pipeline wire NAME` shows what could feed it, and writes it.

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
from stepwell.source.diagnostic import Severity

ID: Final = "missing-input"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    """Look for every required input."""
    for node in scope.nodes.values():
        if node.definition is None:
            continue
        for name, said in (part_of(node, "inputs") or {}).items():
            if name in node.inputs or name in node.given or not is_asked_for(said):
                continue
            yield Finding(
                f"nothing feeds the required input `{name}` of `{node.id}`",
                scope.at(node, "inputs") if node.inputs or node.given else scope.at(node, "step"),
                f"`stepwell pipeline wire {scope.pipeline.name}` shows what could",
                scope.related("it is required here", node.definition, "inputs", name),
            )


def is_asked_for(said: Mapping[str, Any]) -> bool:
    """Whether an input must be fed by a step or a parameter."""
    return bool(said.get("required", True) and said.get("compatible_sources"))
