"""Module of a hyperparameter class does not exist in the sources.

`module_path` is a dotted path relative to a folder of `[references] source`, to its parent, or to the
project. For a package, it refers to `__init__.py`. Modules that match a pattern of `[references] external`
are not checked. No Python is run.

Passes:

    # stepwell.toml
    [references]
    source = ["src"]
    # src/models/hyperparameters.py
    class TreeHyperparameters:
        depth: int = 6
    # registry.d/hyperparameters/tree_hyperparameters.yaml
    name: TreeHyperparameters
    module_path: models.hyperparameters
    description: Hyperparameters of a tree.

Fails:

    # stepwell.toml
    [references]
    source = ["src"]
    # src/models/hyperparameters.py
    class TreeHyperparameters:
        depth: int = 6
    # registry.d/hyperparameters/tree_hyperparameters.yaml
    name: TreeHyperparameters
    module_path: models.hyperparameter
    description: Hyperparameters of a tree.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.rule import Finding, Reference, ReferenceScope
from stepwell.source.diagnostic import Related, Severity
from stepwell.source.spelling import closest, did_you_mean

ID: Final = "missing-module"
SEVERITY: Final = Severity.ERROR


def check(scope: ReferenceScope) -> Iterator[Finding]:
    from stepwell.source.python import matches, place_of

    external = scope.references_table.external
    for reference in scope.named("module_path"):
        class_name = reference.definition.name
        if matches(reference.name, external) or matches(f"{reference.name}.{class_name}", external):
            continue
        if scope.sees.module(reference.name) is None:
            places = scope.sees.classes(class_name)
            related = tuple(
                Related(f"`{class_name}` is defined in", place_of(scope.root, place)) for place in places[:1]
            )
            yield Finding(
                f"unknown module `{reference.name}` in the sources that {scope.view} sees",
                reference.span,
                _help(scope, reference),
                related,
            )


def _help(scope: ReferenceScope, reference: Reference) -> str:
    places = scope.sees.classes(reference.definition.name)
    if places:
        names = scope.sees.names_of(places[0].file)
        near = closest(reference.name, names)
        return f"{did_you_mean((near or names)[:1])} it defines `{reference.definition.name}`"
    for workspace, sees in scope.elsewhere.items():
        file = sees.module(reference.name)
        if file is not None:
            return f"workspace {workspace} has it ({file.path}), but {scope.view} does not see it"
    near = closest(reference.name, scope.sees.modules())
    if near:
        file = scope.sees.module(near[0])
        return f"{did_you_mean(near)}{f' it is {file.path}' if file is not None else ''}"
    if scope.sees.has_package(reference.name):
        return "it is a folder without an `__init__.py`: write the module that defines the class"
    return "correct the module, or add it to `[references] external` if a package provides it"
