"""An override cannot change a name.

The `name` in an override says which definition it changes. An override in a file named after one
step, with the name of another that does not exist, tries to rename a step: importers would lose
it. To rename a step, write a new one in the core and give it the old name as an alias.

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
    """Find overrides whose file is named after a definition that they do not name."""
    for override in scope.overrides:
        meant = renamed(scope, override)
        if meant is not None:
            yield Finding(
                f"an override cannot rename `{meant.name}` to `{override.name}`",
                override.source.document.value_span(("name",)),
                f"write `{meant.name}`; to rename it, change the core and keep the old name as an alias",
                (Related("overrides", meant.sources[-1].document.value_span(("name",))),),
            )


def renamed(scope: ViewScope, override: Override) -> Definition | None:
    """The definition that an override without a base is named after, if there is one."""
    if override.base is not None or override.name in scope.left_out:
        return None
    path = override.source.document.path
    stem = path[path.rfind("/") + 1 : path.rfind(".")]
    stem_of = scope.settings.naming.stem
    if stem == stem_of(override.name):
        return None
    names = (*scope.above, *scope.below)
    return next((scope.get(name) for name in names if stem_of(name) == stem), None)
