"""Base of an override changed.

An override records in `based_on` the values that it replaced. If the layers below change such a value, the
override still hides the new one. `stepwell rebase WORKSPACE` keeps the override with `--ours`, or removes it
with `--theirs`. It also removes fields that the layers below now set to the same value.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    priority: 60
    # workspaces/alice/override/steps/scoring.yaml
    name: Scoring
    priority: 30
    based_on: {priority: 60}

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    priority: 60
    # workspaces/alice/override/steps/scoring.yaml
    name: Scoring
    priority: 30
    based_on: {priority: 100}
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from stepwell.check.rule import Finding, ViewScope
from stepwell.model.layer import ABSENT, step_into
from stepwell.source.diagnostic import Related, Severity
from stepwell.source.document import Pointer, thaw

ID: Final = "outdated-override"
SEVERITY: Final = Severity.WARNING

_LONGEST: Final = 40


def check(scope: ViewScope) -> Iterator[Finding]:
    for override in scope.overrides:
        if override.base is None:
            continue
        document = override.source.document
        for pointer, old in leaves(override.based_on):
            now = override.base.origin(*pointer)
            stated = _at(document.data, pointer)
            if stated is ABSENT or thaw(now.value) in (thaw(old), thaw(stated)):
                continue
            field = ".".join(map(str, pointer))
            change = f"changed from {_shown(old)} to {_shown(now.value)}"
            below = now.span or override.base.sources[0].document.key_span(("name",))
            yield Finding(
                f"`{field}` of `{override.name}` {change} below this override",
                document.value_span(pointer),
                f"run `stepwell rebase {override.source.workspace}` with --ours or --theirs",
                (Related("overrides", below),),
            )


def leaves(value: Any, pointer: Pointer = ()) -> Iterator[tuple[Pointer, Any]]:
    """Yield the values in nested mappings with their pointers; lists as a whole."""
    if isinstance(value, Mapping) and (value or not pointer):
        for key, below in value.items():
            yield from leaves(below, (*pointer, key))
    else:
        yield pointer, value


def _at(data: Any, pointer: Pointer) -> Any:
    for step in pointer:
        data = step_into(data, step)
    return data


def _shown(value: Any) -> str:
    text = "none" if value is None else json.dumps(thaw(value), ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
