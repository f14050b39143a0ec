"""An argument that a script takes is declared in the interface.

The arguments are read from the script's text: `add_argument` of `argparse`, and the options and arguments
of click. They are declared under `arguments`, or under `job_arguments` where the job hands them over.
`--job-type` and `--job_type` count as one.

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
    """Find it in one step."""
    facts = scope.facts
    if facts is None:
        return
    declared = {plain_flag(flag): flag for flag, _, _ in scope.flags}
    for one in facts.arguments:
        if any(plain_flag(flag) in declared for flag in one.flags):
            continue
        near = closest(one.flags[0], declared.values())
        yield Finding(
            f"the script of `{scope.step.name}` takes the argument `{one.flags[0]}`, which the "
            "interface does "
            "not declare",
            scope.key("arguments"),
            did_you_mean(near) or "add it to `arguments`",
            related("it is taken here", one.span),
        )
