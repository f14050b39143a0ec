"""``stepwell schema``: print the JSON Schemas for editors and other tools."""

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
        hint = suggest(kind, names) or "run `stepwell schema` for a list"
        raise click.UsageError(f"unknown schema `{kind}` ({hint})")
    sys.stdout.write(schema_text(kind))  # ASCII if stdout is not UTF-8
    return 0
