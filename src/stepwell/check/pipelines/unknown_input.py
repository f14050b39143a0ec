"""Pipeline connects an input that the step does not have.

If a step has an `interface`, only its `inputs` can be connected. Steps without an interface accept any input.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    interface:
      inputs: {rows: {required: false}}
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    parameters: {batch: s3://bucket/rows}
    steps:
      - {id: score, step: Scoring, inputs: {rows: "${batch}"}}

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    interface:
      inputs: {rows: {required: false}}
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    parameters: {batch: s3://bucket/rows}
    steps:
      - {id: score, step: Scoring, inputs: {row: "${batch}"}}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.pipeline_scope import PipelineScope, part_of
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity
from stepwell.source.spelling import closest, did_you_mean, respelled

ID: Final = "unknown-input"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    for node in scope.nodes.values():
        known = part_of(node, "inputs")
        if known is None or node.definition is None:
            continue
        for name in (*node.inputs, *node.given):
            if name in known:
                continue
            near = closest(name, known)
            listed = ", ".join(f"`{known_name}`" for known_name in known) or "none"
            span = scope.at(node, "inputs", name, key=True)
            yield Finding(
                f"step `{node.definition.name}` has no input `{name}`",
                span,
                did_you_mean(near) or f"its inputs: {listed}",
                scope.related("its interface is in", node.definition, "inputs"),
                respelled(span, name, known),
            )
