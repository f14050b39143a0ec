"""``stepwell workspace``: the commands about whole workspaces, each in a file of its own."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import click

from stepwell.frontends.cli import CommandGroup

__all__ = ["COMMANDS", "command"]

COMMANDS: Final = MappingProxyType(
    {
        "new": "new",
        "list": "list_workspaces",
        "show": "show",
        "check": "check",
        "compare": "compare",
        "remove": "remove",
    }
)
"""Every command about workspaces, and its module."""

_EXAMPLE = """\b
Examples:
  stepwell workspace new dana
  stepwell workspace list
  stepwell workspace check dana
"""


@click.group(
    "workspace",
    cls=CommandGroup,
    package=__name__,
    modules=COMMANDS,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    epilog=_EXAMPLE,
    short_help="Make, list, check, compare and remove workspaces.",
)
@click.pass_context
def command(ctx: click.Context) -> int:
    """Make, list, check, compare and remove workspaces, each the folder of one developer."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        return 2
    return 0
