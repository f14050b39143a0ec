"""Steps of a pipeline depend on each other in a cycle.

A step runs after the upstream steps in its `inputs` and `depends_on`. Steps in a cycle can never run. The
finding lists every edge of the cycle with its file and line; remove one of them.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score, twice.
    steps:
      - {id: first, step: Scoring}
      - {id: second, step: Scoring, depends_on: [first]}

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score, twice.
    steps:
      - {id: first, step: Scoring, depends_on: [second]}
      - {id: second, step: Scoring, depends_on: [first]}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.pipeline_scope import PipelineScope
from stepwell.check.rule import Finding
from stepwell.model.graph import cycles_in
from stepwell.source.diagnostic import Related, Severity

ID: Final = "pipeline-cycle"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    for cycle in cycles_in(scope.pipeline):
        edges = [
            (f"`{later}` needs `{earlier}`", scope.needed_at(scope.nodes[later], earlier))
            for earlier, later in zip(cycle, (*cycle[1:], cycle[0]), strict=True)
        ]
        shown = " → ".join(f"`{step_id}`" for step_id in (*cycle, cycle[0]))
        yield Finding(
            f"steps of `{scope.pipeline.name}` depend on each other in a cycle: {shown}",
            edges[-1][1],
            "remove one of these edges",
            tuple(Related(message, span) for message, span in edges),
        )
