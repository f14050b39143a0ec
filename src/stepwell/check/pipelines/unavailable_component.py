"""Component of a pipeline step is missing or ambiguous.

`stepwell pipeline check` reports this rule, because it reads the sources. A declared component must exist,
and an undeclared one must have a single match. No Python is run. `stepwell components STEP` lists the
locations that are searched.

Passes:

    # stepwell.toml
    [components]
    source = ["src"]
    # src/scripts/scoring.py
    def main():
        pass
    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    components: {script: src/scripts/scoring.py}
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    steps:
      - {id: score, step: Scoring}

Fails:

    # stepwell.toml
    [components]
    source = ["src"]
    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    components: {script: src/scripts/scoring.py}
    # src/scripts/ranking.py
    def main():
        pass
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    steps:
      - {id: score, step: Scoring}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.pipeline_scope import PipelineScope
from stepwell.check.rule import Finding
from stepwell.model.component import ComponentState
from stepwell.source.diagnostic import Related, Severity

ID: Final = "unavailable-component"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    for node in scope.nodes.values():
        for component in (scope.components.get(node.id) or {}).values():
            declared = component.declared_at
            if component.state is ComponentState.AMBIGUOUS:
                message = f"{component.kind} of `{node.step}` has several matches"
            elif component.state is ComponentState.MISSING and declared is not None:
                message = f"{component.kind} of `{node.step}` does not exist: {component.fault}"
            else:
                continue
            related = () if declared is None else (Related("declared in", declared),)
            yield Finding(message, scope.at(node, "step"), component.help or None, related)
