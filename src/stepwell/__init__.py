"""Stepwell: a declarative registry of pipeline steps.

``stepwell.open(".")`` reads a project; ``registry.view("alice")`` is what one developer sees.
"""

from __future__ import annotations

import os
from datetime import date
from typing import TYPE_CHECKING

from stepwell.errors import ProjectError, StepwellError, UnknownStep, UnknownWorkspace
from stepwell.version import __version__

if TYPE_CHECKING:
    from stepwell.registry import Registry

__all__ = [
    "ProjectError",
    "StepwellError",
    "UnknownStep",
    "UnknownWorkspace",
    "__version__",
    "open",
]


def open(path: str | os.PathLike[str] = ".", *, today: date | None = None) -> Registry:  # noqa: A001
    """Open the project that a folder belongs to, found by walking up from it.

    Args:
        path: any folder of the project.
        today: the date to hold deprecations against; the machine's date when left out.

    Raises:
        ProjectError: only when there is no project; what is wrong with its files is in
            ``registry.diagnostics``.
    """
    from stepwell.project import find_project, open_project
    from stepwell.registry import Registry

    project = open_project(find_project(os.path.abspath(path)))
    return Registry(project, (lambda: today) if today else date.today)
