"""Script has no entry point.

The container runs the script as a program. The script needs a function `main`, an `if __name__ ==
"__main__":` block, or a call of one of its functions when the module runs. Scripts with `model_fn`,
`predict_fn`, `transform_fn` or `lambda_handler` are loaded by a server and need none.

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
    facts = scope.facts
    if facts is not None and not facts.starts:
        yield Finding(
            f"script of `{scope.step.name}` has neither a function `main` nor an "
            '`if __name__ == "__main__":` block, and calls none of its functions',
            scope.value("entry_point") if "entry_point" in scope.interface else scope.key(),
            "add a function `main`",
            related("the script is", facts.place),
        )
