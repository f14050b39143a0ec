"""``stepwell workflow``: checking and running workflow files, each command in a file of its own."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import click

from stepwell.frontends.cli import CommandGroup

__all__ = ["COMMANDS", "command"]

COMMANDS: Final = MappingProxyType({"check": "check", "run": "run"})
"""Every command about workflows, and its module."""

_EXAMPLE = """\b
Examples:
  stepwell workflow check review.yaml
  stepwell workflow run review.yaml --provider echo
"""


@click.group(
    "workflow",
    cls=CommandGroup,
    package=__name__,
    modules=COMMANDS,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    epilog=_EXAMPLE,
    short_help="Check and run workflow files.",
)
@click.pass_context
def command(ctx: click.Context) -> int:
    """Check and run workflow files: steps that are run one after the other, each by a step type."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        return 2
    return 0
