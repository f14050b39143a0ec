"""A command that has commands of its own, each in a module that is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

__all__ = ["CommandGroup"]


class CommandGroup(click.Group):
    """Commands by name, none of them imported before it is asked for.

    Args:
        package: the package of their modules.
        modules: every command's module, by the command's name, in the order in which they are told.
        settings: what click's own group takes.
    """

    def __init__(self, *, package: str, modules: Mapping[str, str], **settings: Any) -> None:
        super().__init__(**settings)
        self._package = package
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names of all commands, in their order."""
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of a name; ``None`` where there is none."""
        module = self._modules.get(cmd_name)
        if module is None:
            return None
        found: click.Command = import_module(f"{self._package}.{module}").command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is asked for; a name that is none is refused with the nearest one."""
        name = args[0]
        if name not in self._modules and not name.startswith("-"):
            from stepwell.source.spelling import closest

            near = closest(name, self._modules)
            hint = f"did you mean `{near[0]}`?" if near else f"`stepwell {self.name} --help` lists them"
            raise click.UsageError(f"there is no command `{self.name} {name}` ({hint})", ctx)
        return super().resolve_command(ctx, args)
