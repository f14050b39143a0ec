"""Value is not in the project's vocabulary.

The lists in `[vocabulary]` of `stepwell.toml` restrict the allowed values of fields: `sagemaker_step_types`,
`frameworks`, `environment_tags`, `compatibility_tags` and `capabilities` (also for `requires`). In
`workspace.yaml`, `frameworks` and `environment_tags` also restrict `preferred_frameworks` and
`environment_preferences`. Fields without a list accept any value.

Passes:

    # stepwell.toml
    [vocabulary]
    frameworks = ["pytorch", "xgboost"]
    # registry.d/steps/tree_training.yaml
    name: TreeTraining
    description: Train a tree.
    framework: xgboost

Fails:

    # stepwell.toml
    [vocabulary]
    frameworks = ["pytorch", "xgboost"]
    # registry.d/steps/tree_training.yaml
    name: TreeTraining
    description: Train a tree.
    framework: xgbost
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from stepwell.check.rule import FileScope, Finding, WorkspaceScope
from stepwell.model.settings import Settings
from stepwell.source.diagnostic import Related, Severity
from stepwell.source.document import Document
from stepwell.source.spelling import closest, did_you_mean, respelled

ID: Final = "not-in-vocabulary"
SEVERITY: Final = Severity.ERROR

FIELDS: Final = {
    "sagemaker_step_types": ("sagemaker_step_type",),
    "frameworks": ("framework",),
    "environment_tags": ("environment_tags",),
    "compatibility_tags": ("compatibility_tags",),
    "capabilities": ("capabilities", "requires"),
}
"""Vocabulary to the step fields that it restricts."""


WORKSPACE_FIELDS: Final = {
    "frameworks": ("preferred_frameworks",),
    "environment_tags": ("environment_preferences",),
}
"""Vocabulary to the fields of a workspace that it restricts."""


def check(scope: FileScope) -> Iterable[Finding]:
    if scope.kind.noun != "step":
        return ()
    return _outside(scope.settings, FIELDS, scope.source.document)


def check_workspace(scope: WorkspaceScope) -> Iterable[Finding]:
    return _outside(scope.settings, WORKSPACE_FIELDS, scope.source.document)


def _outside(
    settings: Settings, fields: Mapping[str, tuple[str, ...]], document: Document
) -> tuple[Finding, ...]:
    findings: tuple[Finding, ...] = ()
    for vocabulary, allowed in settings.vocabulary.items():
        for field in fields.get(vocabulary, ()):
            stated = document.data.get(field)
            if stated is not None and stated not in allowed:  # a list is never in `allowed`
                declared = settings.declared("allowed values are listed in", "vocabulary", vocabulary)
                findings += tuple(_compare(document, declared, vocabulary, field, stated, allowed))
    return findings


def _compare(
    document: Document,
    declared: tuple[Related, ...],
    vocabulary: str,
    field: str,
    stated: str | tuple[str, ...],
    allowed: tuple[str, ...],
) -> Iterator[Finding]:
    add = f"add it to `[vocabulary] {vocabulary}` in stepwell.toml"
    for place, word in enumerate(stated) if isinstance(stated, tuple) else ((None, stated),):
        if word is None or word in allowed:
            continue
        near = closest(word, allowed)
        span = document.value_span((field,) if place is None else (field, place))
        yield Finding(
            f"`{word}` is not an allowed value of `{field}`",
            span,
            did_you_mean(near) or add,
            declared,
            respelled(span, word, allowed),
        )
