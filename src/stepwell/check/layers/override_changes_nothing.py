"""Override changes nothing.

Every field of the override already has the same value in the layers below. Such an override has no effect
now, and will silently hide the next change of the core.

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
from stepwell.source.diagnostic import Fix, Related, Severity

ID: Final = "override-changes-nothing"
SEVERITY: Final = Severity.WARNING


def check(scope: ViewScope) -> Iterator[Finding]:
    for override in scope.overrides:
        if override.base is not None and _is_the_same(override):
            span = override.source.document.value_span(("name",))
            below = override.base.sources[0].document
            yield Finding(
                f"override of `{override.name}` changes nothing",
                span,
                "delete the file, or set the fields that should differ",
                (Related("overrides", below.value_span(("name",))),),
                Fix("delete the file", "delete", span),
            )


def _is_the_same(override: Override) -> bool:
    result, base = None if override.is_part else override.result, override.base
    if result is None or base is None:
        return False
    stated = override.source.document.data
    if any(result[field] != base[field] for field in stated if field != "$schema"):
        return False  # nearly always
    return result == base
