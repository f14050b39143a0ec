"""An attribute that a builder reads from its configuration exists there.

The builder's text, and that of the methods that it inherits, is searched for `self.config.NAME`, in the
methods that take `config` for `config.NAME`, and for the same under a local name of the configuration.
The configuration class is a dataclass, a pydantic model or a plain class: its fields, properties, methods
and what its methods set on `self` count, and those of its bases, followed through the sources. Where a base
lies outside them, but for those of the standard library and pydantic, or where the class sets attributes
whose names it does not write out, nothing is told. `getattr(self.config, "NAME", ...)` asks for nothing, nor
does what `hasattr` is asked about first or what stands under `except AttributeError`.

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
from stepwell.source.diagnostic import Severity, Span
from stepwell.source.spelling import closest, did_you_mean

ID: Final = "missing-config-attribute"
SEVERITY: Final = Severity.ERROR


def check(scope: AlignmentScope) -> Iterator[Finding]:
    """Find it in one step."""
    builder = scope.builder
    if builder is None or builder.has is None:
        return
    for name, span in builder.reads.items():
        if name not in builder.has:
            near = closest(name, builder.has)
            yield Finding(
                f"the builder `{builder.name}` of `{scope.step.name}` reads `{name}` from its "
                "configuration, which "
                f"`{builder.config}` does not have",
                _config_span(scope),
                did_you_mean(near) or "give the class this attribute",
                (*related("it is read here", span), *related("the configuration class", builder.config_span)),
            )


def _config_span(scope: AlignmentScope) -> Span:
    return stated(scope, "config", "config_class")
