"""Path is declared but the script does not use it.

A script uses a path if it contains the path itself, a path below it, or a parent that it extends at run time.
Training scripts may also use the platform's variable, such as `SM_MODEL_DIR`. The rule is skipped for scripts
that run other Python code.

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
    facts = scope.facts
    if facts is None or facts.open_paths:
        return
    for path, pointer in scope.paths("inputs", "outputs"):
        if not any(
            lies_in(use.path, path) or (not use.whole and lies_in(path, use.path)) for use in facts.paths
        ):
            kind = "input" if pointer[0] == "inputs" else "output"
            yield Finding(
                f"script of `{scope.step.name}` does not use the path of {kind} `{pointer[1]}`",
                scope.value(*pointer),
                "use it in the script, or remove the path",
                related("the script is", facts.place),
            )
