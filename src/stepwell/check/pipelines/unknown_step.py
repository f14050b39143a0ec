"""Pipeline uses a step that its view does not have.

A step is referenced by its name or an alias in the pipeline's own view, or with the prefix `workspace:` in
the view of that workspace.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    steps:
      - {id: score, step: Scoring}

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    steps:
      - {id: score, step: Scorring}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.pipeline_scope import PipelineScope
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity
from stepwell.source.spelling import closest, did_you_mean, respelled

ID: Final = "unknown-step"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    views = scope.linked.among.views
    for node in scope.nodes.values():
        if node.definition is not None or (node.workspace is not None and node.workspace not in views):
            continue
        if node.step in scope.skipped:
            continue
        if not node.step:
            yield Finding(
                f"`{node.id}` has no `step`, and no extended pipeline of `{scope.pipeline.name}` has this id",
                scope.at(node),
                "add a line `step: …`, or correct the id",
            )
            continue
        view = scope.linked.view if node.workspace is None else views[node.workspace]
        near = closest(node.step, view)
        elsewhere = [workspace for workspace, other in views.items() if other.get(node.step) is not None]
        span, fix = scope.at(node, "step"), None
        if elsewhere:
            hint = f"workspace {elsewhere[0]} defines it: `{elsewhere[0]}:{node.step}`"
        else:
            hint = did_you_mean(near) or "`stepwell list` shows all steps"
            fix = respelled(span, node.step, view)
        yield Finding(f"unknown step `{node.step}` in {view.title}", span, hint, fix=fix)
