"""A required input has a source that the view has.

At least one word of its `compatible_sources` is the name or an alias of a step of the view, perhaps with a
job type after it, or a word of `[alignment] generic_sources` in `stepwell.toml`. An input that is required
says at least one source unless it has a path that a user fills: one without `compatible_sources` is left
alone.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.
    interface:
      inputs:
        DATA: {type: processing_output, compatible_sources: [Loading]}
    # registry.d/steps/loading.yaml
    name: Loading
    description: Load a batch.
    interface:
      outputs:
        rows: {type: processing_output}

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.
    interface:
      inputs:
        DATA: {type: processing_output, compatible_sources: []}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.alignment.scope import AlignmentScope
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity

ID: Final = "no-compatible-source"
SEVERITY: Final = Severity.ERROR


def check(scope: AlignmentScope) -> Iterator[Finding]:
    """Find it in one step."""
    for name, said in scope.part("inputs").items():
        words = said.get("compatible_sources")
        if words is None or not said.get("required", True) or any(word in scope.sources for word in words):
            continue
        yield Finding(
            f"the required input `{name}` of `{scope.step.name}` has no source in {scope.view}",
            scope.key("inputs", name),
            "name a step that gives it in `compatible_sources`, or say `required: false`",
        )
