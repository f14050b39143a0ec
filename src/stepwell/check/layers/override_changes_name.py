"""Override renames a definition.

The `name` in an override selects the definition to change. A file that is named after one step but contains
the name of a step that does not exist would rename the first one and break its importers. To rename a step,
change it in the core and add the old name as an alias.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # workspaces/alice/override/steps/scoring.yaml
    name: Scoring
    description: Score a batch on a GPU.

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # workspaces/alice/override/steps/scoring.yaml
    name: FastScoring
    description: Score a batch on a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.rule import Finding, Override, ViewScope
from stepwell.model import Definition
from stepwell.source.diagnostic import Related, Severity

ID: Final = "override-changes-name"
SEVERITY: Final = Severity.ERROR


def check(scope: ViewScope) -> Iterator[Finding]:
    for override in scope.overrides:
        meant = renamed(scope, override)
        if meant is not None:
            yield Finding(
                f"an override cannot rename `{meant.name}` to `{override.name}`",
                override.source.document.value_span(("name",)),
                f"write `{meant.name}`; to rename the step, change the core and add the old name as an alias",
                (Related("overrides", meant.sources[-1].document.value_span(("name",))),),
            )


def renamed(scope: ViewScope, override: Override) -> Definition | None:
    """Return the definition that an override without a base is named after, or ``None``."""
    if override.base is not None or override.name in scope.left_out:
        return None
    path = override.source.document.path
    stem = path[path.rfind("/") + 1 : path.rfind(".")]
    stem_of = scope.settings.naming.stem
    if stem == stem_of(override.name):
        return None
    names = (*scope.above, *scope.below)
    return next((scope.get(name) for name in names if stem_of(name) == stem), None)
