"""A configuration class belongs to one step of a view.

Old importers look steps up by their configuration class (`CONFIG_STEP_REGISTRY`). With two steps
of one class that table would lose one of them.

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
"""Layers that no file of the project gives."""


def check(scope: ViewScope) -> Iterator[Finding]:
    """Find the classes of the view's own steps that another step of the view has too."""
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
                "give one of them a class of its own: the legacy table keeps one step for each class",
                (Related(f"`{steps[0].name}` has it in", _place(steps[0])),),
            )


def _rank(step: Definition, scope: ViewScope) -> int:
    """The last of several is told: what no file gives after what a file gives, the view's own at the end."""
    return 1 + (step.name in scope.above) if step.sources[0].layer in _GUESTS else 0


def _owners(definitions: Mapping[str, Definition]) -> dict[str, list[Definition]]:
    found: dict[str, list[Definition]] = {}
    for step in definitions.values():
        if isinstance(step, StepDefinition) and step.config_class is not None:
            found.setdefault(step.config_class, []).append(step)
    return found


def _place(step: Definition) -> Span:
    for source in step.sources:
        if "config_class" in source.document.data:
            return source.document.value_span(("config_class",))
    return step.sources[-1].document.value_span(("name",))  # by convention, from the name
