"""A layer defines a name once.

When two files of one layer define the same name, neither is served: choosing one of them would
be a guess. To change a step for one workspace, write an override.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # registry.d/steps/batch/scoring.yaml
    name: Scoring
    description: Score a batch, differently.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.diagnostics import Related, Severity
from stepwell.rules.rule import Finding, LayerScope

ID: Final = "duplicate-definition"
SEVERITY: Final = Severity.ERROR


def check(scope: LayerScope) -> Iterator[Finding]:
    """Name every file that defines a name, the first one at each of the others."""
    for name, sources in scope.repeated.items():
        first = Related("first defined in", sources[0].document.value_span(("name",)))
        for source in sources[1:]:
            yield Finding(
                f"the {scope.kind.noun} `{name}` is defined twice in this layer, so neither is served",
                source.document.value_span(("name",)),
                "remove one of the two, or give it another name",
                (first,),
            )
