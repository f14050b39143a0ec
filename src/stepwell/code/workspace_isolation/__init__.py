"""Whether a workspace keeps to itself, and has the parts that one looks for; no code is run."""

from __future__ import annotations

from stepwell.code.workspace_isolation.check import CODE_FOLDERS, check_isolation, check_structure

__all__ = ["CODE_FOLDERS", "check_isolation", "check_structure"]
