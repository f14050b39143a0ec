"""What feeds an input is of a type that fits it.

The output has the `type` of the input, or one that fits: `training_data` and `payload_samples` may come as
`processing_output`, `processing_output` as `training_data`, and `hyperparameters` as `processing_output` or
`custom_property`. What says no type fits everything.

Passes:

    # registry.d/steps/loading.yaml
    name: Loading
    description: Load a batch.
    interface:
      outputs: {rows: {type: processing_output}}
    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    interface:
      inputs: {data: {type: training_data, compatible_sources: [Loading]}}
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    steps:
      - {id: load, step: Loading}
      - {id: score, step: Scoring, inputs: {data: load.rows}}

Fails:

    # registry.d/steps/loading.yaml
    name: Loading
    description: Load a batch.
    interface:
      outputs: {rows: {type: processing_output}}
    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    interface:
      inputs: {model: {type: model_artifacts, required: false}}
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    steps:
      - {id: load, step: Loading}
      - {id: score, step: Scoring, inputs: {model: load.rows}}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.pipeline_scope import PipelineScope, part_of
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity

ID: Final = "input-type-mismatch"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    """Compare the types at both ends of every edge."""
    for node, name, fed, earlier in scope.feeds():
        said = (part_of(node, "inputs") or {}).get(name)
        given = (part_of(earlier, "outputs") or {}).get(fed.output)
        if said is None or given is None or node.definition is None or earlier.definition is None:
            continue
        wanted, has = said.get("type"), given.get("type")
        if wanted is None or has is None or fits(wanted, has):
            continue
        yield Finding(
            f"the input `{name}` of `{node.id}` is of the type `{wanted}`, and `{fed}` gives `{has}`",
            scope.at(node, "inputs", name),
            "feed it by another output, or correct one of the types",
            (
                *scope.related("the input", node.definition, "inputs", name),
                *scope.related("the output", earlier.definition, "outputs", fed.output),
            ),
        )


_FITS: Final = {
    "training_data": ("processing_output",),
    "payload_samples": ("processing_output",),
    "processing_output": ("training_data",),
    "hyperparameters": ("processing_output", "custom_property"),
}
"""The types of outputs, besides its own, that an input of a type takes."""


def fits(wanted: str, given: str) -> bool:
    """Whether an input of a type takes an output of a type."""
    return given == wanted or given in _FITS.get(wanted, ())
