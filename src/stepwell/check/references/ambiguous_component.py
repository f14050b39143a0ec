"""Undeclared component of a step has several matches.

Components that are not listed in `components` are looked up by name: builder, configuration and
hyperparameter classes by class name; contracts, specifications and scripts by file name
(`contracts/STEM_contract.py`, `specs/STEM_spec.py`, `scripts/STEM.py`, where STEM is the step's name in
snake_case). The workspace's `src/` is searched first, then the folders of `[components] source`, then
installed packages. If one of these has several matches, none is used. For classes that `[references] source`
covers, `duplicate-class` reports the problem instead.

Passes:

    # stepwell.toml
    [references]
    source = ["src"]
    # src/training/scripts/scoring.py
    def main(): ...
    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.

Fails:

    # stepwell.toml
    [references]
    source = ["src"]
    # src/training/scripts/scoring.py
    def main(): ...
    # src/serving/scripts/scoring.py
    def main(): ...
    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.rule import Finding, ReferenceScope
from stepwell.model import StepDefinition
from stepwell.model.component import CodePlace, Component
from stepwell.source.diagnostic import Related, Severity, Span

ID: Final = "ambiguous-component"
SEVERITY: Final = Severity.ERROR

_FIELDS: Final = {"builder": "builder_step_name", "config": "config_class"}
_MOST: Final = 5
"""Maximum number of candidates to show."""


def check(scope: ReferenceScope) -> Iterator[Finding]:
    for step, component in scope.components:
        if not component.candidates or _is_reported_by_duplicate_class(scope, step, component):
            continue
        places = component.candidates[:_MOST]
        yield Finding(
            f"{component.kind} of `{step.name}` in {scope.view} is ambiguous: {component.fault}",
            step.sources[0].document.value_span(("name",)),
            component.help,
            tuple(
                Related("candidates:" if place is places[0] else "and", _span(scope.root, place))
                for place in places
            ),
        )


def _is_reported_by_duplicate_class(
    scope: ReferenceScope, step: StepDefinition, component: Component
) -> bool:
    field = _FIELDS.get(component.kind)
    files = [scope.sees.index.files.get(place.path) for place in component.candidates]
    if not all(file is not None and scope.sees.sees(file) for file in files):
        return False
    return any(reference.definition is step and reference.field == field for reference in scope.references)


def _span(root: str, place: CodePlace) -> Span:
    from stepwell.source.python import span_in

    if place.path.startswith("<"):  # in an installed package
        return Span(place.path, place.line, place.column, place.line, place.column)
    length = len((place.name or " ").rpartition(".")[2])
    return span_in(root, place.path, place.line, place.column, length)
