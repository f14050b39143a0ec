"""Parameter of a pipeline is not used.

No `config` or `inputs` of a step refers to the parameter, so setting it has no effect. If the pipeline
declares parameters only for pipelines that extend it, ignore the finding.

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
    parameters: {limit: 100}
    steps:
      - {id: score, step: Scoring}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.pipeline_scope import PipelineScope
from stepwell.check.rule import Finding
from stepwell.model.graph.node import parameters_in, parameters_inside, texts_in
from stepwell.source.diagnostic import Severity

ID: Final = "unused-parameter"
SEVERITY: Final = Severity.WARNING


def check(scope: PipelineScope) -> Iterator[Finding]:
    sources = scope.linked.definition.sources
    topmost = sources[0].document.data if sources else scope.linked.definition.data
    own = topmost.get("parameters") or {}  # inherited parameters are reported where they are declared
    if not own:
        return
    used = {name for node in scope.nodes.values() for _, name in parameters_in(node.config)}
    used.update(  # `embedded-parameter` reports these
        name
        for node in scope.nodes.values()
        for _, text in texts_in(node.config)
        for name in parameters_inside(text)
    )
    used.update(name for node in scope.nodes.values() for name in node.given.values())
    for name in own:
        if name not in used:
            yield Finding(
                f"no step of `{scope.pipeline.name}` uses the parameter `{name}`",
                scope.field_at("parameters", name, key=True),
                "remove it, or use it as `${" + name + "}`",
            )
