"""The implementation of a provider is one that there is.

A name alone stands for one of Stepwell's own implementations, or for one of an installed package (entry
points of the group `stepwell.providers`). One that is neither cannot be asked, and the next provider that
fits is. It is a warning, since the package may be missing on this machine only.

Passes:

    # registry.d/providers/echo.yaml
    name: Echo
    description: Answers with what it was asked.
    implementation: echo

Fails:

    # registry.d/providers/echo.yaml
    name: Echo
    description: Answers with what it was asked.
    implementation: ecco
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from stepwell.check.rule import FileScope, Finding
from stepwell.model import IMPLEMENTATION_SETTINGS
from stepwell.source.diagnostic import Severity
from stepwell.source.extensions import extensions
from stepwell.source.spelling import suggest

ID: Final = "unknown-implementation"
SEVERITY: Final = Severity.WARNING

_GROUP: Final = "stepwell.providers"


def check(scope: FileScope) -> Iterable[Finding]:
    """Look for the implementation that a provider names."""
    named = scope.data.get("implementation") if scope.kind.noun == "provider" else None
    if named is None or ":" in named or named in IMPLEMENTATION_SETTINGS:
        return ()
    installed = tuple(one.name for one in extensions(_GROUP))
    if named in installed:
        return ()
    hint = (
        suggest(named, (*IMPLEMENTATION_SETTINGS, *installed))
        or "install the package that brings it, or name a file"
    )
    span = scope.source.document.value_span(("implementation",))
    return (Finding(f"there is no implementation `{named}`", span, hint),)
