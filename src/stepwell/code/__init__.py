"""Where the parts of steps are in Python sources, without running any, and loading them when asked."""

from __future__ import annotations

from stepwell.code.source_code import (
    SourceCode,
    own_components,
    own_folder,
    own_implementations,
    source_folders,
)

__all__ = [
    "SourceCode",
    "own_components",
    "own_folder",
    "own_implementations",
    "source_folders",
]
