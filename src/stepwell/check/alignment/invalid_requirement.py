"""Requirement of a script is not a package name and a version specifier.

The key is the name of a package or `python`. The value is a version specifier as defined by PEP 440 and PEP
508, such as `>=1.3,<3`. An empty value allows any version.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.
    interface:
      framework_requirements: {pandas: '>=1.3,<3'}

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.
    interface:
      framework_requirements: {pandas: '1.3 or later'}
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from stepwell.check.alignment.scope import AlignmentScope
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity

ID: Final = "invalid-requirement"
SEVERITY: Final = Severity.ERROR

_NAME: Final = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(\[[A-Za-z0-9._-]+(,\s*[A-Za-z0-9._-]+)*\])?\Z", re.ASCII
)
_CLAUSE: Final = re.compile(
    r"\s*(===\s*\S+|(==|!=)\s*v?[0-9][A-Za-z0-9.!+_-]*(\.\*)?|(~=|<=|>=|<|>)\s*v?[0-9][A-Za-z0-9.!+_-]*)\s*\Z",
    re.ASCII,
)


def check(scope: AlignmentScope) -> Iterator[Finding]:
    for name, specifier in scope.part("framework_requirements").items():
        if not _NAME.match(name):
            yield Finding(
                f"`{name}` in the requirements of `{scope.step.name}` is not a valid package name",
                scope.key("framework_requirements", name),
                "use letters, digits, `-`, `_` and `.`, optionally with extras in brackets",
            )
        elif any(not _CLAUSE.match(clause) for clause in specifier.split(",") if specifier.strip()):
            yield Finding(
                f"`{specifier}` of `{name}` in the requirements of `{scope.step.name}` is not a valid "
                "version specifier",
                scope.value("framework_requirements", name),
                "write a specifier such as `>=1.3,<3`",
            )
