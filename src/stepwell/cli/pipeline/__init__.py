"""``stepwell pipeline``: the commands about pipelines, each in a file of its own."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import Final

import click

__all__ = ["COMMANDS", "command"]

COMMANDS: Final = MappingProxyType(
    {
        "list": "list_pipelines",
        "show": "show",
        "check": "check",
        "wire": "wire",
        "graph": "graph",
        "run": "run",
        "test": "test",
        "compare": "compare",
        "export": "export",
        "new": "new",
    }
)
"""Every command about pipelines, and its module."""

_EXAMPLE = """\b
Examples:
  stepwell pipeline list
  stepwell pipeline check TrainAndEvaluate
  stepwell pipeline graph TrainAndEvaluate --format svg -o train.svg
"""


class _Commands(click.Group):
    """The commands, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        found: click.Command = import_module(f"stepwell.cli.pipeline.{module}").command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from stepwell.naming import closest

            near = closest(name, COMMANDS)
            hint = f"did you mean `{near[0]}`?" if near else "`stepwell pipeline --help` lists them"
            raise click.UsageError(f"there is no command `pipeline {name}` ({hint})", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    "pipeline",
    cls=_Commands,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    epilog=_EXAMPLE,
    short_help="List, show, check, wire, draw and make pipelines.",
)
@click.pass_context
def command(ctx: click.Context) -> int:
    """Work with pipelines: graphs of steps, one in a file."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        return 2
    return 0
