"""A source of an input gives something of the input's type.

The step that a word of `compatible_sources` names has an output of the same `type`, or of one that fits:
`training_data` and `payload_samples` may come as `processing_output`, `processing_output` as `training_data`,
and `hyperparameters` as `processing_output` or `custom_property`. A source without an interface, and outputs
that say no type, fit all.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.
    interface:
      inputs:
        DATA: {type: training_data, compatible_sources: [Loading]}
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
        DATA: {type: model_artifacts, compatible_sources: [Loading]}
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

from stepwell.check.alignment.scope import AlignmentScope, related
from stepwell.check.pipelines.input_type_mismatch import fits
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity

ID: Final = "source-type-mismatch"
SEVERITY: Final = Severity.ERROR


def check(scope: AlignmentScope) -> Iterator[Finding]:
    """Find it in one step."""
    for name, said in scope.part("inputs").items():
        wanted = said.get("type")
        for place, word in enumerate(said.get("compatible_sources", ())):
            source = scope.sources.get(word)
            outputs = (source.step.interface or {}).get("outputs") if source is not None else None
            if wanted is None or source is None or not outputs:
                continue
            given = {one.get("type") for one in outputs.values()}
            if any(one is None or fits(wanted, one) for one in given):
                continue
            shown = " and ".join(f"`{one}`" for one in sorted(given))
            yield Finding(
                f"the input `{name}` of `{scope.step.name}` is of the type `{wanted}`, and its "
                f"source `{word}` gives "
                f"{shown} only",
                scope.value("inputs", name, "compatible_sources", place),
                "remove the source, or correct one of the types",
                related("this is the source", source.span),
            )
