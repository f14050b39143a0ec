"""An environment variable that the interface declares is read by the script.

Where the script reads variables whose names it puts together when it runs, nothing is told.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    interface:
      entry_point: scoring.py
      env:
        required: [LABEL_FIELD]
    # src/scripts/scoring.py
    import os


    def main() -> None:
        print(os.environ["LABEL_FIELD"])

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    interface:
      entry_point: scoring.py
      env:
        required: [LABEL_FIELD]
    # src/scripts/scoring.py
    import os


    def main() -> None:
        print("scored")
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.alignment.scope import AlignmentScope, related
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity

ID: Final = "unused-environment"
SEVERITY: Final = Severity.WARNING


def check(scope: AlignmentScope) -> Iterator[Finding]:
    """Find it in one step."""
    facts = scope.facts
    if facts is None or facts.open_environment:
        return
    read = {one.name for one in facts.environment}
    for name, pointer in _declared(scope):
        if name not in read:
            yield Finding(
                f"the script of `{scope.step.name}` does not read the environment variable `{name}`",
                scope.value(*pointer) if pointer[1] == "required" else scope.key(*pointer),
                "remove it, or let the script read it",
                related("this is the script", facts.place),
            )


def _declared(scope: AlignmentScope) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    for place, name in enumerate(scope.required_environment):
        yield name, ("env", "required", place)
    for name in scope.optional_environment:
        yield name, ("env", "optional", name)
