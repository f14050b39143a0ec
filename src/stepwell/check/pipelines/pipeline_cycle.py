"""The steps of a pipeline do not need each other in a circle.

A step runs after those that feed it and those in its `depends_on`. Where they lead back to it, none of them
can ever run. Every edge of the circle is named with its file and line: take one of them out.

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
    """Name each circle once, at the edge that leads to the step that is stated first."""
    for circle in cycles_in(scope.pipeline):
        edges = [
            (f"`{later}` needs `{earlier}`", scope.needed_at(scope.nodes[later], earlier))
            for earlier, later in zip(circle, (*circle[1:], circle[0]), strict=True)
        ]
        shown = " → ".join(f"`{one}`" for one in (*circle, circle[0]))
        yield Finding(
            f"the steps of `{scope.pipeline.name}` need each other in a circle: {shown}",
            edges[-1][1],
            "take one of these edges out",
            tuple(Related(words, span) for words, span in edges),
        )
