"""Deprecated step names a replacement that does not exist, or itself.

`deprecated.replaced_by` is the name or an alias of another step of the same view.

Passes:

    # registry.d/steps/old_training.yaml
    name: OldTraining
    description: Train the old way.
    deprecated: {replaced_by: NewTraining}
    # registry.d/steps/new_training.yaml
    name: NewTraining
    description: Train the new way.

Fails:

    # registry.d/steps/old_training.yaml
    name: OldTraining
    description: Train the old way.
    deprecated: {replaced_by: NewTrainin}
    # registry.d/steps/new_training.yaml
    name: NewTraining
    description: Train the new way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.rule import Finding, ViewScope
from stepwell.model import StepDefinition
from stepwell.model.layer import given_by
from stepwell.source.diagnostic import Severity
from stepwell.source.spelling import closest, did_you_mean, respelled

ID: Final = "unknown-replacement"
SEVERITY: Final = Severity.WARNING

_POINTER: Final = ("deprecated", "replaced_by")


def check(scope: ViewScope) -> Iterator[Finding]:
    for step in scope.suspects.values():
        deprecated = step.data.get("deprecated") if isinstance(step, StepDefinition) else None
        named = deprecated.get("replaced_by") if deprecated else None
        if named is None or scope.broken(named) is not None:
            continue
        owner = scope.get(named) or scope.aliased(named)
        if owner is not None and owner.name != step.name:
            continue
        span = given_by(step.sources, _POINTER).value_span(_POINTER)
        if owner is not None:
            yield Finding(
                f"`{step.name}` is replaced by itself", span, "name another step, or remove the line"
            )
        else:
            others = [name for name in (*scope.below, *scope.above) if name != step.name]
            near = closest(named, others)
            help_text = did_you_mean(near) or "name a step of this view, or remove the line"
            fix = respelled(span, named, others)
            yield Finding(f"no step `{named}` to replace `{step.name}`", span, help_text, fix=fix)
