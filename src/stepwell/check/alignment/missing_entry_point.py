"""The script that an interface names exists.

`entry_point` is the name of a file, or a path that ends in it. It is the step's `script` component where
there is one, and else the one file of the view's sources that is called so. Where the sources of
the layer that names it (the workspace's and the core's, or the core's alone) have no folder `scripts`,
nothing is told: its scripts lie elsewhere. No Python is run.

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
    """Find it in one step."""
    if isinstance(scope.script, MissingScript):
        wanted = scope.interface.get("entry_point", "")
        yield Finding(
            f"the entry point `{wanted}` of `{scope.step.name}` is not there: {scope.script.why}",
            scope.value("entry_point"),
            scope.script.help,
        )
