"""A variable that a script needs is declared as one that is needed.

A script that reads a variable without a default (`os.environ["NAME"]`) fails where it is not set: then the
interface declares it under `env.required`.

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
    """Find it in one step."""
    facts = scope.facts
    if facts is None:
        return
    told: set[str] = set()
    for one in facts.environment:
        if one.required and one.name in scope.optional_environment and one.name not in told:
            told.add(one.name)
            yield Finding(
                f"the script of `{scope.step.name}` fails without the environment variable "
                f"`{one.name}`, which "
                "the interface calls optional",
                scope.key("env", "optional", one.name),
                "move it to `env.required`, or give it a default in the script",
                related("it is read here", one.span),
            )
