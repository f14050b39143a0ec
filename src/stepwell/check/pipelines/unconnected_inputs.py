"""Pipeline orders steps without connecting their required inputs.

A step that names upstream steps only in `depends_on` may have required inputs that are not connected, as in
an imported graph of edges. All such inputs of a pipeline are one finding. `stepwell pipeline wire NAME
--write` connects those with one clear source. Other open inputs are reported by `missing-input`.

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
      - {id: score, step: Scoring, inputs: {data: load.rows}, depends_on: [load]}

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
      - {id: score, step: Scoring, depends_on: [load]}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.pipeline_scope import PipelineScope
from stepwell.check.pipelines.missing_input import is_only_ordered, open_inputs
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity
from stepwell.source.wording import counted

ID: Final = "unconnected-inputs"
SEVERITY: Final = Severity.WARNING


def check(scope: PipelineScope) -> Iterator[Finding]:
    ordered = [node for node, _ in open_inputs(scope) if is_only_ordered(scope, node)]
    if ordered:
        name = scope.pipeline.name
        steps = counted(len({node.id for node in ordered}), "step")
        yield Finding(
            f"`{name}` does not connect {counted(len(ordered), 'required input')} of {steps}: "
            "`depends_on` states only the order",
            scope.field_at("steps", key=True),
            f"run `stepwell pipeline wire {name} --write` to connect inputs with one clear source",
        )
