"""What a pipeline extends is another pipeline of its view.

`extends` names a pipeline of the same view, or with its own name the one that lies below it: the one that an
override changes, or that a local pipeline hides.

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
from stepwell.source.spelling import closest, did_you_mean

ID: Final = "unknown-base"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    """Look at the end of the way down."""
    missing = scope.linked.flat.missing
    if missing is None or missing.name != scope.pipeline.name:
        return  # the pipeline that is extended has the finding itself
    place = missing.place or scope.anywhere
    if missing.extends == missing.name:
        yield Finding(
            f"`{missing.name}` extends itself, and there is no pipeline of that name below it",
            place,
            "name another pipeline, or remove the line",
        )
        return
    near = closest(missing.extends, (one for one in scope.linked.view.pipelines if one != missing.name))
    yield Finding(
        f"`{missing.name}` extends `{missing.extends}`, and there is no such pipeline in {scope.view}",
        place,
        did_you_mean(near) or "`stepwell pipeline list` shows all pipelines",
    )
