"""Step reference of a pipeline has an unknown workspace.

`workspace:Name` selects the step from the view of that workspace.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # workspaces/alice/workspace.yaml
    description: Tree models.
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    steps:
      - {id: score, step: "alice:Scoring"}

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # workspaces/alice/workspace.yaml
    description: Tree models.
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    steps:
      - {id: score, step: "alcie:Scoring"}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.pipeline_scope import PipelineScope
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity
from stepwell.source.spelling import closest, did_you_mean, respelled

ID: Final = "unknown-workspace"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    among = scope.linked.among
    for node in scope.nodes.values():
        if node.workspace is None or node.workspace in among.views:
            continue
        near = closest(node.workspace, among.views)
        if near:
            hint = did_you_mean(near)
        elif scope.linked.view.get(node.workspace) is not None and among.job_types:
            hint = f"valid job types: {', '.join(f'`{job_type}`' for job_type in among.job_types)}"
        else:
            hint = "`stepwell workspace list` shows all workspaces"
        span = scope.at(node, "step")
        fix = respelled(span, node.workspace, among.views)
        yield Finding(f"unknown workspace `{node.workspace}`", span, hint, fix=fix)
