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

from stepwell.check.rule import Finding, LayerScope
from stepwell.model.layer import Layer, Source
from stepwell.source.diagnostic import Related, Severity

ID: Final = "duplicate-definition"
SEVERITY: Final = Severity.ERROR


def check(scope: LayerScope) -> Iterator[Finding]:
    """Name every file that defines a name, the first one at each of the others."""
    for name, sources in scope.repeated.items():
        first = Related("first defined in", sources[0].document.value_span(("name",)))
        for source in sources[1:]:
            yield Finding(
                _message(scope.kind.noun, name, sources[0], source),
                source.document.value_span(("name",)),
                "remove one of the two, or give it another name",
                (first,),
            )


def _message(noun: str, name: str, first: Source, second: Source) -> str:
    if first.layer is not Layer.PLUGIN:
        return f"the {noun} `{name}` is defined twice in this layer, so neither is served"
    one, other = (source.document.path.partition("/")[0].strip("<>") for source in (first, second))
    if one == other:
        return f"the package {one} brings the {noun} `{name}` twice, so neither is served"
    return f"the packages {one} and {other} both bring the {noun} `{name}`, so neither is served"
