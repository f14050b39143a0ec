"""Source of an input is not a step of the view.

Each entry of `compatible_sources` should be the name or an alias of a step in the view, optionally followed
by `-` or `_` and a job type from `[naming] job_type_suffixes`, or an entry of `[alignment] generic_sources`.
An interface may list steps of other teams. `no-compatible-source` reports required inputs without any known
source.

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
from stepwell.source.spelling import did_you_mean, respelled

ID: Final = "unknown-source"
SEVERITY: Final = Severity.WARNING


def check(scope: AlignmentScope) -> Iterator[Finding]:
    for name, declared in scope.part("inputs").items():
        for index, word in enumerate(declared.get("compatible_sources", ())):
            if word not in scope.sources:
                near = scope.near.get(word)
                span = scope.value("inputs", name, "compatible_sources", index)
                yield Finding(
                    f"source `{word}` of input `{name}` of `{scope.step.name}` is not a step of {scope.view}",
                    span,
                    did_you_mean((near,) if near else ())
                    or "remove it, or list it in `[alignment] generic_sources`",
                    fix=respelled(span, word, (near,)) if near else None,
                )
