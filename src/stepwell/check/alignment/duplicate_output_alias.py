"""Two outputs of a step share a name or alias.

An alias must be unique among the names and aliases of a step's outputs. Otherwise the output that an input
connects to is ambiguous.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.
    interface:
      outputs:
        scores: {aliases: [predictions]}
        report: {aliases: [metrics]}

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.
    interface:
      outputs:
        scores: {aliases: [predictions]}
        report: {aliases: [predictions]}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.alignment.scope import AlignmentScope, related
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity, Span

ID: Final = "duplicate-output-alias"
SEVERITY: Final = Severity.ERROR


def check(scope: AlignmentScope) -> Iterator[Finding]:
    outputs = scope.part("outputs")
    taken: dict[str, tuple[str, int | None]] = {name: (name, None) for name in outputs}
    for name, output in outputs.items():
        for index, alias in enumerate(output.get("aliases", ())):
            other, first = taken.setdefault(alias, (name, index))
            if other != name:
                yield Finding(
                    f"alias `{alias}` of output `{name}` of `{scope.step.name}` is already used by output "
                    f"`{other}`",
                    scope.value("outputs", name, "aliases", index),
                    "remove one of the two",
                    related("already used in", _span(scope, other, first)),
                )


def _span(scope: AlignmentScope, output: str, alias: int | None) -> Span:
    """Return the location of the name or alias of an output."""
    if alias is None:
        return scope.key("outputs", output)
    return scope.value("outputs", output, "aliases", alias)
