"""Script uses a container path that the interface does not declare.

Paths are extracted statically: strings that begin with `/opt/ml`, literal or constant, joined with
`os.path.join` or `/`, or built in an f-string. A path is declared if it equals the path of an input or output
or is below one. Paths that the script writes must belong to an output. Parents of a declared path need no
declaration, and neither do variables such as `SM_CHANNEL_TEST` with a default or that are only printed.

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
    facts = scope.facts
    if facts is None:
        return
    every = [path for path, _ in scope.paths("inputs", "outputs")]
    outputs = [path for path, _ in scope.paths("outputs")]
    reported: set[tuple[str, bool]] = set()
    for use in facts.paths:
        declared = outputs if use.written else every
        known = any(lies_in(path, use.path) or lies_in(use.path, path) for path in declared)
        if known or not use.required or (use.path, use.written) in reported:
            continue
        reported.add((use.path, use.written))
        verb, kind = ("writes", "output") if use.written else ("uses", "input or output")
        yield Finding(
            f"script of `{scope.step.name}` {verb} `{use.path}`, but the interface does not declare it as an "
            f"{kind}",
            scope.key("outputs" if use.written else "inputs"),
            f"declare an {kind} with this path or a parent of it",
            related("used in", use.span),
        )
