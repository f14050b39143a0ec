"""An argument that the interface declares is one that the script takes.

A job that hands over an argument which the script does not know ends before it begins. Where the script
takes arguments that cannot be told from its text, nothing is said.

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
    """Find it in one step."""
    facts = scope.facts
    if facts is None or facts.open_arguments:
        return
    taken = {plain_flag(flag): flag for one in facts.arguments for flag in one.flags}
    for flag, pointer, _ in scope.flags:
        if plain_flag(flag) not in taken:
            near = closest(flag, taken.values())
            yield Finding(
                f"the script of `{scope.step.name}` takes no argument `{flag}`",
                scope.value(*pointer) if pointer[0] == "job_arguments" else scope.key(*pointer),
                did_you_mean(near) or "let the script take it, or remove it",
                related("this is the script", facts.place),
            )
