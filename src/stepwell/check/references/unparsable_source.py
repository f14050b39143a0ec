"""Python file of the sources cannot be parsed.

Files with syntax errors, unreadable files and files larger than 4 MiB are skipped, so classes that they
define are reported as missing. Files are parsed with the Python version that runs Stepwell; newer syntax is
not supported.

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
    from stepwell.source.python import span_in

    for file in scope.failures:
        if file.failure is not None:
            why, line, column = file.failure
            yield Finding(
                f"cannot parse this file: {why}",
                span_in(scope.root, file.path, line, column, 1),
                "fix it, or move it out of the folders of `[references] source`",
            )
