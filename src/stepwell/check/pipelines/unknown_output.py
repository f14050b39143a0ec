"""Input is connected to an output that the upstream step does not have.

An output is referenced by its name in the step's `interface`, or by one of its `aliases`. Steps without an
interface accept any output name.

Passes:

    # registry.d/steps/loading.yaml
    name: Loading
    description: Load a batch.
    interface:
      outputs: {rows: {type: processing_output}}
    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
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
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    steps:
      - {id: load, step: Loading}
      - {id: score, step: Scoring, inputs: {data: load.row}}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.pipeline_scope import PipelineScope, part_of
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity
from stepwell.source.spelling import closest, did_you_mean, respelled

ID: Final = "unknown-output"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    for node, name, reference, upstream in scope.edges():
        known = part_of(upstream, "outputs")
        if known is None or upstream.definition is None or reference.output in known:
            continue
        every = (*known, *(alias for output in known.values() for alias in output.get("aliases", ())))
        listed = ", ".join(f"`{output}`" for output in known) or "none"
        hint = did_you_mean([f"{reference.node}.{output}" for output in closest(reference.output, every)])
        span = scope.at(node, "inputs", name)
        yield Finding(
            f"`{upstream.id}` has no output `{reference.output}`: step `{upstream.definition.name}` does not "
            "declare it",
            span,
            hint or f"its outputs: {listed}",
            scope.related("its interface is in", upstream.definition, "outputs"),
            respelled(span, reference.output, every, str(reference), f"{reference.node}.{{}}"),
        )
