"""Source of an input has no output of a compatible type.

A step listed in `compatible_sources` must have an output of the input's `type` or of a compatible one:
`processing_output` for `training_data` and `payload_samples`, `training_data` for `processing_output`, and
`processing_output` or `custom_property` for `hyperparameters`. Sources without an interface and outputs
without a type are compatible with every input.

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
    for name, declared in scope.part("inputs").items():
        wanted = declared.get("type")
        for index, word in enumerate(declared.get("compatible_sources", ())):
            source = scope.sources.get(word)
            outputs = (source.step.interface or {}).get("outputs") if source is not None else None
            if wanted is None or source is None or not outputs:
                continue
            types = {output.get("type") for output in outputs.values()}
            if any(kind is None or fits(wanted, kind) for kind in types):
                continue
            shown = " and ".join(f"`{kind}`" for kind in sorted(types))
            yield Finding(
                f"input `{name}` of `{scope.step.name}` has type `{wanted}`, but its source `{word}` only "
                f"produces {shown}",
                scope.value("inputs", name, "compatible_sources", index),
                "remove the source, or correct one of the types",
                related("the source is", source.span),
            )
