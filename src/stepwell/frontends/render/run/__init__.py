"""Pipeline runs as text, HTML report and live table."""

from __future__ import annotations

from stepwell.frontends.render.run.html import as_html, logs_of
from stepwell.frontends.render.run.text import comparison_lines, run_lines, swap_lines

__all__ = [
    "as_html",
    "comparison_lines",
    "logs_of",
    "run_lines",
    "swap_lines",
]
