"""Runs of pipelines for people and programs: lines, data, a page, and a table while one goes on."""

from __future__ import annotations

from stepwell.frontends.render.run.html import as_html
from stepwell.frontends.render.run.json import plain_comparison, plain_run
from stepwell.frontends.render.run.text import comparison_lines, run_lines, swap_lines

__all__ = [
    "as_html",
    "comparison_lines",
    "plain_comparison",
    "plain_run",
    "run_lines",
    "swap_lines",
]
