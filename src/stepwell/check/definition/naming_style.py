"""Names of steps follow the project's style.

`[naming] step_name` in `stepwell.toml` says which: `PascalCase` (the default), `snake_case`, or
`any`. Names of hyperparameter classes are Python class names and are not concerned. A step that names its
`implementation` and has no `sagemaker_step_type` may be written in snake_case as well, as workflows name it.

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
    """Hold the step's name against the style."""
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
            f"`{name}` is not written in {style}",
            document.value_span(("name",)),
            f"write `{fitting}`" if fitting else "rename it, or change `[naming] step_name` in stepwell.toml",
        ),
    )


def _is_run_by_name(scope: FileScope) -> bool:
    """Whether it is a step that is run here, and no row of the old table."""
    return "implementation" in scope.data and "sagemaker_step_type" not in scope.data
