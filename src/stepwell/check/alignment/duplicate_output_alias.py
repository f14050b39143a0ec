"""A name by which an output is asked for means one output.

An alias of an output is neither the name nor an alias of another output of the same step: otherwise it
would not be told which one an input is connected to.

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
    """Find it in one step."""
    outputs = scope.part("outputs")
    taken: dict[str, tuple[str, int | None]] = {name: (name, None) for name in outputs}
    for name, said in outputs.items():
        for place, alias in enumerate(said.get("aliases", ())):
            other, first = taken.setdefault(alias, (name, place))
            if other != name:
                yield Finding(
                    f"`{alias}` is an alias of the output `{name}` of `{scope.step.name}`, and "
                    "means the output "
                    f"`{other}` already",
                    scope.value("outputs", name, "aliases", place),
                    "remove it from one of the two",
                    related("it is taken here", _place(scope, other, first)),
                )


def _place(scope: AlignmentScope, output: str, alias: int | None) -> Span:
    """Where an output is called so."""
    if alias is None:
        return scope.key("outputs", output)
    return scope.value("outputs", output, "aliases", alias)
