"""Environment variable is declared but the script does not read it.

The rule is skipped for scripts that compute variable names at run time.

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
    facts = scope.facts
    if facts is None or facts.open_environment:
        return
    read = {variable.name for variable in facts.environment}
    for name, pointer in _declared(scope):
        if name not in read:
            yield Finding(
                f"script of `{scope.step.name}` does not read the environment variable `{name}`",
                scope.value(*pointer) if pointer[1] == "required" else scope.key(*pointer),
                "remove it, or read it in the script",
                related("the script is", facts.place),
            )


def _declared(scope: AlignmentScope) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    for index, name in enumerate(scope.required_environment):
        yield name, ("env", "required", index)
    for name in scope.optional_environment:
        yield name, ("env", "optional", name)
