"""The property path of an output fits the type of the step.

A SageMaker step has the properties of what it makes: a processing job
`properties.ProcessingOutputConfig.Outputs['NAME'].S3Output.S3Uri`, where NAME is one of the step's outputs, a
training job `properties.ModelArtifacts.S3ModelArtifacts`, and so on, as the responses of the SageMaker API
name them (DescribeProcessingJob, DescribeTrainingJob, DescribeTransformJob, DescribeModel). For a type of
your own only the form is checked: `properties`, then names joined by dots.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.
    interface:
      outputs:
        scores: {property_path: "properties.ProcessingOutputConfig.Outputs['scores'].S3Output.S3Uri"}

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.
    interface:
      outputs:
        scores: {property_path: properties.ModelArtifacts.S3ModelArtifacts}
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from stepwell.check.alignment.sagemaker_properties import PROPERTIES
from stepwell.check.alignment.scope import AlignmentScope, related
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity, Span
from stepwell.source.spelling import closest, did_you_mean

ID: Final = "property-path-mismatch"
SEVERITY: Final = Severity.ERROR

_FORM: Final = re.compile(
    r"properties(\.[A-Za-z_][A-Za-z0-9_]*(\[('[^']*'|\"[^\"]*\"|[0-9]+)\])*)+\Z", re.ASCII
)
_FIRST: Final = re.compile(r"properties\.([A-Za-z_][A-Za-z0-9_]*)")
_OUTPUT: Final = re.compile(r"properties\.ProcessingOutputConfig\.Outputs\[(['\"])(.*?)\1\]")


def check(scope: AlignmentScope) -> Iterator[Finding]:
    """Find it in one step."""
    outputs = scope.part("outputs")
    step_type = scope.step.sagemaker_step_type
    for name, said in outputs.items():
        path = said.get("property_path")
        if path is None:
            continue
        why = _fault(path, step_type, outputs)
        if why:
            yield Finding(
                f"the property path of the output `{name}` of `{scope.step.name}` {why[0]}",
                scope.value("outputs", name, "property_path"),
                why[1],
                related("the step's type", _type_span(scope)) if step_type else (),
            )


def _fault(path: str, step_type: str | None, outputs: Collection[str]) -> tuple[str, str | None] | None:
    if not _FORM.match(path):
        return "is no path of properties", "write `properties`, then names joined by dots"
    first = _FIRST.match(path)
    known = PROPERTIES.get(step_type or "", ())
    if known and first is not None and first[1] not in known:
        near = closest(first[1], known)
        hint = did_you_mean(near) or f"it begins with {' or '.join(known[:2])}, say"
        return f"begins with `{first[1]}`, which a step of the type {step_type} does not have", hint
    of = _OUTPUT.match(path)
    if step_type == "Processing" and of is not None and of[2] not in outputs:
        near = closest(of[2], outputs)
        hint = did_you_mean(near) or "write the name of an output"
        return f"asks for `{of[2]}`, which is none of the step's outputs", hint
    return None


def _type_span(scope: AlignmentScope) -> Span:
    for source in scope.step.sources:
        if source.document.data.get("sagemaker_step_type") is not None:
            return source.document.value_span(("sagemaker_step_type",))
    return scope.name_span
