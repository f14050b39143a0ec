"""The alignment of steps as a page for people: one file, no script, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepwell.render.visible import visible

__all__ = ["as_html"]


def as_html(record: Mapping[str, Any]) -> str:
    """The page for what ``stepwell align --format json`` tells.

    Args:
        record: as that form has it (``output-align.schema.json``).
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["visible"] = visible
    return environment.get_template("report.html.j2").render(record)
