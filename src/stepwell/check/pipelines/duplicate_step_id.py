"""A step of a pipeline has an id of its own.

Other steps name it by the id. Where a list of steps has one id twice, the first counts and the second is not
run. A step of an extending pipeline may have the id of one that it extends: then it changes it.

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
    """Name each id that stands twice in a list."""
    for one in scope.linked.flat.repeated:
        first, again = (
            stated.document.value_span((*stated.pointer, "id")) for stated in (one.first, one.again)
        )
        yield Finding(
            f"`{scope.pipeline.name}` has two steps of the id `{one.id}`",
            again,
            "give this one another id",
            (Related("the first is here", first),),
        )
