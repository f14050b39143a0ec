"""Most edges of a pipeline cross workspaces.

An edge crosses workspaces if its two steps come from the views of different workspaces. No layer guarantees
that both stay compatible. If more than half of the edges cross workspaces, consider moving the steps to the
core or to a single workspace. `stepwell pipeline show` counts these edges.

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
    if all(node.workspace is None for node in scope.nodes.values()):
        return  # nearly always
    crossed, every = crossing(scope.pipeline)
    if 2 * len(crossed) <= every:
        return
    shown = [
        Related(
            f"`{edge.target}` needs `{edge.source}`", scope.needed_at(scope.nodes[edge.target], edge.source)
        )
        for edge in crossed[:_SHOWN]
    ]
    yield Finding(
        f"{len(crossed)} of the {every} edges of `{scope.pipeline.name}` cross workspaces"
        if every > 1
        else f"the only edge of `{scope.pipeline.name}` crosses workspaces",
        scope.field_at("name"),
        "move shared steps to the core",
        tuple(shown),
    )
