"""Value is not in the project's vocabulary.

The lists in `[vocabulary]` of `stepwell.toml` restrict the allowed values of fields: `sagemaker_step_types`,
`frameworks`, `environment_tags`, `compatibility_tags` and `capabilities` (also for `requires`). Fields
without a list accept any value.

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

from collections.abc import Iterable, Iterator
from typing import Final

from stepwell.check.rule import FileScope, Finding
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


def check(scope: FileScope) -> Iterable[Finding]:
    if scope.kind.noun != "step":
        return ()
    data = scope.source.document.data
    findings: tuple[Finding, ...] = ()
    for vocabulary, allowed in scope.settings.vocabulary.items():
        for field in FIELDS[vocabulary]:
            stated = data.get(field)
            if stated is not None and stated not in allowed:  # a list is never in `allowed`
                declared = scope.settings.declared("allowed values are listed in", "vocabulary", vocabulary)
                findings += tuple(
                    _compare(scope.source.document, declared, vocabulary, field, stated, allowed)
                )
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
