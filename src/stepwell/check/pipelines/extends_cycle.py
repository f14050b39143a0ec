"""Pipelines do not extend each other in a circle.

What a pipeline extends must end at one that extends nothing. Every `extends` of the circle is named with
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
    """Tell a circle once: with the pipeline of it that comes first by name."""
    circle = scope.linked.flat.circle
    if not circle or min(one.name for one in circle) != scope.pipeline.name:
        return
    shown = " → ".join(f"`{one.name}`" for one in (*circle, circle[0]))
    yield Finding(
        f"these pipelines extend each other in a circle: {shown}",
        circle[0].place or scope.anywhere,
        "take one `extends` out",
        tuple(
            Related(f"`{one.name}` extends `{one.extends}`", one.place)
            for one in circle
            if one.place is not None
        ),
    )
