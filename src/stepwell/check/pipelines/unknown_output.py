"""An output that feeds an input of a pipeline is one of the step's.

It is named as the step's `interface` names it, or by one of its `aliases` there. A step without an
interface can give anything.

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
from stepwell.source.spelling import closest, did_you_mean

ID: Final = "unknown-output"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    """Hold every output that is named against the step's."""
    for node, name, fed, earlier in scope.feeds():
        known = part_of(earlier, "outputs")
        if known is None or earlier.definition is None or fed.output in known:
            continue
        every = (*known, *(alias for said in known.values() for alias in said.get("aliases", ())))
        listed = ", ".join(f"`{one}`" for one in known) or "none"
        hint = did_you_mean([f"{fed.node}.{one}" for one in closest(fed.output, every)])
        yield Finding(
            f"`{earlier.id}` has no output `{fed.output}`: the step `{earlier.definition.name}` gives none "
            "of that name",
            scope.at(node, "inputs", name),
            hint or f"its outputs are {listed}",
            scope.related("its interface is here", earlier.definition, "outputs"),
        )
