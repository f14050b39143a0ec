"""Check that interfaces match scripts, other steps, builders and configurations, without running code."""

from __future__ import annotations

from stepwell.code.alignment.check import LEVELS, Aligned, align, every_finding, steps_to_align

__all__ = ["LEVELS", "Aligned", "align", "every_finding", "steps_to_align"]
