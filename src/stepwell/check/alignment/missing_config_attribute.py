"""Builder reads an attribute that its configuration class does not define.

Stepwell searches the builder and its inherited methods for `self.config.NAME`, for `config.NAME` in methods
with a `config` parameter, and for local names of the configuration. The configuration class is a dataclass, a
pydantic model or a plain class. Its fields, properties, methods and attributes set on `self` count, including
inherited ones. The rule is skipped if a base is defined outside the sources (except in the standard library
or pydantic), or if the class sets attributes dynamically. A model that accepts more values than its fields
(`extra="allow"`) is checked like others, because such a value may be missing. Optional reads are ignored:
`getattr(self.config, "NAME", ...)`, reads guarded by `hasattr`, and reads in a `try` with `except
AttributeError`.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.
    interface:
      outputs:
        scores: {}
    # src/scoring.py
    from dataclasses import dataclass


    @dataclass
    class ScoringConfig:
        threshold: float = 0.5


    class ScoringStepBuilder:
        def __init__(self, config: ScoringConfig) -> None:
            self.config = config

        def create_step(self) -> float:
            return self.config.threshold

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.
    interface:
      outputs:
        scores: {}
    # src/scoring.py
    from dataclasses import dataclass


    @dataclass
    class ScoringConfig:
        threshold: float = 0.5


    class ScoringStepBuilder:
        def __init__(self, config: ScoringConfig) -> None:
            self.config = config

        def create_step(self) -> float:
            return self.config.treshold
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.alignment.scope import AlignmentScope, related, stated
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity
from stepwell.source.spelling import closest, did_you_mean

ID: Final = "missing-config-attribute"
SEVERITY: Final = Severity.ERROR


def check(scope: AlignmentScope) -> Iterator[Finding]:
    builder = scope.builder
    if builder is None or builder.has is None:
        return
    for name, span in builder.reads.items():
        if name not in builder.has:
            near = closest(name, builder.has)
            yield Finding(
                f"builder `{builder.name}` of `{scope.step.name}` reads `{name}` from its configuration, but "
                f"`{builder.config}` has no such attribute",
                stated(scope, "config", "config_class"),
                did_you_mean(near) or "add the attribute to the class",
                (*related("read in", span), *related("the class is defined in", builder.config_span)),
            )
