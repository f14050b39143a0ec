"""``stepwell explain-rule``: print the manual page of a rule."""

from __future__ import annotations

import click

from stepwell.check.catalog import FIXED_PAGES, RULES, page_of, severity_of
from stepwell.source.spelling import suggest

_EXAMPLE = """\b
Examples:
  stepwell explain-rule
  stepwell explain-rule shadows-core
"""


@click.command("explain-rule", epilog=_EXAMPLE, short_help="Explain a rule, or list the rules.")
@click.argument("rule_id", metavar="[ID]", required=False)
def command(rule_id: str | None) -> int:
    """Explain a rule and how to fix its findings, or list all rules."""
    if rule_id is None:
        for item in sorted((*RULES, *FIXED_PAGES)):
            click.echo(f"{item:<26} {severity_of(item).value:<8} {str(page_of(item)).partition(chr(10))[0]}")
        return 0
    page = page_of(rule_id)
    if page is None:
        hint = suggest(rule_id, (*RULES, *FIXED_PAGES)) or "run `stepwell explain-rule` for a list"
        raise click.UsageError(f"unknown rule `{rule_id}` ({hint})")
    words = "by default" if rule_id in RULES else "always"
    click.echo(f"{rule_id} ({words} {severity_of(rule_id).value})\n\n{page}")
    return 0
