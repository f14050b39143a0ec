"""Implementation of a provider does not exist.

`implementation` names a built-in implementation or one from an installed package (entry point group
`stepwell.providers`). A provider with an unknown implementation is skipped in favor of the next matching one.
This is a warning because the package may be missing on this machine only.

Passes:

    # registry.d/providers/echo.yaml
    name: Echo
    description: Returns its request.
    implementation: echo

Fails:

    # registry.d/providers/echo.yaml
    name: Echo
    description: Returns its request.
    implementation: ecco
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from stepwell.check.rule import FileScope, Finding
from stepwell.model import IMPLEMENTATION_SETTINGS
from stepwell.source.diagnostic import Severity
from stepwell.source.extensions import extensions
from stepwell.source.spelling import respelled, suggest

ID: Final = "unknown-implementation"
SEVERITY: Final = Severity.WARNING

_GROUP: Final = "stepwell.providers"


def check(scope: FileScope) -> Iterable[Finding]:
    named = scope.data.get("implementation") if scope.kind.noun == "provider" else None
    if named is None or ":" in named or named in IMPLEMENTATION_SETTINGS:
        return ()
    installed = tuple(extension.name for extension in extensions(_GROUP))
    if named in installed:
        return ()
    hint = (
        suggest(named, (*IMPLEMENTATION_SETTINGS, *installed))
        or "install the package that provides it, or write the path of a file"
    )
    span = scope.source.document.value_span(("implementation",))
    fix = respelled(span, named, (*IMPLEMENTATION_SETTINGS, *installed))
    return (Finding(f"unknown implementation `{named}`", span, hint, fix=fix),)
