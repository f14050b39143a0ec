"""Class named by a definition is defined more than once.

If the sources of a view define a class twice, a `config_class` or `builder_step_name` that names it is
ambiguous. Alternative definitions in one file (branches of `if` or `try`) count once, and so does a file
reached through several links. Hyperparameter classes are distinguished by `module_path`.

Passes:

    # stepwell.toml
    [references]
    external = ["*StepBuilder"]
    # src/configs.py
    class ScoringConfig:
        threshold: float = 0.5
    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.

Fails:

    # stepwell.toml
    [references]
    external = ["*StepBuilder"]
    # src/configs.py
    class ScoringConfig:
        threshold: float = 0.5
    # src/old_configs.py
    class ScoringConfig:
        threshold: float = 0.1
    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from stepwell.check.rule import Finding, ReferenceScope
from stepwell.source.diagnostic import Related, Severity

if TYPE_CHECKING:
    from stepwell.source.python import Defined

ID: Final = "duplicate-class"
SEVERITY: Final = Severity.WARNING

_MOST: Final = 5
"""Maximum number of locations to show."""


def check(scope: ReferenceScope) -> Iterator[Finding]:
    from stepwell.source.python import matches, place_of

    for reference in scope.named("config_class", "builder_step_name", "name"):
        if matches(reference.name, scope.references_table.external):
            continue
        module = reference.definition.data.get("module_path") if reference.field == "name" else None
        if module is not None and scope.sees.module(module) is not None:
            continue
        places = _apart(scope.sees.classes(reference.name))
        if len(places) > 1:
            times = "twice" if len(places) == 2 else f"{len(places)} times"
            by = "" if reference.stated else f" (by convention the class of `{reference.definition.name}`)"
            yield Finding(
                f"`{reference.name}`{by} is defined {times} in the sources that {scope.view} sees",
                reference.span,
                "rename all but one of them",
                tuple(
                    Related("defined in" if place is places[0] else "and in", place_of(scope.root, place))
                    for place in places[:_MOST]
                ),
            )


def _apart(places: tuple[Defined, ...]) -> tuple[Defined, ...]:
    """Return the locations of distinct classes; nested classes count only if there is no top-level one."""
    at_top = tuple(place for place in places if "." not in place.outline.qualified)
    distinct: dict[tuple[str, str], Defined] = {}
    for place in at_top or places:
        distinct.setdefault((place.file.real, place.outline.qualified), place)
    return tuple(distinct.values())
