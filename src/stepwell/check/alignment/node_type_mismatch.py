"""What an interface takes and gives fits its `node_type`.

A `source` takes no inputs, a `sink` gives no outputs, and an `internal` step takes at least one input and
gives at least one output.

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
    """Find it in one step."""
    node_type = scope.interface.get("node_type")
    inputs, outputs = scope.part("inputs"), scope.part("outputs")
    fault = ""
    if node_type == "source" and inputs:
        fault = "is a source, and takes inputs"
    elif node_type == "sink" and outputs:
        fault = "is a sink, and gives outputs"
    elif node_type == "internal" and not (inputs and outputs):
        fault = f"is internal, and {'gives no outputs' if inputs else 'takes no inputs'}"
    if fault:
        yield Finding(f"`{scope.step.name}` {fault}", scope.value("node_type"), "say what it is")
