"""What every command shares: which project, whose view, which step, and how loud.

This is where the environment, the clock and the working directory are read.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from datetime import date
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, final

import click
from click.core import ParameterSource

from stepwell.check.catalog import ids
from stepwell.live.registry import Registry
from stepwell.live.workspace_context import WORKSPACE_VARIABLES
from stepwell.model import StepDefinition
from stepwell.model.settings import CONFIG_NAME, Project, find_project, open_project
from stepwell.resolve.plugins import find_plugins
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Severity
from stepwell.source.errors import ProjectError, StepwellError, UnknownStep, UnknownWorkspace
from stepwell.source.spelling import did_you_mean
from stepwell.source.wording import counted

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = [
    "CommonOptions",
    "cache_folder",
    "color_wanted",
    "complete_step",
    "configuration_of",
    "format_option",
    "open_registry",
    "open_view",
    "project_options",
    "registry_of",
    "shows_unicode",
    "step_of",
    "terminal_columns",
    "view_of",
    "with_progress",
    "workspace_option",
]

_LEAVES_NOTHING_OUT = ids("pipeline")

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


@final
class CommonOptions(NamedTuple):
    """What the shared options say.

    Args:
        project: the project's folder, or ``None`` to look for it from the working directory up.
    """

    project: str | None
    quiet: bool
    verbose: bool


def project_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command ``--project``, ``-q`` and ``-v``, handed over as ``asked``."""

    @wraps(command)
    def with_asked(*args: Any, project: str | None, quiet: bool, verbose: bool, **kwargs: Any) -> int:
        return command(*args, asked=CommonOptions(project, quiet, verbose), **kwargs)

    for option in (
        click.option(
            "-v",
            "--verbose",
            is_flag=True,
            help="Say on stderr which project is read, how long that takes, and whose view is shown.",
        ),
        click.option(
            "-q", "--quiet", is_flag=True, help="Show no progress, and say nothing where all is well."
        ),
        click.option(
            "--project",
            metavar="DIR",
            type=click.Path(file_okay=False),
            envvar="STEPWELL_PROJECT",
            help="The project's folder, instead of looking for it from here up.",
        ),
    ):
        with_asked = option(with_asked)
    return with_asked


def workspace_option(help_text: str, *, from_environment: bool = True) -> Callable[[F], F]:
    """Give a command ``--workspace ID``.

    Args:
        from_environment: whether the environment may say it; not where it decides what is written.
    """
    return click.option(
        "-w",
        "--workspace",
        metavar="ID",
        envvar=list(WORKSPACE_VARIABLES) if from_environment else None,
        shell_complete=_complete_workspace,
        help=help_text,
    )


def format_option(*choices: str) -> Callable[[F], F]:
    """Give a command ``--format``; the first choice is the default."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(choices),
        default=choices[0],
        show_default=True,
        help="How to write the answer.",
    )


def open_registry(asked: CommonOptions) -> Registry:
    """The registry of the project that is asked for, with progress on a terminal when it takes long.

    Raises:
        ProjectError: when there is no project.
    """
    return registry_of(_find(asked), asked)


def registry_of(project: Project, asked: CommonOptions) -> Registry:
    """The registry of a project, with progress on a terminal when it takes long."""
    began = time.monotonic()
    registry = with_progress(
        asked,
        lambda tell: Registry(project, date.today, tell, plugins=find_plugins, cache=cache_folder()),
    )
    if asked.verbose:
        click.echo(f"project: {os.path.join(project.root, configuration_of(project))}", err=True)
        click.echo(f"files read: {registry.files} in {time.monotonic() - began:.2f} s", err=True)
    return registry


def with_progress(asked: CommonOptions, work: Callable[[Callable[[int, int], None] | None], T]) -> T:
    """Do what may take long, with progress on a terminal.

    Args:
        work: does it; is given what to tell how far it is, or ``None``.
    """
    if asked.quiet or not sys.stderr.isatty():
        return work(None)
    from stepwell.frontends.cli.output import Progress

    with Progress() as progress:
        return work(progress.tell)


def open_view(asked: CommonOptions, workspace: str | None) -> tuple[Registry, View]:
    """The view that is asked for: by the option, the environment, or else the project's settings.

    That something is left out of it is told on stderr.

    Args:
        workspace: what ``--workspace`` or the environment says; empty for the core.

    Raises:
        ProjectError: when there is no project.
        UsageError: when it has no such workspace; the message tells who asked for it.
    """
    registry = open_registry(asked)
    who = _who_asked(registry.project, workspace)
    view = view_of(registry, registry.project.settings.workspace if workspace is None else workspace, who)
    if asked.verbose:
        click.echo(f"view: {view.title}{who}", err=True)
    errors = sum(
        found.severity is Severity.ERROR and found.id not in _LEAVES_NOTHING_OUT for found in view.diagnostics
    )
    if errors and not asked.quiet:
        has = f"{view.title} has {counted(errors, 'error')}"
        click.echo(f"{has}, and what has one is left out: `stepwell check`", err=True)
    return registry, view


def view_of(registry: Registry, workspace: str | None, who: str = "") -> View:
    """The view of a workspace, or with an empty id that of the core.

    Args:
        who: who asked for it, where that was not the command line.

    Raises:
        UsageError: when the project has no such workspace.
    """
    try:
        return registry.view(workspace or None)
    except UnknownWorkspace as error:
        from textwrap import shorten

        there = shorten(", ".join(registry.workspaces), 60, placeholder=" ...") or "none"
        hint = did_you_mean(error.suggestions) or f"the project has {there}"
        raise click.UsageError(f"unknown workspace: {workspace}{who} ({hint})") from None


def step_of(registry: Registry, view: View, name: str) -> StepDefinition:
    """A step of a view, by its name or an alias.

    Raises:
        UsageError: when the view has none; the message tells where else it is.
    """
    try:
        return view[name]
    except UnknownStep as error:
        elsewhere = [one for one in registry.workspaces if name in registry.view(one).steps]
        if elsewhere:
            hint = f"`--workspace {elsewhere[0]}` has it"
        elif name in view.pipelines:
            hint = f"it is a pipeline: `stepwell pipeline show {name}`"
        elif error.suggestions:
            hint = did_you_mean(error.suggestions)
        else:
            hint = "`stepwell list` shows all"
        raise click.UsageError(f"there is no step `{name}` in {view.title} ({hint})") from None


def configuration_of(project: Project) -> str:
    """The name of the file that holds a project's settings."""
    return "pyproject.toml" if project.prefix else CONFIG_NAME


def cache_folder() -> str | None:
    """Where this user keeps what can be made again (XDG Base Directory Specification), if anywhere."""
    said = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(said):  # the specification: a relative path is to be ignored
        said = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(said, "stepwell") if os.path.isabs(said) else None


def shows_unicode() -> bool:
    """Whether the output carries every character; where it does not, YAML says them by escapes."""
    return (sys.stdout.encoding or "ascii").lower().replace("-", "").startswith("utf")


def write_json(record: object, *, ascii_only: bool = True) -> None:
    """Write an output record, or plain data, to stdout as JSON."""
    from stepwell.frontends.render.output.record import encode

    sys.stdout.write(f"{encode(record, ascii_only=ascii_only)}\n")


def color_wanted() -> bool:
    """Whether to colour: on a terminal, unless ``NO_COLOR`` is set (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def terminal_columns() -> int:
    """How wide the terminal is that stdout is; 0 for a pipe or a file, which has no edge to keep from."""
    if not sys.stdout.isatty():
        return 0
    import shutil

    return shutil.get_terminal_size().columns


def complete_step(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of steps for the shell."""
    try:
        registry, named = _completing(ctx), ctx.params.get("workspace")
        view = registry.view((registry.project.settings.workspace if named is None else named) or None)
    except StepwellError:
        return []
    return _completions(view, incomplete)


def _complete_workspace(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    try:
        ids = _completing(ctx).workspaces
    except StepwellError:
        return []
    return _completions(ids, incomplete)


def _completions(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _completing(ctx: click.Context) -> Registry:
    return open_registry(CommonOptions(ctx.params.get("project"), quiet=True, verbose=False))


def _find(asked: CommonOptions) -> Project:
    if asked.project is not None:
        return open_project(asked.project)
    try:
        here = os.getcwd()
    except FileNotFoundError:
        raise ProjectError("the working directory is gone; go to a folder that exists") from None
    return open_project(find_project(here))


def _who_asked(project: Project, workspace: str | None) -> str:
    """Who named the workspace, where it was not the command line."""
    if workspace is None:
        if not project.settings.workspace:
            return ""
        return f", as {configuration_of(project)} says"
    source = click.get_current_context().get_parameter_source("workspace")
    if source is not ParameterSource.ENVIRONMENT:
        return ""
    return f", as {next(name for name in WORKSPACE_VARIABLES if os.environ.get(name))} says"
