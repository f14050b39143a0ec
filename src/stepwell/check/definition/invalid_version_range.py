"""Version or version range of a step type is invalid.

`compatible_with` is a version specifier (PEP 440) such as `>=1.0,<2`, and `since` is a single version. Both
refer to the interface version of step types. `stepwell compat` lists the steps that are incompatible with the
current version.

Passes:

    # registry.d/steps/summarize.yaml
    name: Summarize
    description: Say it in fewer words.
    since: "1.0"
    compatible_with: ">=1.0,<2"

Fails:

    # registry.d/steps/summarize.yaml
    name: Summarize
    description: Say it in fewer words.
    compatible_with: 1.0 or later
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from stepwell.check.rule import FileScope, Finding
from stepwell.source.diagnostic import Severity

ID: Final = "invalid-version-range"
SEVERITY: Final = Severity.ERROR


def check(scope: FileScope) -> Iterable[Finding]:
    data = scope.data
    if scope.kind.noun != "step" or ("compatible_with" not in data and "since" not in data):
        return ()
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # slow to import and rarely needed
    from packaging.version import InvalidVersion, Version

    findings: list[Finding] = []
    document = scope.source.document
    wanted, since = data.get("compatible_with"), data.get("since")
    try:
        SpecifierSet(wanted or "")
    except InvalidSpecifier:
        findings.append(
            Finding(
                f"`{wanted}` is not a valid version specifier",
                document.value_span(("compatible_with",)),
                "write a specifier such as `>=1.0,<2`",
            )
        )
    try:
        Version(since or "0")
    except InvalidVersion:
        findings.append(
            Finding(
                f"`{since}` is not a valid version",
                document.value_span(("since",)),
                "write a version such as `1.0`",
            )
        )
    return findings
