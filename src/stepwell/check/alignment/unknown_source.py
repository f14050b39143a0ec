"""A source of an input is a step of the view.

Each word of `compatible_sources` is the name or an alias of a step of the view, perhaps with a job type of
`[naming] job_type_suffixes` after `-` or `_`, or a word of `[alignment] generic_sources`. It is no error by
itself: an interface may name the steps of other teams. That a required input has none at all is.

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
        DATA: {type: processing_output, compatible_sources: [Loading, Loadng]}
    # registry.d/steps/loading.yaml
    name: Loading
    description: Load a batch.
    interface:
      outputs:
        rows: {type: processing_output}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.alignment.scope import AlignmentScope
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity
from stepwell.source.spelling import did_you_mean

ID: Final = "unknown-source"
SEVERITY: Final = Severity.WARNING


def check(scope: AlignmentScope) -> Iterator[Finding]:
    """Find it in one step."""
    for name, said in scope.part("inputs").items():
        for place, word in enumerate(said.get("compatible_sources", ())):
            if word not in scope.sources:
                near = scope.near.get(word)
                yield Finding(
                    f"the source `{word}` of the input `{name}` of `{scope.step.name}` names no "
                    f"step of {scope.view}",
                    scope.value("inputs", name, "compatible_sources", place),
                    did_you_mean((near,) if near else ())
                    or "remove it, or list it in `[alignment] generic_sources`",
                )
