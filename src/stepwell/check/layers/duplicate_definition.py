"""Layer defines a name twice.

If two files of a layer define the same name, both definitions are skipped, because choosing one would be a
guess. To change a step for one workspace, write an override.

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
    for name, sources in scope.repeated.items():
        first = Related("first defined in", sources[0].document.value_span(("name",)))
        for source in sources[1:]:
            yield Finding(
                _message(scope.kind.noun, name, sources[0], source),
                source.document.value_span(("name",)),
                "remove or rename one of the two",
                (first,),
            )


def _message(noun: str, name: str, first: Source, second: Source) -> str:
    if first.layer is not Layer.PLUGIN:
        return f"{noun} `{name}` is defined twice in this layer; both definitions are skipped"
    package, other = (source.document.path.partition("/")[0].strip("<>") for source in (first, second))
    if package == other:
        return f"package {package} defines {noun} `{name}` twice; both definitions are skipped"
    return f"packages {package} and {other} both define {noun} `{name}`; both definitions are skipped"
