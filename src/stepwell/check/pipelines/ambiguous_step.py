"""Step reference of a pipeline is ambiguous.

In `a:b`, `a` may be a workspace or `b` a job type. If both exist, write all three parts; the first and the
last may be empty: `:Scoring:testing` or `Scoring:testing:`.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # workspaces/Scoring/workspace.yaml
    description: A workspace that is called like a step.
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    steps:
      - {id: score, step: ":Scoring:testing"}

Fails:

    # stepwell.toml
    [naming]
    step_name = "any"
    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # registry.d/steps/testing.yaml
    name: testing
    description: A step that is called like a job type.
    # workspaces/Scoring/workspace.yaml
    description: A workspace that is called like a step.
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    steps:
      - {id: score, step: "Scoring:testing"}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.pipeline_scope import PipelineScope
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity

ID: Final = "ambiguous-step"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    for node_id, reading in scope.linked.readings.items():
        if reading.other is None:
            continue
        first, second = reading.other
        yield Finding(
            f"`{first}:{second}` is ambiguous: step `{second}` of workspace {first}, or step `{first}` with "
            f"job type `{second}`",
            scope.at(scope.nodes[node_id], "step"),
            f"write `{first}:{second}:` for the workspace, `:{first}:{second}` for the job type",
        )
