"""Argument is declared but the script does not accept it.

A job that passes an unknown argument fails at startup. The rule is skipped for scripts whose arguments cannot
be determined statically.

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
        seed: {}
    # src/scripts/scoring.py
    import argparse


    def main() -> None:
        parser = argparse.ArgumentParser()
        parser.add_argument("--job_type")
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.alignment.scope import AlignmentScope, plain_flag, related
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity
from stepwell.source.spelling import closest, did_you_mean

ID: Final = "missing-argument"
SEVERITY: Final = Severity.ERROR


def check(scope: AlignmentScope) -> Iterator[Finding]:
    facts = scope.facts
    if facts is None or facts.open_arguments:
        return
    accepted = {plain_flag(flag): flag for argument in facts.arguments for flag in argument.flags}
    for flag, pointer, _ in scope.flags:
        if plain_flag(flag) not in accepted:
            near = closest(flag, accepted.values())
            yield Finding(
                f"script of `{scope.step.name}` does not accept the argument `{flag}`",
                scope.value(*pointer) if pointer[0] == "job_arguments" else scope.key(*pointer),
                did_you_mean(near) or "add it to the script, or remove it",
                related("the script is", facts.place),
            )
