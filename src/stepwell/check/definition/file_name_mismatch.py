"""File is not named after its definition.

The file name is the definition's name in snake_case, so every definition has a predictable location and two
new steps never share a file. Entries of `[naming] abbreviations` count as one word: `XGBoostTraining` is
defined in `xgboost_training.yaml`.

Passes:

    # registry.d/steps/model_evaluation.yaml
    name: ModelEvaluation
    description: Score a trained model on a held-out set.

Fails:

    # registry.d/steps/evaluation.yaml
    name: ModelEvaluation
    description: Score a trained model on a held-out set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from stepwell.check.layers import override_changes_name
from stepwell.check.rule import FileScope, Finding, ViewScope
from stepwell.model.settings import Settings
from stepwell.source.diagnostic import Fix, Severity
from stepwell.source.document import Document

ID: Final = "file-name-mismatch"
SEVERITY: Final = Severity.ERROR


def check(scope: FileScope) -> Iterable[Finding]:
    return () if scope.authored.is_override else _compare(scope.source.document, scope.settings)


def check_overrides(scope: ViewScope) -> Iterator[Finding]:
    for override in scope.overrides:
        if override_changes_name.renamed(scope, override) is None:
            yield from _compare(override.source.document, scope.settings)


def _compare(document: Document, settings: Settings) -> tuple[Finding, ...]:
    name: str = document.data["name"]
    path = document.path
    wanted = settings.naming.stem(name)
    if path[path.rfind("/") + 1 : path.rfind(".")] == wanted:
        return ()
    file = path[path.rfind("/") + 1 :]
    suffix = file.rpartition(".")[2]
    span = document.value_span(("name",))
    target = f"{path[: path.rfind('/') + 1]}{wanted}.{suffix}"
    return (
        Finding(
            f"`{name}` is defined in `{file}`, which is named after another definition",
            span,
            f"rename the file to `{wanted}.{suffix}`, or correct the name",
            fix=Fix(f"rename the file to `{wanted}.{suffix}`", "move", span, target),
        ),
    )
