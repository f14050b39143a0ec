"""A path that the interface declares is one that the script names.

The script names it itself, a folder or file below it, or a folder above it to which it adds something when it
runs. A script of a training job may name it by a variable of the platform as well, such as
`SM_MODEL_DIR`.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    interface:
      entry_point: scoring.py
      inputs:
        DATA: {path: /opt/ml/processing/input/data, required: false}
    # src/scripts/scoring.py
    def main() -> None:
        print(open("/opt/ml/processing/input/data/rows.csv").read())

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    interface:
      entry_point: scoring.py
      inputs:
        DATA: {path: /opt/ml/processing/input/data, required: false}
    # src/scripts/scoring.py
    def main() -> None:
        print("scored")
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.alignment.scope import AlignmentScope, lies_in, related
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity

ID: Final = "unused-path"
SEVERITY: Final = Severity.WARNING


def check(scope: AlignmentScope) -> Iterator[Finding]:
    """Find it in one step."""
    facts = scope.facts
    if facts is None:
        return
    for path, pointer in scope.paths("inputs", "outputs"):
        named = any(
            lies_in(one.path, path) or (not one.whole and lies_in(path, one.path)) for one in facts.paths
        )
        if not named:
            kind = "input" if pointer[0] == "inputs" else "output"
            yield Finding(
                f"the script of `{scope.step.name}` does not name the path of the {kind} `{pointer[1]}`",
                scope.value(*pointer),
                "let the script use it, or remove the path",
                related("this is the script", facts.place),
            )
