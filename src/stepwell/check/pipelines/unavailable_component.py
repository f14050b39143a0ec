"""The code that a step of a pipeline declares is there.

Found by `stepwell pipeline check`, which looks into the sources: a part that the step's `components`
declare is where they say, and none could be in several places. No Python is run. `stepwell components STEP`
tells where each part is looked for.

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
    """Look at the parts of every step whose view was read with its sources."""
    for node in scope.nodes.values():
        for component in (scope.components.get(node.id) or {}).values():
            declared = component.declared_at
            if component.state is ComponentState.AMBIGUOUS:
                words = f"the {component.kind} of `{node.step}` could be in several places"
            elif component.state is ComponentState.MISSING and declared is not None:
                words = f"the {component.kind} of `{node.step}` is not there: {component.fault}"
            else:
                continue
            related = () if declared is None else (Related("it is declared here", declared),)
            yield Finding(words, scope.at(node, "step"), component.help or None, related)
