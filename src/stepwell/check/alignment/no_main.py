"""A script has something to start.

The container starts the entry point as a program: it has a function `main`, or a part under
`if __name__ == "__main__":`.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    interface:
      entry_point: scoring.py
    # src/scripts/scoring.py
    def main() -> None:
        print("scored")

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    interface:
      entry_point: scoring.py
    # src/scripts/scoring.py
    def score() -> None:
        print("scored")
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.alignment.scope import AlignmentScope, related
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity

ID: Final = "no-main"
SEVERITY: Final = Severity.ERROR


def check(scope: AlignmentScope) -> Iterator[Finding]:
    """Find it in one step."""
    facts = scope.facts
    if facts is not None and not facts.starts:
        yield Finding(
            f"the script of `{scope.step.name}` has no function `main`, and nothing that runs "
            "when it is started",
            scope.value("entry_point") if "entry_point" in scope.interface else scope.key(),
            "give it a function `main` that takes what it needs",
            related("this is the script", facts.place),
        )
