"""A definition of the core hides one of an installed package.

Packages bring definitions that lie below the core. Where both define a name the core's is served, and the
package's never is; that is right when the project means to replace it, and a surprise when a new
version of the package brings a name that the project already uses. A file of the core that is left out
for its errors hides the package's definition too: a stranger does not stand in for it.

The finding stands at the name in the core's file. In the output it reads:

    info[plugin-hidden]: this step hides `Scoring` of the package acme-steps
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.rule import Finding, Hidden
from stepwell.source.diagnostic import Related, Severity

ID: Final = "plugin-hidden"
SEVERITY: Final = Severity.INFO


def check(scope: tuple[Hidden, ...]) -> Iterator[Finding]:
    """Name each definition of the core that hides one of a package."""
    for hidden in scope:
        yield Finding(
            f"this {hidden.kind.noun} hides `{hidden.definition.name}` of the package {hidden.package}",
            hidden.place,
            "rename it if it is not meant to replace the package's",
            (Related("hides", hidden.definition.sources[0].document.value_span(("name",))),),
        )
