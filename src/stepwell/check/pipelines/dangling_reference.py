"""What a step of a pipeline needs is a step of the pipeline.

`inputs` and `depends_on` name other steps by their `id`, and `without` those of the pipeline that is
extended.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score, twice.
    steps:
      - {id: first, step: Scoring}
      - {id: second, step: Scoring, depends_on: [first]}

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score, twice.
    steps:
      - {id: first, step: Scoring}
      - {id: second, step: Scoring, depends_on: [frist]}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.pipeline_scope import PipelineScope
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity, Span
from stepwell.source.spelling import closest, did_you_mean

ID: Final = "dangling-reference"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    """Look for every id that is named."""
    for node in scope.nodes.values():
        for name, fed in node.inputs.items():
            if fed.node not in scope.nodes:
                words = f"the input `{name}` of `{node.id}` is fed by `{fed.node}`"
                yield _finding(scope, words, fed.node, scope.at(node, "inputs", name))
        for at, wanted in enumerate(node.depends_on):
            if wanted not in scope.nodes:
                words = f"`{node.id}` depends on `{wanted}`"
                yield _finding(scope, words, wanted, scope.at(node, "depends_on", at))
    for one, place in scope.linked.flat.left_out:
        yield Finding(
            f"`without` names `{one}`, and no pipeline below has a step of that id",
            place or scope.anywhere,
            "remove it",
        )


def _finding(scope: PipelineScope, words: str, wanted: str, place: Span) -> Finding:
    near = closest(wanted, scope.nodes)
    return Finding(
        f"{words}, and `{scope.pipeline.name}` has no step of that id",
        place,
        did_you_mean(near) or "add the step, or name another",
    )
