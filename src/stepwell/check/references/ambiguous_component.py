"""A component that a step does not declare is found in one place.

Where `components` is silent, a builder, a configuration class and a class of hyperparameters are found
by their names, a contract, a specification and a script by those of their files:
`contracts/STEM_contract.py`, `specs/STEM_spec.py` and `scripts/STEM.py`, where STEM is the step's name in
snake_case. A workspace's own `src/` comes before the folders of `[components] source`, and these before
installed packages. Two places among equals leave open which one is meant, so neither is taken. Of two
classes that a step names `duplicate-class` tells, where it looks into the same folders.

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
"""How many places are told."""


def check(scope: ReferenceScope) -> Iterator[Finding]:
    """Find the components that could be in several places."""
    for step, component in scope.components:
        if not component.candidates or _is_told_by_duplicate_class(scope, step, component):
            continue
        places = component.candidates[:_MOST]
        yield Finding(
            f"the {component.kind} of `{step.name}` in {scope.view} is ambiguous: {component.fault}",
            step.sources[0].document.value_span(("name",)),
            component.help,
            tuple(
                Related("it could be" if one is places[0] else "or", _span(scope.root, one)) for one in places
            ),
        )


def _is_told_by_duplicate_class(scope: ReferenceScope, step: StepDefinition, component: Component) -> bool:
    field = _FIELDS.get(component.kind)
    files = [scope.sees.index.files.get(one.path) for one in component.candidates]
    if not all(file is not None and scope.sees.sees(file) for file in files):
        return False
    return any(one.definition is step and one.field == field for one in scope.references)


def _span(root: str, place: CodePlace) -> Span:
    from stepwell.source.python import span_in

    if place.path.startswith("<"):  # of an installed package, which lies elsewhere
        return Span(place.path, place.line, place.column, place.line, place.column)
    length = len((place.name or " ").rpartition(".")[2])
    return span_in(root, place.path, place.line, place.column, length)
