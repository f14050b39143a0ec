"""Entry point of an interface does not exist.

`entry_point` is a file name, or a path that ends in one. It resolves to the step's `script` component or,
without one, to the only file of that name in the view's sources. The rule is skipped if the sources of the
declaring layer have no `scripts` folder. No Python is run.

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
    # src/scripts/other.py
    def main() -> None:
        print("scored")
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.alignment.scope import AlignmentScope, MissingScript
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity

ID: Final = "missing-entry-point"
SEVERITY: Final = Severity.ERROR


def check(scope: AlignmentScope) -> Iterator[Finding]:
    if isinstance(scope.script, MissingScript):
        wanted = scope.interface.get("entry_point", "")
        yield Finding(
            f"entry point `{wanted}` of `{scope.step.name}` does not exist: {scope.script.why}",
            scope.value("entry_point"),
            scope.script.help,
        )
