"""Deprecated step is past its removal date.

`deprecated.remove_after` is the last day on which the step is guaranteed to exist. After that date, remove
the step or postpone its removal.

Passes:

    # registry.d/steps/old_training.yaml
    name: OldTraining
    description: Train the old way.
    deprecated: {since: "1.4", remove_after: "2099-12-31"}

Fails:

    # registry.d/steps/old_training.yaml
    name: OldTraining
    description: Train the old way.
    deprecated: {since: "1.4", remove_after: "2020-01-31"}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

from stepwell.check.rule import FileScope, Finding
from stepwell.source.diagnostic import Severity

ID: Final = "past-removal"
SEVERITY: Final = Severity.WARNING


def check(scope: FileScope) -> Iterable[Finding]:
    deprecated = scope.source.document.data.get("deprecated")
    stated = deprecated.get("remove_after") if deprecated else None
    return () if stated is None else _compare(scope, stated)


def _compare(scope: FileScope, stated: str) -> Iterator[Finding]:
    span = scope.source.document.value_span(("deprecated", "remove_after"))
    try:
        last = date.fromisoformat(stated)
    except ValueError:
        yield Finding(f"`{stated}` is not a valid date", span, "write a date as YYYY-MM-DD")
        return
    if last < scope.today:
        name = scope.data["name"]
        yield Finding(
            f"`{name}` was due for removal after {stated}", span, "remove the step, or postpone the date"
        )
