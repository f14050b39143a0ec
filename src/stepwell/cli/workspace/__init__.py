"""``stepwell workspace``: the commands about whole workspaces, each in a file of its own."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import Final

import click

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


class _Commands(click.Group):
    """The commands, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        found: click.Command = import_module(f"stepwell.cli.workspace.{module}").command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from stepwell.naming import closest

            near = closest(name, COMMANDS)
            hint = f"did you mean `{near[0]}`?" if near else "`stepwell workspace --help` lists them"
            raise click.UsageError(f"there is no command `workspace {name}` ({hint})", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    "workspace",
    cls=_Commands,
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
