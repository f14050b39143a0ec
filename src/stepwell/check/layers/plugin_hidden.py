"""Definition of the core hides a definition of an installed package.

Packages are below the core, so the core's definition takes precedence. This is fine if the project replaces
the package's definition on purpose, and surprising if a new version of the package adds a name that the
project already uses. An invalid file of the core hides the package's definition too: the package's definition
is never used as a fallback.

The finding is located at the name in the core's file.

Passes:

    # site/acme_steps/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # site/acme_steps-1.0.dist-info/METADATA
    Metadata-Version: 2.1
    Name: acme-steps
    Version: 1.0
    # site/acme_steps-1.0.dist-info/entry_points.txt
    [stepwell.steps]
    acme = acme_steps
    # registry.d/steps/ranking.yaml
    name: Ranking
    description: Rank a batch.

    $ PYTHONPATH=site stepwell check

Fails:

    # site/acme_steps/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # site/acme_steps-1.0.dist-info/METADATA
    Metadata-Version: 2.1
    Name: acme-steps
    Version: 1.0
    # site/acme_steps-1.0.dist-info/entry_points.txt
    [stepwell.steps]
    acme = acme_steps
    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch on a GPU.

    $ PYTHONPATH=site stepwell check
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.rule import Finding, Hidden
from stepwell.source.diagnostic import Related, Severity

ID: Final = "plugin-hidden"
SEVERITY: Final = Severity.INFO


def check(scope: tuple[Hidden, ...]) -> Iterator[Finding]:
    for hidden in scope:
        yield Finding(
            f"this {hidden.kind.noun} hides `{hidden.definition.name}` of the package {hidden.package}",
            hidden.place,
            "rename it, unless it replaces the package's definition on purpose",
            (Related("hides", hidden.definition.sources[0].document.value_span(("name",))),),
        )
