"""Pipelines extend each other in a cycle.

A chain of `extends` must end at a pipeline without one. The finding lists every `extends` of the cycle with
its file and line.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    steps:
      - {id: score, step: Scoring}
    # registry.d/pipelines/weekly.yaml
    name: Weekly
    description: The same, once a week.
    extends: Nightly

Fails:

    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    extends: Weekly
    # registry.d/pipelines/weekly.yaml
    name: Weekly
    description: The same, once a week.
    extends: Nightly
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.pipeline_scope import PipelineScope
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Related, Severity

ID: Final = "extends-cycle"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    cycle = scope.linked.flat.cycle
    if not cycle or min(pipeline.name for pipeline in cycle) != scope.pipeline.name:
        return
    shown = " → ".join(f"`{pipeline.name}`" for pipeline in (*cycle, cycle[0]))
    yield Finding(
        f"pipelines extend each other in a cycle: {shown}",
        cycle[0].place or scope.anywhere,
        "remove one `extends`",
        tuple(
            Related(f"`{pipeline.name}` extends `{pipeline.extends}`", pipeline.place)
            for pipeline in cycle
            if pipeline.place is not None
        ),
    )
