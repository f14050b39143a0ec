"""An environment variable that a script reads is declared in the interface.

The variables are read from the script's text: `os.environ[...]`, `os.environ.get`, `os.getenv`, other names
of `os.environ`, and a mapping that is handed to a function as `environ_vars`, `environ`, `environment` or
`env`. A variable that is read without a default belongs into `env.required`, any other may stand in
`env.optional`. What the platform itself sets (`SM_...`, `AWS_...`, `PATH` and its like) needs no
declaration.

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
        print(os.environ["LABEL_FIELD"], os.environ.get("BATCH_SIZE", "5"))
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.alignment.scope import AlignmentScope, related
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity
from stepwell.source.spelling import closest, did_you_mean

ID: Final = "undeclared-environment"
SEVERITY: Final = Severity.ERROR


def check(scope: AlignmentScope) -> Iterator[Finding]:
    """Find it in one step."""
    facts = scope.facts
    if facts is None:
        return
    declared = {*scope.required_environment, *scope.optional_environment}
    for one in facts.environment:
        if one.name in declared:
            continue
        declared.add(one.name)
        near = closest(one.name, declared - {one.name})
        kind = "required" if one.required else "optional"
        yield Finding(
            f"the script of `{scope.step.name}` reads the environment variable `{one.name}`, which the "
            "interface does not declare",
            scope.key("env"),
            did_you_mean(near) or f"add it to `env.{kind}`",
            related("it is read here", one.span),
        )
