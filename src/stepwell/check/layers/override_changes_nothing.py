"""An override changes something.

An override whose every field already has that value below it does nothing today, and will hide
the next change of the core without anybody having meant it.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # workspaces/alice/override/steps/scoring.yaml
    name: Scoring
    priority: 50

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # workspaces/alice/override/steps/scoring.yaml
    name: Scoring
    priority: 100
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.rule import Finding, Override, ViewScope
from stepwell.source.diagnostic import Related, Severity

ID: Final = "override-changes-nothing"
SEVERITY: Final = Severity.WARNING


def check(scope: ViewScope) -> Iterator[Finding]:
    """Compare each merged definition with the one below it."""
    for override in scope.overrides:
        if override.base is not None and _is_the_same(override):
            below = override.base.sources[0].document
            yield Finding(
                f"this override of `{override.name}` changes nothing",
                override.source.document.value_span(("name",)),
                "delete the file, or state what should differ",
                (Related("overrides", below.value_span(("name",))),),
            )


def _is_the_same(override: Override) -> bool:
    result, base = override.result, override.base
    if result is None or base is None:
        return False
    stated = override.source.document.data
    if any(result[field] != base[field] for field in stated if field != "$schema"):
        return False  # one field that it states and that differs settles nearly every override
    return result == base
