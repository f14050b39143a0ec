"""Builder lacks a required method.

A builder must define the abstract methods (`@abstractmethod`) of its bases, and the methods listed in
`[alignment.builder_methods]` of `stepwell.toml` for the step's type or under `all`. Bases are resolved
through the sources. The rule is skipped if a base is defined outside them, except in the standard library.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.
    interface:
      outputs:
        scores: {}
    # src/scoring.py
    from abc import ABC, abstractmethod


    class StepBuilder(ABC):
        @abstractmethod
        def create_step(self) -> float: ...


    class ScoringStepBuilder(StepBuilder):
        def create_step(self) -> float:
            return 0.5


    class ScoringConfig:
        pass

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.
    interface:
      outputs:
        scores: {}
    # src/scoring.py
    from abc import ABC, abstractmethod


    class StepBuilder(ABC):
        @abstractmethod
        def create_step(self) -> float: ...


    class ScoringStepBuilder(StepBuilder):
        def make_step(self) -> float:
            return 0.5


    class ScoringConfig:
        pass
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.alignment.scope import AlignmentScope, related, stated
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity
from stepwell.source.spelling import closest, did_you_mean

ID: Final = "missing-builder-method"
SEVERITY: Final = Severity.ERROR


def check(scope: AlignmentScope) -> Iterator[Finding]:
    builder = scope.builder
    if builder is None or builder.methods is None:
        return
    listed = scope.table.builder_methods
    by_type = (*listed.get("all", ()), *listed.get(scope.step.sagemaker_step_type or "", ()))
    missing = {name: None for name in by_type if name not in builder.methods}
    for name, span in {**missing, **builder.abstract}.items():
        near = closest(name, builder.methods - builder.abstract.keys())
        yield Finding(
            f"builder `{builder.name}` of `{scope.step.name}` has no method `{name}`",
            stated(scope, "builder", "builder_step_name"),
            did_you_mean(near) or "define it",
            (*related("the builder is defined in", builder.span), *related("required in", span)),
        )
