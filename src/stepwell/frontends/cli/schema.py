"""``stepwell schema``: the JSON Schemas, for editors and other tools."""

from __future__ import annotations

import sys

import click

from stepwell.model.schema import schema_names, schema_text
from stepwell.source.spelling import suggest

_EXAMPLE = """\b
Examples:
  stepwell schema
  stepwell schema step > step.schema.json
"""


@click.command("schema", epilog=_EXAMPLE)
@click.argument("kind", required=False)
def command(kind: str | None) -> int:
    """Print the JSON Schema of a kind, or list the kinds."""
    names = schema_names()
    if kind is None:
        for name in names:
            click.echo(name)
        return 0
    if kind not in names:
        hint = suggest(kind, names) or "`stepwell schema` lists all"
        raise click.UsageError(f"there is no schema `{kind}` ({hint})")
    sys.stdout.write(schema_text(kind))  # where stdout is not UTF-8, its escapes are those of JSON
    return 0
