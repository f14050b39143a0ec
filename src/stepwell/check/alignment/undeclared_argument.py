"""Script accepts an argument that the interface does not declare.

Arguments are extracted statically from `argparse` calls to `add_argument` and from click options and
arguments. Declare them in `arguments`, or in `job_arguments` if the job passes them. `--job-type` and
`--job_type` are equivalent.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    interface:
      entry_point: scoring.py
      arguments:
        job_type: {}
    # src/scripts/scoring.py
    import argparse


    def main() -> None:
        parser = argparse.ArgumentParser()
        parser.add_argument("--job_type")

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    interface:
      entry_point: scoring.py
      arguments:
        job_type: {}
    # src/scripts/scoring.py
    import argparse


    def main() -> None:
        parser = argparse.ArgumentParser()
        parser.add_argument("--job_type")
        parser.add_argument("--verbose")
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.alignment.scope import AlignmentScope, plain_flag, related
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity
from stepwell.source.spelling import closest, did_you_mean

ID: Final = "undeclared-argument"
SEVERITY: Final = Severity.ERROR


def check(scope: AlignmentScope) -> Iterator[Finding]:
    facts = scope.facts
    if facts is None:
        return
    declared = {plain_flag(flag): flag for flag, _, _ in scope.flags}
    for argument in facts.arguments:
        if any(plain_flag(flag) in declared for flag in argument.flags):
            continue
        near = closest(argument.flags[0], declared.values())
        yield Finding(
            f"script of `{scope.step.name}` accepts the argument `{argument.flags[0]}`, but the interface "
            "does not declare it",
            scope.key("arguments"),
            did_you_mean(near) or "add it to `arguments`",
            related("defined in", argument.span),
        )
