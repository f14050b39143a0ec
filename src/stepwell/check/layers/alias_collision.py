"""Alias is also the name or an alias of another step.

An alias keeps a former name working. If a step has that name, the name takes precedence and the alias is
never used. An alias of two steps is ambiguous.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    aliases: [Inference]

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    aliases: [Ranking]
    # registry.d/steps/ranking.yaml
    name: Ranking
    description: Rank a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.rule import Finding, ViewScope
from stepwell.model import Definition, StepDefinition
from stepwell.model.layer import given_by
from stepwell.source.diagnostic import Fix, Related, Severity, Span

ID: Final = "alias-collision"
SEVERITY: Final = Severity.ERROR


def check(scope: ViewScope) -> Iterator[Finding]:
    if scope.kind.noun != "step":
        return
    owners: dict[str, Definition] = {}
    for step in scope.suspects.values():
        for alias in step.aliases if isinstance(step, StepDefinition) else ():
            named = scope.get(alias)
            other = named or owners.get(alias) or _inherited(scope, alias)
            if other is not None:
                is_name = "is also the name of a step" if named else f"is also an alias of `{other.name}`"
                message = f"the alias `{alias}` of `{step.name}` {is_name}"
                related = (
                    Related("the step is defined in", _name(other))
                    if named
                    else Related(f"`{other.name}` declares it in", _alias(other, alias))
                )
                span = _alias(step, alias)
                fix = Fix(f"remove the alias `{alias}`", "remove", span, is_safe=other.name == step.name)
                yield Finding(message, span, "remove the alias", (related,), fix)
            owners.setdefault(alias, step)
    for name, step in scope.suspects.items():
        other = None if name in scope.below else _inherited(scope, name)
        if other is not None:
            message = f"`{name}` is also an alias of `{other.name}`"
            related = Related(f"`{other.name}` declares it in", _alias(other, name))
            yield Finding(message, _name(step), "choose another name", (related,))


def _inherited(scope: ViewScope, alias: str) -> Definition | None:
    names = scope.below_by_alias.get(alias, ())
    return next((scope.below[name] for name in names if name not in scope.above), None)


def _alias(step: Definition, alias: str) -> Span:
    document = given_by(step.sources, ("aliases",))
    return document.value_span(("aliases", document.data["aliases"].index(alias)))


def _name(step: Definition) -> Span:
    return step.sources[-1].document.value_span(("name",))
