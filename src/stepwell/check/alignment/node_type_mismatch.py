"""Interface contradicts its `node_type`.

A `source` has no inputs, a `sink` has no outputs, and an `internal` step has at least one of each.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.
    interface:
      node_type: source
      outputs:
        scores: {}

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.
    interface:
      node_type: source
      inputs:
        DATA: {required: false}
      outputs:
        scores: {}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.alignment.scope import AlignmentScope
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity

ID: Final = "node-type-mismatch"
SEVERITY: Final = Severity.WARNING


def check(scope: AlignmentScope) -> Iterator[Finding]:
    node_type = scope.interface.get("node_type")
    inputs, outputs = scope.part("inputs"), scope.part("outputs")
    fault = ""
    if node_type == "source" and inputs:
        fault = "is a source but has inputs"
    elif node_type == "sink" and outputs:
        fault = "is a sink but has outputs"
    elif node_type == "internal" and not (inputs and outputs):
        fault = f"is internal but has no {'outputs' if inputs else 'inputs'}"
    if fault:
        yield Finding(f"`{scope.step.name}` {fault}", scope.value("node_type"), "correct the `node_type`")
