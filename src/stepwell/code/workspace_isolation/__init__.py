"""Check that a workspace is isolated and complete, without running code."""

from __future__ import annotations

from stepwell.code.workspace_isolation.check import CODE_FOLDERS, check_isolation, check_structure

__all__ = ["CODE_FOLDERS", "check_isolation", "check_structure"]
