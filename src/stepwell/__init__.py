"""Stepwell: a declarative registry of pipeline steps.

``stepwell.open(".")`` reads a project; ``registry.view("alice")`` is what one developer sees.
"""

from __future__ import annotations

import os
from datetime import date
from typing import TYPE_CHECKING

from stepwell.source.errors import (
    AmbiguousStep,
    ComponentError,
    NoProvider,
    PipelineError,
    ProjectError,
    RegistrationError,
    StepwellError,
    StrategyFailed,
    UnknownPipeline,
    UnknownProvider,
    UnknownStep,
    UnknownStrategy,
    UnknownWorkspace,
)
from stepwell.version import __version__

if TYPE_CHECKING:
    from stepwell.live.registry import Registry
    from stepwell.live.workspace_context import clear_workspace, current_workspace, set_workspace, workspace

__all__ = [
    "AmbiguousStep",
    "ComponentError",
    "NoProvider",
    "PipelineError",
    "ProjectError",
    "RegistrationError",
    "StepwellError",
    "StrategyFailed",
    "UnknownPipeline",
    "UnknownProvider",
    "UnknownStep",
    "UnknownStrategy",
    "UnknownWorkspace",
    "__version__",
    "clear_workspace",
    "current_workspace",
    "open",
    "set_workspace",
    "workspace",
]

_CONTEXT = frozenset({"clear_workspace", "current_workspace", "set_workspace", "workspace"})


def __getattr__(name: str) -> object:
    if name not in _CONTEXT:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from stepwell.live import workspace_context  # `import stepwell` alone loads nothing that is not used

    value: object = getattr(workspace_context, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def open(path: str | os.PathLike[str] = ".", *, today: date | None = None) -> Registry:  # noqa: A001
    """Open the project that a folder belongs to, found by walking up from it.

    Args:
        path: any folder of the project.
        today: the date to hold deprecations against; the machine's date when left out.

    Raises:
        ProjectError: only when there is no project; what is wrong with its files is in
            ``registry.diagnostics``.
    """
    from stepwell.live.registry import Registry
    from stepwell.model.settings import find_project, open_project
    from stepwell.resolve.plugins import find_plugins

    project = open_project(find_project(os.path.abspath(path)))
    clock = (lambda: today) if today else date.today
    return Registry(project, clock, environment=os.environ, plugins=find_plugins)
