"""Pipeline uses a step id twice.

Steps refer to each other by id. If a list of steps repeats an id, the first step counts and the second is not
run. In an extending pipeline, a step with the id of an inherited step changes that step.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score, twice.
    steps:
      - {id: first, step: Scoring}
      - {id: second, step: Scoring}

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score, twice.
    steps:
      - {id: first, step: Scoring}
      - {id: first, step: Scoring}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.pipeline_scope import PipelineScope
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Related, Severity

ID: Final = "duplicate-step-id"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    for repeated in scope.linked.flat.repeated:
        first, again = (
            stated.document.value_span((*stated.pointer, "id")) for stated in (repeated.first, repeated.again)
        )
        yield Finding(
            f"`{scope.pipeline.name}` has two steps with the id `{repeated.id}`",
            again,
            "change the id of this step",
            (Related("the first is in", first),),
        )
