"""A pipeline hands most of its data over within one workspace.

An edge crosses workspaces where the earlier step is taken from the view of another one than the later. Each
such edge is a promise between two developers that no layer keeps. Where more than half of a pipeline's
edges are such, the steps are most often better off in the core, or in one workspace. `stepwell pipeline
show` counts them.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # workspaces/alice/workspace.yaml
    description: Tree models.
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score, three times.
    steps:
      - {id: first, step: "alice:Scoring"}
      - {id: second, step: Scoring, depends_on: [first]}
      - {id: third, step: Scoring, depends_on: [second]}

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # workspaces/alice/workspace.yaml
    description: Tree models.
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score, twice.
    steps:
      - {id: first, step: "alice:Scoring"}
      - {id: second, step: Scoring, depends_on: [first]}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.pipeline_scope import PipelineScope
from stepwell.check.rule import Finding
from stepwell.model.graph import crossing
from stepwell.source.diagnostic import Related, Severity

ID: Final = "cross-workspace"
SEVERITY: Final = Severity.WARNING
_SHOWN: Final = 5


def check(scope: PipelineScope) -> Iterator[Finding]:
    """Count the edges that cross, and name the first of them."""
    if all(node.workspace is None for node in scope.nodes.values()):
        return  # nearly always, and then there is nothing to count
    crossed, every = crossing(scope.pipeline)
    if 2 * len(crossed) <= every:
        return
    shown = [
        Related(f"`{one.target}` needs `{one.source}`", scope.needed_at(scope.nodes[one.target], one.source))
        for one in crossed[:_SHOWN]
    ]
    yield Finding(
        f"{len(crossed)} of the {every} edges of `{scope.pipeline.name}` cross workspaces"
        if every > 1
        else f"the only edge of `{scope.pipeline.name}` crosses workspaces",
        scope.field_at("name"),
        "move what others use into the core",
        tuple(shown),
    )
