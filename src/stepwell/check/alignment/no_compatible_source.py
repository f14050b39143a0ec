"""Required input has no source in the view.

At least one entry of `compatible_sources` must be the name or an alias of a step in the view, optionally with
a job type suffix, or an entry of `[alignment] generic_sources` in `stepwell.toml`. Inputs without
`compatible_sources` are not checked.

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
    for name, declared in scope.part("inputs").items():
        sources = declared.get("compatible_sources")
        if sources is None or not declared.get("required", True):
            continue
        if any(word in scope.sources for word in sources):
            continue
        yield Finding(
            f"required input `{name}` of `{scope.step.name}` has no source in {scope.view}",
            scope.key("inputs", name),
            "add a step that produces it to `compatible_sources`, or set `required: false`",
        )
