"""A Python file of the sources can be parsed.

What a file defines is read from its syntax tree. From one that cannot be parsed, or cannot be read,
or is larger than 4 MiB, nothing is known, so classes that it defines seem to be missing. Files are
parsed as the Python reads them that runs Stepwell; syntax that only a newer one knows is not read.

Passes:

    # stepwell.toml
    [references]
    source = ["src"]
    # src/configs.py
    class ScoringConfig:
        threshold: float = 0.5

Fails:

    # stepwell.toml
    [references]
    source = ["src"]
    # src/configs.py
    class ScoringConfig
        threshold: float = 0.5
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.rule import Finding, ReferenceScope
from stepwell.source.diagnostic import Severity

ID: Final = "unparsable-source"
SEVERITY: Final = Severity.WARNING


def check(scope: ReferenceScope) -> Iterator[Finding]:
    """Name each file that gives no syntax tree, where it fails."""
    from stepwell.source.python import span_in

    for file in scope.failures:
        if file.failure is not None:
            why, line, column = file.failure
            yield Finding(
                f"what this file defines cannot be told: {why}",
                span_in(scope.root, file.path, line, column, 1),
                "mend it, or move it out of the folders of `[references] source`",
            )
