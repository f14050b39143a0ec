"""Whether the interface of a step agrees with its script, its sources, its builder and its configuration.

Everything is read as text and as syntax trees; nobody's Python is run.
"""

from __future__ import annotations

from stepwell.code.alignment.check import LEVELS, Aligned, align, every_finding, steps_to_align

__all__ = ["LEVELS", "Aligned", "align", "every_finding", "steps_to_align"]
