"""The command line interface: the command group and the error boundary.

Exit codes: 0 no findings at or above the failing severity, 1 findings, 2 usage or project error,
3 internal error (with a log file), 130 interrupted, 141 broken pipe.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import click

from stepwell.frontends.commands import COMMANDS, SYNONYMS, overview
from stepwell.source.errors import StepwellError
from stepwell.source.escape_control import visible
from stepwell.version import __version__

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["COLOR", "COMMANDS", "CommandGroup", "run"]

COLOR: Final = "stepwell.color"
"""Key of the value of ``--color`` in the context."""

USAGE, BUG, INTERRUPTED, BROKEN_PIPE = 2, 3, 130, 141


class _BrokenPipe(Exception):
    """Broken pipe; click would turn a BrokenPipeError into exit code 1."""


class CommandGroup(click.Group):
    """Group of commands, imported on first use.

    Args:
       commands: module and short help by command; ``module:attribute`` if that is not ``command``.
    """

    def __init__(
        self, name: str, *, package: str, commands: Mapping[str, tuple[str, str]], **settings: Any
    ) -> None:
        super().__init__(
            name,
            invoke_without_command=True,
            subcommand_metavar="COMMAND [ARGS]...",
            callback=click.pass_context(_show_help_alone),
            **settings,
        )
        self._package = package
        self._commands = commands

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the command names in display order."""
        return list(self._commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a command with the options that every command has, or ``None``."""
        entry = self._commands.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry[0].partition(":")
        command: click.Command = getattr(import_module(f"{self._package}.{module}"), attribute or "command")
        command.params += (option for option in (folder_option, color_option) if option not in command.params)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the commands with their short help, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self._commands.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command, without importing it."""
        from click.shell_completion import CompletionItem

        names = [
            CompletionItem(name, help=summary)
            for name, (_, summary) in self._commands.items()
            if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a command; an unknown name is an error with a suggestion."""
        name = args[0]
        if name not in self._commands and not name.startswith("-"):
            raise click.UsageError(f"unknown command `{self._path}{name}` ({self._hint(name)})", ctx)
        return super().resolve_command(ctx, args)

    @property
    def _path(self) -> str:
        return f"{self.name} "

    def _hint(self, name: str) -> str:
        from stepwell.source.spelling import did_you_mean, suggest

        meant = [
            self._path + each for each in SYNONYMS.get(name, ()) if not self._path or each in self._commands
        ]
        return (
            did_you_mean(meant, "`stepwell {}`")
            or suggest(name, self._commands)
            or f"run `stepwell {self._path}--help` for a list"
        )


class _Commands(CommandGroup):
    """Top-level commands."""

    def get_help(self, ctx: click.Context) -> str:  # noqa: ARG002
        return overview().rstrip("\n")

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise _BrokenPipe from None

    @property
    def _path(self) -> str:
        return ""


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    click.echo(f"stepwell {__version__}")
    if ctx.params.get("verbose"):
        from stepwell.frontends.cli.help import details

        click.echo(details())
    ctx.exit()


def _show_help_alone(ctx: click.Context, **_: object) -> int:
    """Show a group's help if no subcommand is given."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        return USAGE
    return 0


def _change_folder(ctx: click.Context, _: click.Parameter, folder: str | None) -> None:
    if folder is None:
        return
    try:
        before = os.getcwd()
        os.chdir(folder)
    except OSError as error:
        if ctx.resilient_parsing:
            return
        reason = (error.strerror or str(error)).lower()
        raise click.UsageError(f"cannot change to `{folder}`: {reason}", ctx) from None
    ctx.call_on_close(lambda: os.chdir(before))


def _choose_color(ctx: click.Context, _: click.Parameter, choice: str | None) -> None:
    if choice is not None:
        ctx.meta[COLOR] = choice
        ctx.color = {"always": True, "never": False}.get(choice)


folder_option = click.Option(
    ["-C"],
    metavar="DIR",
    type=click.Path(file_okay=False),
    is_eager=True,
    expose_value=False,
    callback=_change_folder,
    help="Change to this folder first.",
)

color_option = click.Option(
    ["--color"],
    metavar="WHEN",
    type=click.Choice(["auto", "always", "never"]),
    is_eager=True,
    expose_value=False,
    callback=_choose_color,
    help="Use colour: auto, always or never.",
)

_stepwell = _Commands(
    "stepwell",
    package=__name__,
    commands=COMMANDS,
    params=[
        folder_option,
        color_option,
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            is_eager=True,
            help="With --version: also show library versions.",
        ),
        click.Option(
            ["-V", "--version"],
            is_flag=True,
            expose_value=False,
            callback=_print_version,
            help="Show the version and exit.",
        ),
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="A declarative registry of pipeline steps: one file per step, with workspaces for developers.",
)


def run(arguments: Sequence[str], began: float | None = None) -> int:
    """Run one command line and return the exit code.

    Args:
       began: start of the process on the monotonic clock; default: now.
    """
    _make_streams_safe()
    try:
        result = _stepwell.main(list(arguments), prog_name="stepwell", standalone_mode=False, obj=began)
        sys.stdout.flush()
    except click.ClickException as error:
        return _print_error(error.format_message())
    except StepwellError as error:
        return _print_error(str(error))
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except (BrokenPipeError, _BrokenPipe):
        _discard_output()
        return BROKEN_PIPE
    except OSError as error:
        _discard_output()
        place = f"{error.filename}: " if error.filename else ""
        return _print_error(f"{place}{error.strerror or error}")
    except Exception:  # noqa: BLE001 - boundary: anything else is a bug and is logged
        return _report_bug()
    return result if isinstance(result, int) else 0


def _make_streams_safe() -> None:
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the parent process
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - open until exit
        elif hasattr(stream, "reconfigure"):  # show escapes for unencodable characters
            stream.reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    """Redirect stdout to the null device, so that flushing its buffer at exit cannot fail again."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_error(message: str) -> int:
    """Print an error; it may quote arguments with control characters."""
    click.echo("\n".join(map(visible, f"error: {message}".split("\n"))), err=True)
    return USAGE


def _report_bug() -> int:
    import tempfile
    import traceback

    trace = traceback.format_exc()
    last = visible(trace.rstrip().splitlines()[-1])
    try:
        with tempfile.NamedTemporaryFile(
            "w",
            prefix="stepwell-bug-",
            suffix=".log",
            delete=False,
            encoding="utf-8",
            errors="backslashreplace",
        ) as log:
            log.write(f"stepwell {__version__}, Python {sys.version}\n{sys.argv}\n\n{trace}")
        where = f"the log is in {log.name}"
    except OSError:
        where = f"the log could not be written:\n{trace}"
    click.echo(f"internal error: {last}\nthis is a bug in Stepwell, please report it; {where}", err=True)
    return BUG
