"""The alignment of steps as a page for people: one file, no script, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stepwell.source.escape_control import visible

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["as_html"]

_MEANINGS: Final = {
    1: "the script and the interface.",
    2: "the interface in itself.",
    3: "inputs and the steps that give them.",
    4: "the builder and the configuration class.",
}


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
    environment.filters.update(visible=visible, marked=_marked)
    levels = sorted({told["level"] for one in record["steps"] for told in one["levels"]})
    template = environment.get_template("report.html.j2")
    return template.render(record, levels=levels, meanings=_MEANINGS)


def _marked(text: str) -> Markup:
    """A message whose words between backticks are shown as code; all of it is escaped."""
    from markupsafe import Markup, escape

    parts = [escape(part) for part in visible(text).split("`")]
    if len(parts) % 2 == 0:  # one backtick has no other
        parts[-2:] = [parts[-2] + "`" + parts[-1]]
    code = Markup("<code>{}</code>")
    return Markup().join(code.format(part) if place % 2 else part for place, part in enumerate(parts))
