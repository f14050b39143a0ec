"""Pipeline extends an unknown pipeline.

`extends` names another pipeline of the same view. With its own name, a pipeline extends the definition below
it: the one that an override changes, or that a local pipeline hides.

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
    extends: Nihgtly
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.pipeline_scope import PipelineScope
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity
from stepwell.source.spelling import closest, did_you_mean, respelled

ID: Final = "unknown-base"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    missing = scope.linked.flat.missing
    if missing is None or missing.name != scope.pipeline.name:
        return  # reported for the extended pipeline itself
    span = missing.place or scope.anywhere
    if missing.extends == missing.name:
        yield Finding(
            f"`{missing.name}` extends itself, but no layer below defines a pipeline of this name",
            span,
            "extend another pipeline, or remove the line",
        )
        return
    others = [name for name in scope.linked.view.pipelines if name != missing.name]
    near = closest(missing.extends, others)
    yield Finding(
        f"`{missing.name}` extends `{missing.extends}`, but {scope.view} has no such pipeline",
        span,
        did_you_mean(near) or "`stepwell pipeline list` shows all pipelines",
        fix=respelled(span, missing.extends, others),
    )
