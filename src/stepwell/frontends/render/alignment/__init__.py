"""HTML reports of alignment and complete checks: single files without scripts or external resources."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stepwell.source.escape_control import visible

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["as_html"]

_MEANINGS: Final = {
    1: "script and interface.",
    2: "consistency of the interface.",
    3: "inputs and upstream steps.",
    4: "builder and configuration class.",
}


def as_html(record: Mapping[str, Any], name: str = "report.html.j2") -> str:
    """Return the report for a record of ``stepwell align`` or ``workspace check --format json``."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(visible=visible, marked=_marked)
    levels = sorted({level["level"] for item in record.get("steps", ()) for level in item["levels"]})
    template = environment.get_template(name)
    return template.render(record, levels=levels, meanings=_MEANINGS)


def _marked(text: str) -> Markup:
    """Return a message as HTML, with text in backticks as code."""
    from markupsafe import Markup, escape

    parts = [escape(part) for part in visible(text).split("`")]
    if len(parts) % 2 == 0:  # unbalanced backtick
        parts[-2:] = [parts[-2] + "`" + parts[-1]]
    code = Markup("<code>{}</code>")
    return Markup().join(code.format(part) if place % 2 else part for place, part in enumerate(parts))
