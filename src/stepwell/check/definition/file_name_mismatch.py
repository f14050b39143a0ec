"""A file is named after the definition in it.

The name of the file is the definition's name in snake_case. Two people who add two steps then
never touch the same file, and whoever looks for a step knows where it is. Words of
`[naming] abbreviations` count as one word: `XGBoostTraining` lies in `xgboost_training.yaml`.

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
from stepwell.source.diagnostic import Severity
from stepwell.source.document import Document

ID: Final = "file-name-mismatch"
SEVERITY: Final = Severity.ERROR


def check(scope: FileScope) -> Iterable[Finding]:
    """Compare the stem of the path with the name in it, for a whole definition."""
    return () if scope.authored.is_override else _compare(scope.source.document, scope.settings)


def check_overrides(scope: ViewScope) -> Iterator[Finding]:
    """The same for overrides, but for those that try to rename what their file is named after."""
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
    return (
        Finding(
            f"a file named `{file}` cannot define `{name}`",
            document.value_span(("name",)),
            f"name the file `{wanted}.{file.rpartition('.')[2]}`, or correct the name",
        ),
    )
