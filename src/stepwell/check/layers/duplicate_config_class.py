"""Two steps of a view have the same configuration class.

The legacy table `CONFIG_STEP_REGISTRY` maps each configuration class to one step, so it would lose one of the
two.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.
    # registry.d/steps/fast_scoring.yaml
    name: FastScoring
    sagemaker_step_type: Processing
    description: Score a batch quickly.

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.
    # registry.d/steps/fast_scoring.yaml
    name: FastScoring
    sagemaker_step_type: Processing
    description: Score a batch quickly.
    config_class: ScoringConfig
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from stepwell.check.rule import Finding, ViewScope
from stepwell.model import Definition, StepDefinition
from stepwell.model.layer import Layer
from stepwell.source.diagnostic import Related, Severity, Span

ID: Final = "duplicate-config-class"
SEVERITY: Final = Severity.ERROR

_GUESTS: Final = frozenset({Layer.PLUGIN, Layer.RUNTIME})
"""Layers without files in the project."""


def check(scope: ViewScope) -> Iterator[Finding]:
    if scope.kind.noun != "step":
        return
    for config_class, own in _owners(scope.suspects).items():
        inherited = (
            scope.below[name]
            for name in scope.below_by_config_class.get(config_class, ())
            if name not in scope.above
        )
        steps = [*own, *inherited]
        if len(steps) == 1:
            continue
        steps.sort(key=lambda step: (_rank(step, scope), _place(step).path))
        for step in steps[1:]:
            yield Finding(
                f"`{step.name}` and `{steps[0].name}` have the same configuration class `{config_class}`",
                _place(step),
                "use a different class for one of them: the legacy table has one step per class",
                (Related(f"`{steps[0].name}` uses it in", _place(steps[0])),),
            )


def _rank(step: Definition, scope: ViewScope) -> int:
    """Return the sort order: definitions from files first, the view's own last."""
    return 1 + (step.name in scope.above) if step.sources[0].layer in _GUESTS else 0


def _owners(definitions: Mapping[str, Definition]) -> dict[str, list[Definition]]:
    owners: dict[str, list[Definition]] = {}
    for step in definitions.values():
        if isinstance(step, StepDefinition) and step.config_class is not None:
            owners.setdefault(step.config_class, []).append(step)
    return owners


def _place(step: Definition) -> Span:
    for source in step.sources:
        if "config_class" in source.document.data:
            return source.document.value_span(("config_class",))
    return step.sources[-1].document.value_span(("name",))  # by convention, from the name
