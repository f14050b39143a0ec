"""Local definition hides a definition of the core.

A workspace may replace a definition of the core with a complete one in `local/`, which then no longer follows
changes of the core. The workspace's `conflict_tolerance` sets the severity: `low` is an error, `medium`
(default) a warning, and `high` turns the rule off. `[rules] shadows-core` in `stepwell.toml` applies to all
workspaces.

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
    # workspaces/alice/local/steps/scoring.yaml
    name: Scoring
    description: Score a batch on a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.rule import Finding, ViewScope
from stepwell.model import Definition
from stepwell.model.layer import Layer
from stepwell.source.diagnostic import Related, Severity

ID: Final = "shadows-core"
SEVERITY: Final = Severity.WARNING


def check(scope: ViewScope) -> Iterator[Finding]:
    for shadow in scope.shadows:
        yield Finding(
            f"this local {scope.kind.noun} hides `{shadow.core.name}` of {_owner(shadow.core)}",
            shadow.local.sources[0].document.value_span(("name",)),
            "put only the differences in `override/`, or set `conflict_tolerance: high` in workspace.yaml",
            (Related("hides", shadow.core.sources[0].document.value_span(("name",))),),
        )


def _owner(hidden: Definition) -> str:
    return "a plugin" if hidden.sources[-1].layer is Layer.PLUGIN else "the core"
