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
"""Modules by command."""

USAGE, BUG, INTERRUPTED, BROKEN_PIPE = 2, 3, 130, 141


class _BrokenPipe(Exception):
    """Broken pipe; click would turn a BrokenPipeError into exit code 1."""


class _Commands(click.Group):
    """Top-level commands, imported on first use."""

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
            raise _BrokenPipe from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from stepwell.source.spelling import suggest

            hint = suggest(name, COMMANDS) or "run `stepwell --help` for a list"
            raise click.UsageError(f"unknown command `{name}` ({hint})", ctx)
        return super().resolve_command(ctx, args)


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    click.echo(f"stepwell {__version__}")
    if ctx.params.get("verbose"):
        from stepwell.frontends.cli.output import details

        click.echo(details())
    ctx.exit()


def _show_help_alone(ctx: click.Context) -> int:
    """Show a group's help if no subcommand is given."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        return USAGE
    return 0


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Run `stepwell COMMAND --help` for details and examples.",
)
@click.option(
    "-v", "--verbose", is_flag=True, is_eager=True, help="With --version: also show library versions."
)
@click.option(
    "--version", is_flag=True, expose_value=False, callback=_print_version, help="Show the version and exit."
)
@click.pass_context
def _stepwell(ctx: click.Context, verbose: bool) -> int:  # noqa: ARG001 - the version's callback reads it
    """A declarative registry of pipeline steps: one file per step, with workspaces for developers."""
    return _show_help_alone(ctx)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return the exit code."""
    _make_streams_safe()
    try:
        result = _stepwell.main(list(arguments), prog_name="stepwell", standalone_mode=False)
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
    click.echo(f"error: {message}", err=True)
    return USAGE


def _report_bug() -> int:
    import tempfile
    import traceback

    trace = traceback.format_exc()
    last = trace.rstrip().splitlines()[-1]
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


class CommandGroup(click.Group):
    """Group of subcommands, imported on first use."""

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
        """Return the command names in display order."""
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a command, or ``None``."""
        module = self._modules.get(cmd_name)
        if module is None:
            return None
        found: click.Command = import_module(f"{self._package}.{module}").command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a command; an unknown name is an error with a suggestion."""
        name = args[0]
        if name not in self._modules and not name.startswith("-"):
            from stepwell.source.spelling import suggest

            hint = suggest(name, self._modules) or f"run `stepwell {self.name} --help` for a list"
            raise click.UsageError(f"unknown command `{self.name} {name}` ({hint})", ctx)
        return super().resolve_command(ctx, args)
