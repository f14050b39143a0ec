"""Pipeline step refers to an unknown parameter.

`${name}` as a complete value in `config` or `inputs` is replaced by the value set for the run, or by the
default in `parameters`. The pipeline must declare the parameter.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    parameters: {limit: 100}
    steps:
      - {id: score, step: Scoring, config: {rows: "${limit}"}}

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    steps:
      - {id: score, step: Scoring, config: {rows: "${limit}"}}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.pipeline_scope import PipelineScope
from stepwell.check.rule import Finding
from stepwell.model.graph.node import parameters_in
from stepwell.source.diagnostic import Severity
from stepwell.source.spelling import closest, did_you_mean, respelled

ID: Final = "unknown-parameter"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    known = scope.pipeline.parameters
    for node in scope.nodes.values():
        used = [(("config", *pointer), name) for pointer, name in parameters_in(node.config)]
        used += [(("inputs", target), name) for target, name in node.given.items()]
        for pointer, name in used:
            if name not in known:
                near = closest(name, known)
                span = scope.at(node, *pointer)
                yield Finding(
                    f"`{scope.pipeline.name}` has no parameter `{name}`",
                    span,
                    did_you_mean(near) or "add it to `parameters`",
                    fix=respelled(span, name, known, f"${{{name}}}", "${{{}}}"),
                )
