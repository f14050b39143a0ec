"""The command line: one file a command; here they are listed, and errors end.

Exit codes: 0 nothing at or above the failing severity, 1 findings, 2 usage or project error,
3 a bug (with where its log is), 130 interrupt, 141 the reader of the output went away.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

import click

from stepwell.source.errors import StepwellError
from stepwell.version import __version__

__all__ = [
    "CommandGroup",
    "run",
]


COMMANDS: Final = MappingProxyType(
    {
        "check": "check",
        "align": "align",
        "list": "list_steps",
        "show": "show",
        "explain": "explain",
        "resolve": "resolve",
        "conflicts": "conflicts",
        "diff": "diff",
        "snapshot": "snapshot",
        "impact": "impact",
        "log": "log",
        "components": "components",
        "compat": "compat",
        "providers": "providers",
        "freeze": "freeze",
        "watch": "watch",
        "doctor": "doctor",
        "schema": "schema",
        "explain-rule": "explain_rule",
        "init": "init",
        "import": "import_registry",
        "workspace": "workspace",
        "pipeline": "pipeline",
        "workflow": "workflow",
        "new": "new_step",
    }
)
"""Every command and its module."""

USAGE, BUG, INTERRUPTED, READER_GONE = 2, 3, 130, 141


class _ReaderGone(Exception):
    """A broken pipe under a name that click does not know: click would end with exit code 1."""


class _Commands(click.Group):
    """The commands, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = import_module(f"stepwell.frontends.cli.{module}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise _ReaderGone from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from stepwell.source.spelling import suggest

            hint = suggest(name, COMMANDS) or "`stepwell --help` lists them"
            raise click.UsageError(f"there is no command `{name}` ({hint})", ctx)
        return super().resolve_command(ctx, args)


def _tell_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if not asked or ctx.resilient_parsing:
        return
    click.echo(f"stepwell {__version__}")
    if ctx.params.get("verbose"):
        from stepwell.frontends.cli.output import details

        click.echo(details())
    ctx.exit()


def _show_help_alone(ctx: click.Context) -> int:
    """Show a group's help where no command of it is named."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        return USAGE
    return 0


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`stepwell COMMAND --help` shows each command with an example.",
)
@click.option(
    "-v", "--verbose", is_flag=True, is_eager=True, help="With --version: also what reads and checks."
)
@click.option(
    "--version", is_flag=True, expose_value=False, callback=_tell_version, help="Show the version and exit."
)
@click.pass_context
def _stepwell(ctx: click.Context, verbose: bool) -> int:  # noqa: ARG001 - the version's callback reads it
    """A declarative registry of pipeline steps: one small file per step, layered per developer."""
    return _show_help_alone(ctx)


def run(arguments: Sequence[str]) -> int:
    """Run one command line.

    Returns:
        The exit code.
    """
    _make_streams_safe()
    try:
        result = _stepwell.main(list(arguments), prog_name="stepwell", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        return _tell(error.format_message())
    except StepwellError as error:
        return _tell(str(error))
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except (BrokenPipeError, _ReaderGone):
        _give_up_output()
        return READER_GONE
    except OSError as error:
        _give_up_output()
        place = f"{error.filename}: " if error.filename else ""
        return _tell(f"{place}{error.strerror or error}")
    except Exception:  # noqa: BLE001 - the one boundary: whatever comes here is a bug, and is logged
        return _tell_bug()
    return result if isinstance(result, int) else 0


def _make_streams_safe() -> None:
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # whoever started us closed it
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - lives as long as we do
        elif hasattr(stream, "reconfigure"):  # a console that cannot show a character shows its escape
            stream.reconfigure(errors="backslashreplace")


def _give_up_output() -> None:
    """Point stdout nowhere, so that what is still in its buffer fails no second time at the exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell(message: str) -> int:
    click.echo(f"error: {message}", err=True)
    return USAGE


def _tell_bug() -> int:
    import tempfile
    import traceback

    told = traceback.format_exc()
    last = told.rstrip().splitlines()[-1]
    try:
        with tempfile.NamedTemporaryFile(
            "w",
            prefix="stepwell-bug-",
            suffix=".log",
            delete=False,
            encoding="utf-8",
            errors="backslashreplace",
        ) as log:
            log.write(f"stepwell {__version__}, Python {sys.version}\n{sys.argv}\n\n{told}")
        where = f"the log is in {log.name}"
    except OSError:
        where = f"no log could be written, so here it is:\n{told}"
    click.echo(f"this is a bug in Stepwell: {last}\nplease report it; {where}", err=True)
    return BUG


class CommandGroup(click.Group):
    """Commands by name, none of them imported before it is asked for.

    Args:
        modules: every command's module, by the command's name, in the order in which they are told.
    """

    def __init__(self, name: str, *, package: str, modules: Mapping[str, str], **settings: Any) -> None:
        super().__init__(
            name,
            invoke_without_command=True,
            subcommand_metavar="COMMAND [ARGS]...",
            callback=click.pass_context(_show_help_alone),
            **settings,
        )
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
            from stepwell.source.spelling import suggest

            hint = suggest(name, self._modules) or f"`stepwell {self.name} --help` lists them"
            raise click.UsageError(f"there is no command `{self.name} {name}` ({hint})", ctx)
        return super().resolve_command(ctx, args)
