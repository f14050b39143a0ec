"""Class named by a definition does not exist in the sources.

`config_class`, `builder_step_name` and the names of hyperparameter classes are looked up in the folders of
`[references] source` in `stepwell.toml` and, for definitions of a workspace, in its own `src/`. Names derived
by convention are checked too. A hyperparameter class must be defined or imported by the module in
`module_path`. Names that match a pattern of `[references] external` are not checked. No Python is run.

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
    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.
    config_class: ScorngConfig
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from stepwell.check.rule import Finding, Reference, ReferenceScope
from stepwell.source.diagnostic import Related, Severity
from stepwell.source.spelling import did_you_mean

if TYPE_CHECKING:
    from stepwell.source.python import Defined, SourceFile

ID: Final = "missing-class"
SEVERITY: Final = Severity.ERROR

_NOUNS: Final = {
    "config_class": "the configuration class",
    "builder_step_name": "the builder",
    "name": "the hyperparameter class",
}


def check(scope: ReferenceScope) -> Iterator[Finding]:
    from stepwell.source.python import matches, module_defines, place_of

    for reference in scope.named(*_NOUNS):
        module = reference.definition.data.get("module_path") if reference.field == "name" else None
        outside = reference.name if module is None else f"{module}.{reference.name}"
        if matches(outside, scope.references_table.external):
            continue
        file = scope.sees.module(module) if module is not None else None
        places = scope.sees.classes(reference.name)
        if file is not None and not module_defines(scope.sees, file, reference.name):
            related = (Related("defined in", place_of(scope.root, places[0])),) if places else ()
            yield Finding(
                f"module `{module}` neither defines nor imports `{reference.name}`",
                reference.span,
                _help(scope, reference, places, file),
                related,
            )
        elif file is None and not places:
            yield Finding(_message(scope, reference), reference.span, _help(scope, reference, places, None))


def _message(scope: ReferenceScope, reference: Reference) -> str:
    noun = _NOUNS[reference.field]
    if reference.stated:
        return f"{noun} `{reference.name}` is not defined in the sources that {scope.view} sees"
    return (
        f"{noun} of `{reference.definition.name}` is by convention `{reference.name}`, "
        f"which is not defined in the sources that {scope.view} sees"
    )


def _help(
    scope: ReferenceScope, reference: Reference, places: tuple[Defined, ...], file: SourceFile | None
) -> str:
    if places:
        names = scope.sees.names_of(places[0].file)
        return f"{did_you_mean(names[:1], 'the module `{}`')} it defines the class ({_shown(places[0])})"
    for workspace, sees in scope.elsewhere.items():
        classes = sees.classes(reference.name)
        if classes:
            return (
                f"workspace {workspace} defines it ({_shown(classes[0])}), but {scope.view} does not see it"
            )
    if file is not None and file.outline is not None:
        from stepwell.source.spelling import closest

        near_here = closest(reference.name, [each.qualified for each in file.outline.classes])
        if near_here:
            return f"{did_you_mean(near_here)} the module defines it ({file.path})"
    near = scope.sees.near(reference.name)
    if near:
        return f"{did_you_mean(near[:1])} it is defined in {_shown(scope.sees.classes(near[0])[0])}"
    if not any(True for _ in scope.sees.files):
        folders = " or ".join(f"`{folder}/`" for folder in scope.sees.folders)
        return f"{folders} has no Python files: set the source folders in `[references] source`"
    if scope.failures:
        return f"{scope.failures[0].path} cannot be parsed and may define it"
    return "define it, correct the name, or add it to `[references] external` if a package provides it"


def _shown(place: Defined) -> str:
    return f"{place.file.path}:{place.outline.line}"
