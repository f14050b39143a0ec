"""A parameter that a step of a pipeline stands for is one of the pipeline's.

`${name}` as a whole value in `config` or `inputs` stands for what a run sets for it, or its default in
`parameters`. Without such a parameter nothing can ever be filled in.

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
from stepwell.source.spelling import closest, did_you_mean

ID: Final = "unknown-parameter"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    """Look for every parameter that is named."""
    known = scope.pipeline.parameters
    for node in scope.nodes.values():
        named = [(("config", *pointer), name) for pointer, name in parameters_in(node.config)]
        named += [(("inputs", one), name) for one, name in node.given.items()]
        for pointer, name in named:
            if name not in known:
                near = closest(name, known)
                yield Finding(
                    f"`{scope.pipeline.name}` has no parameter `{name}`",
                    scope.at(node, *pointer),
                    did_you_mean(near) or "add it to `parameters`",
                )
