"""Pipeline refers to a step id that it does not have.

`inputs` and `depends_on` refer to steps of the pipeline by `id`, and `without` to steps of the extended
pipeline.

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
from stepwell.source.spelling import closest, did_you_mean, respelled

ID: Final = "dangling-reference"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    for node in scope.nodes.values():
        for name, upstream in node.inputs.items():
            if upstream.node not in scope.nodes:
                use = f"input `{name}` of `{node.id}` refers to"
                yield _finding(scope, use, upstream.node, scope.at(node, "inputs", name))
        for index, wanted in enumerate(node.depends_on):
            if wanted not in scope.nodes:
                use = f"`{node.id}` depends on"
                yield _finding(scope, use, wanted, scope.at(node, "depends_on", index))
    for step_id, span in scope.linked.flat.left_out:
        yield Finding(
            f"`without` contains `{step_id}`, but no extended pipeline has a step with this id",
            span or scope.anywhere,
            "remove it",
        )


def _finding(scope: PipelineScope, use: str, wanted: str, span: Span) -> Finding:
    near = closest(wanted, scope.nodes)
    return Finding(
        f"{use} `{wanted}`, but `{scope.pipeline.name}` has no step with this id",
        span,
        did_you_mean(near) or "add the step, or use the id of another",
        fix=respelled(span, wanted, scope.nodes),
    )
