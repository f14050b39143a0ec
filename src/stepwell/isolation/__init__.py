"""Whether a workspace keeps to itself, and has the parts that one looks for; no code is run."""

from __future__ import annotations

from stepwell.isolation.checking import check_isolation
from stepwell.isolation.structure import CODE_FOLDERS, check_structure

__all__ = ["CODE_FOLDERS", "check_isolation", "check_structure"]
