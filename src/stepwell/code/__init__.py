"""Locate the components of steps in Python sources, and import them on request."""

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
