"""Script reads an environment variable that the interface does not declare.

Variables are extracted statically from `os.environ[...]`, `os.environ.get`, `os.getenv`, aliases of
`os.environ`, and mappings passed to a function as `environ_vars`, `environ`, `environment` or `env`. Declare
variables that are read without a default in `env.required`, and others in `env.optional`. A read inside a
test of the same variable, or with a handler for `KeyError`, has a default. Variables that the script sets
itself need no declaration, and neither do the common variables of `[alignment] common_environment`
(`SM_...`, `PIP_...`, `HTTPS_PROXY`, `LOG_LEVEL`, `AWS_...` and similar).

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
from fnmatch import fnmatchcase
from typing import Final

from stepwell.check.alignment.scope import AlignmentScope, related
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity
from stepwell.source.spelling import closest, did_you_mean

ID: Final = "undeclared-environment"
SEVERITY: Final = Severity.ERROR


def check(scope: AlignmentScope) -> Iterator[Finding]:
    facts = scope.facts
    if facts is None:
        return
    declared = {*scope.required_environment, *scope.optional_environment}
    for variable in facts.environment:
        name = variable.name
        if name in declared or any(fnmatchcase(name, pattern) for pattern in scope.table.common_environment):
            continue
        near = closest(name, declared)
        declared.add(name)
        kind = "required" if variable.required else "optional"
        yield Finding(
            f"script of `{scope.step.name}` reads the environment variable `{name}`, but the interface "
            "does not declare it",
            scope.key("env"),
            did_you_mean(near) or f"add it to `env.{kind}`",
            related("read in", variable.span),
        )
