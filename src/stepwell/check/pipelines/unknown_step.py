"""A step of a pipeline is a step of the view.

It is named by its name or an alias, as the pipeline's own view has it, or with `workspace:` before it as
the view of that workspace does.

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
from stepwell.source.spelling import closest, did_you_mean

ID: Final = "unknown-step"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    """Look for every step that is named."""
    views = scope.linked.among.views
    for node in scope.nodes.values():
        if node.definition is not None or (node.workspace is not None and node.workspace not in views):
            continue
        if not node.step:
            yield Finding(
                f"`{node.id}` names no step, and `{scope.pipeline.name}` extends no pipeline that has it",
                scope.at(node),
                "add a line `step: …`, or correct the id",
            )
            continue
        view = scope.linked.view if node.workspace is None else views[node.workspace]
        near = closest(node.step, view)
        elsewhere = [one for one, other in views.items() if other.get(node.step) is not None]
        if elsewhere:
            hint = f"workspace {elsewhere[0]} has it: `{elsewhere[0]}:{node.step}`"
        else:
            hint = did_you_mean(near) or "`stepwell list` shows all steps"
        yield Finding(f"there is no step `{node.step}` in {view.title}", scope.at(node, "step"), hint)
