"""Required environment variable is declared as optional.

A script that reads a variable without a default (`os.environ["NAME"]`) fails if the variable is not set.
Declare such variables in `env.required`.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    interface:
      entry_point: scoring.py
      env:
        optional: {BATCH_SIZE: '5'}
    # src/scripts/scoring.py
    import os


    def main() -> None:
        print(os.environ.get("BATCH_SIZE", "5"))

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    interface:
      entry_point: scoring.py
      env:
        optional: {BATCH_SIZE: '5'}
    # src/scripts/scoring.py
    import os


    def main() -> None:
        print(os.environ["BATCH_SIZE"])
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.alignment.scope import AlignmentScope, related
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity

ID: Final = "optional-environment"
SEVERITY: Final = Severity.WARNING


def check(scope: AlignmentScope) -> Iterator[Finding]:
    facts = scope.facts
    if facts is None:
        return
    reported: set[str] = set()
    for variable in facts.environment:
        name = variable.name
        if variable.required and name in scope.optional_environment and name not in reported:
            reported.add(name)
            yield Finding(
                f"script of `{scope.step.name}` requires the environment variable `{name}`, but the "
                "interface declares it as optional",
                scope.key("env", "optional", name),
                "move it to `env.required`, or add a default in the script",
                related("read in", variable.span),
            )
