"""Runs of pipelines for people and programs: lines, data, a page, and a table while one goes on."""

from __future__ import annotations

from stepwell.render.runs.page import as_html
from stepwell.render.runs.plain import plain_comparison, plain_run
from stepwell.render.runs.text import comparison_lines, run_lines, swap_lines

__all__ = [
    "as_html",
    "comparison_lines",
    "plain_comparison",
    "plain_run",
    "run_lines",
    "swap_lines",
]
