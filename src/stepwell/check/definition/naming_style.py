"""Step name does not follow the project's naming style.

`[naming] step_name` in `stepwell.toml` sets the style: `PascalCase` (default), `snake_case` or `any`.
Hyperparameter classes are exempt because their names are Python class names. Steps with an `implementation`
and without a `sagemaker_step_type` may also use snake_case, as in workflows.

Passes:

    # registry.d/steps/data_cleaning.yaml
    name: DataCleaning
    description: Drop rows that cannot be used.

Fails:

    # registry.d/steps/data_cleaning.yaml
    name: data_cleaning
    description: Drop rows that cannot be used.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from stepwell.check.rule import FileScope, Finding
from stepwell.source.diagnostic import Severity
from stepwell.source.spelling import STYLES

ID: Final = "naming-style"
SEVERITY: Final = Severity.ERROR


def check(scope: FileScope) -> Iterable[Finding]:
    document = scope.source.document
    name: str = document.data["name"]
    style = scope.settings.naming.step_name
    if STYLES[style].fullmatch(name) or scope.kind.noun != "step":
        return ()
    if _is_run_by_name(scope) and STYLES["snake_case"].fullmatch(name):
        return ()
    words = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    fitting = words if style == "PascalCase" and STYLES[style].fullmatch(words) else None
    return (
        Finding(
            f"`{name}` is not in {style}",
            document.value_span(("name",)),
            f"write `{fitting}`" if fitting else "rename it, or change `[naming] step_name` in stepwell.toml",
        ),
    )


def _is_run_by_name(scope: FileScope) -> bool:
    """Return whether a step is run by Stepwell and has no row in the legacy table."""
    return "implementation" in scope.data and "sagemaker_step_type" not in scope.data
