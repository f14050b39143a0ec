"""Where the parts of steps are in Python sources, without running any, and loading them when asked."""

from __future__ import annotations

from stepwell.components.code import SourceCode
from stepwell.components.folders import own_folder, source_folders
from stepwell.components.views import own_components, own_implementations

__all__ = [
    "SourceCode",
    "own_components",
    "own_folder",
    "own_implementations",
    "source_folders",
]
