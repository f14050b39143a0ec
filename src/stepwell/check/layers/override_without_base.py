"""Override has no definition to override.

The layers below an override are the workspace's own `local/` and the core. An override of a name that neither
defines has no effect and is usually a typo. Put new steps of the workspace in `local/`.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # workspaces/alice/override/steps/scoring.yaml
    name: Scoring
    priority: 50

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # workspaces/alice/override/steps/skoring.yaml
    name: Skoring
    priority: 50
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.layers import override_changes_name
from stepwell.check.rule import Finding, ViewScope
from stepwell.source.diagnostic import Related, Severity
from stepwell.source.spelling import closest, did_you_mean, respelled

ID: Final = "override-without-base"
SEVERITY: Final = Severity.ERROR


def check(scope: ViewScope) -> Iterator[Finding]:
    noun = scope.kind.noun
    for override in scope.overrides:
        if override.base is not None or override_changes_name.renamed(scope, override) is not None:
            continue
        span = override.source.document.value_span(("name",))
        if scope.broken(override.name) is not None:
            continue  # the finding about that file names the override
        renamed = scope.aliased(override.name)
        if renamed is not None:
            declared = Related("declares the alias", renamed.origin("aliases").span or span)
            help_text = f"`{override.name}` is an alias of `{renamed.name}`: override `{renamed.name}`"
            yield Finding(f"no {noun} `{override.name}` to override", span, help_text, (declared,))
            continue
        near = closest(override.name, [*scope.below, *scope.above])
        help_text = did_you_mean(near) or f"put a new {noun} of the workspace in `local/`"
        fix = respelled(span, override.name, [*scope.below, *scope.above])
        yield Finding(f"no {noun} `{override.name}` to override", span, help_text, fix=fix)
