"""Input is connected to an output of an incompatible type.

The output must have the input's `type` or a compatible one: `processing_output` for `training_data` and
`payload_samples`, `training_data` for `processing_output`, and `processing_output` or `custom_property` for
`hyperparameters`. Inputs and outputs without a type are compatible with everything.

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
    for node, name, reference, upstream in scope.edges():
        target = (part_of(node, "inputs") or {}).get(name)
        output = (part_of(upstream, "outputs") or {}).get(reference.output)
        if target is None or output is None or node.definition is None or upstream.definition is None:
            continue
        wanted, given = target.get("type"), output.get("type")
        if wanted is None or given is None or fits(wanted, given):
            continue
        yield Finding(
            f"input `{name}` of `{node.id}` has type `{wanted}`, but `{reference}` has type `{given}`",
            scope.at(node, "inputs", name),
            "connect it to another output, or correct one of the types",
            (
                *scope.related("the input is declared in", node.definition, "inputs", name),
                *scope.related("the output is declared in", upstream.definition, "outputs", reference.output),
            ),
        )


_FITS: Final = {
    "training_data": ("processing_output",),
    "payload_samples": ("processing_output",),
    "processing_output": ("training_data",),
    "hyperparameters": ("processing_output", "custom_property"),
}
"""Input type to the other output types that it accepts."""


def fits(wanted: str, given: str) -> bool:
    """Return whether an input type accepts an output type."""
    return given == wanted or given in _FITS.get(wanted, ())
