"""A path of the container that a script reads or writes is declared in the interface.

The paths are read from the script's text: texts that begin with `/opt/ml`, alone, in constants, and joined
by `os.path.join`, by `/` or in an f-string. A path is declared where it is that of an input or output or
lies below it; one that the script writes must be an output's. The folders above a declared path need no
declaration.

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
        print(open("/opt/ml/processing/input/data/rows.csv").read())
        print(open("/opt/ml/processing/output/rows.csv").read())
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.alignment.scope import AlignmentScope, lies_in, related
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity

ID: Final = "undeclared-path"
SEVERITY: Final = Severity.ERROR


def check(scope: AlignmentScope) -> Iterator[Finding]:
    """Find it in one step."""
    facts = scope.facts
    if facts is None:
        return
    every = [path for path, _ in scope.paths("inputs", "outputs")]
    outputs = [path for path, _ in scope.paths("outputs")]
    told: set[tuple[str, bool]] = set()
    for one in facts.paths:
        declared = outputs if one.written else every
        above = any(lies_in(path, one.path) for path in declared)
        if above or any(lies_in(one.path, path) for path in declared) or (one.path, one.written) in told:
            continue
        told.add((one.path, one.written))
        doing, kind = ("writes", "output") if one.written else ("names", "input or output")
        yield Finding(
            f"the script of `{scope.step.name}` {doing} `{one.path}`, which the interface "
            f"declares as no {kind}",
            scope.key("outputs" if one.written else "inputs"),
            f"declare an {kind} with this path, or one above it",
            related("it is named here", one.span),
        )
