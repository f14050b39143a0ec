"""``stepwell show``: one step as a view serves it."""

from __future__ import annotations

import json
import sys

import click

from stepwell.cli.opening import (
    Asked,
    complete_step,
    format_option,
    open_view,
    project_options,
    shows_unicode,
    step_of,
    workspace_option,
)
from stepwell.documents import thaw
from stepwell.model import StepDefinition
from stepwell.schema import fields

_EXAMPLE = """\b
Examples:
  stepwell show XGBoostTraining
  stepwell show XGBoostTraining --workspace alice --format json
"""


@click.command("show", epilog=_EXAMPLE, short_help="Show a step with every field filled in.")
@click.argument("step", shell_complete=complete_step)
@workspace_option("Whose view; the core's when left out.")
@format_option("yaml", "json")
@project_options
def command(step: str, workspace: str | None, form: str, asked: Asked) -> int:
    """Show a step with every field filled in, by name or by an alias."""
    record = _record(step_of(*open_view(asked, workspace), step))
    if form == "json":
        json.dump(record, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        from stepwell.documents.writing import to_yaml

        sys.stdout.write(to_yaml(record, ascii_only=not shows_unicode()))
    return 0


def _record(definition: StepDefinition) -> dict[str, object]:
    """The step as a definition file could state it whole."""
    record: dict[str, object] = {}
    for name in fields("step"):
        value = getattr(definition, name)
        if name == "deprecated":
            value = definition.data.get(name)
        if value is not None:
            record[name] = thaw(value)
    record.update((key, thaw(value)) for key, value in definition.extensions.items())
    return record
