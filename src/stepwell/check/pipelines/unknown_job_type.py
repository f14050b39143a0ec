"""Step reference of a pipeline has an unknown job type.

`Name:job_type` selects a variant of a step. `[naming] job_type_suffixes` in `stepwell.toml` lists the job
types.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    steps:
      - {id: score, step: "Scoring:testing"}

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    steps:
      - {id: score, step: "Scoring:tesitng"}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.pipeline_scope import PipelineScope
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity
from stepwell.source.spelling import respelled, suggest

ID: Final = "unknown-job-type"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    known = scope.linked.among.job_types
    for node in scope.nodes.values():
        if node.job_type is None or node.job_type in known:
            continue
        hint = suggest(node.job_type, known) or "add it to `[naming] job_type_suffixes`"
        span = scope.at(node, "step")
        fix = respelled(span, node.job_type, known)
        yield Finding(f"unknown job type `{node.job_type}`", span, hint, fix=fix)
