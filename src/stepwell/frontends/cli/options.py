"""Shared by all commands: options, registry, view, step and completion.

The environment, the clock and the working directory are read here.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import date
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast, final

import click
from click.core import ParameterSource

from stepwell.frontends.cli import COLOR
from stepwell.live.registry import Registry, only_read
from stepwell.live.workspace_context import WORKSPACE_VARIABLES
from stepwell.resolve.project_cache import CacheOptions, cache_options, installed_plugins, load_cached
from stepwell.source.errors import ProjectError, StepwellError, UnknownStep, UnknownWorkspace
from stepwell.source.escape_control import visible
from stepwell.source.tree import CONFIG_NAME, STAGING, find_project
from stepwell.source.wording import counted

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from stepwell.model import StepDefinition
    from stepwell.model.settings import Project
    from stepwell.resolve import LoadResult
    from stepwell.resolve.view import View
    from stepwell.source.diagnostic import Diagnostic
    from stepwell.source.seal import CachePlace

__all__ = [
    "CommonOptions",
    "Mistakes",
    "Progress",
    "began",
    "cache_flags",
    "color_wanted",
    "complete_step",
    "complete_workspace",
    "configuration_of",
    "displayed",
    "displayed_path",
    "finding_lines",
    "format_option",
    "in_project",
    "open_names",
    "open_registry",
    "open_view",
    "output_file",
    "project_of",
    "project_options",
    "registry_of",
    "repository_of",
    "shows_unicode",
    "step_of",
    "terminal_columns",
    "view_of",
    "ways_to",
    "with_progress",
    "workspace_option",
    "write_json",
]

_OF_THE_REPOSITORY = frozenset({"github", "sarif", "junit"})

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


@final
class CommonOptions(NamedTuple):
    """Values of the options that every command has.

    Args:
       project: the project folder; ``None`` to search upward from the working directory.
    """

    project: str | None
    quiet: bool
    verbose: bool


def project_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add ``--project``, ``-q`` and ``-v`` to a command, passed as ``common``."""

    @wraps(command)
    def wrapper(*args: Any, project: str | None, quiet: bool, verbose: bool, **kwargs: Any) -> int:
        return command(*args, common=CommonOptions(project, quiet, verbose), **kwargs)

    for option in (
        click.option(
            "-v",
            "--verbose",
            is_flag=True,
            help="Print the project, the load time and the view to stderr.",
        ),
        click.option("-q", "--quiet", is_flag=True, help="Show no progress; print only problems."),
        click.option(
            "--project",
            metavar="DIR",
            type=click.Path(file_okay=False),
            envvar="STEPWELL_PROJECT",
            help="Project folder (default: nearest parent with a stepwell.toml).",
        ),
    ):
        wrapper = option(wrapper)
    return wrapper


def workspace_option(help_text: str, *, from_environment: bool = True) -> Callable[[F], F]:
    """Add ``--workspace ID`` to a command.

    Args:
       from_environment: whether an environment variable may set it; ``False`` for commands that write files.
    """
    return click.option(
        "-w",
        "--workspace",
        metavar="ID",
        envvar=list(WORKSPACE_VARIABLES) if from_environment else None,
        shell_complete=complete_workspace,
        help=help_text,
    )


_NO_CACHE: Final = "stepwell.no_cache"
_VERIFY: Final = "stepwell.verify"


def cache_flags(command: F) -> F:
    """Add ``--no-cache`` and ``--verify-content`` to a command."""

    def keep(ctx: click.Context, option: click.Parameter, wanted: bool) -> None:
        ctx.meta[f"stepwell.{option.name}"] = wanted

    for flag, name, text in (
        (
            "--verify-content",
            "verify",
            "Compare files with the last load by content, not by time.",
        ),
        ("--no-cache", "no_cache", "Read and check all files again, and store nothing."),
    ):
        option = click.option(flag, name, is_flag=True, expose_value=False, callback=keep, help=text)
        command = option(command)
    return command


def format_option(*choices: str) -> Callable[[F], F]:
    """Add ``--format`` to a command, and ``--json`` if that is a choice; the first choice is the default."""
    option = click.option(
        "--format",
        "form",
        type=click.Choice(choices),
        default=choices[0],
        show_default=True,
        help="Output format.",
    )
    if "json" not in choices:
        return option

    def with_json(command: F) -> F:
        @wraps(command)
        def wrapper(*args: Any, form: str, as_json: bool, **kwargs: Any) -> Any:
            source = click.get_current_context().get_parameter_source("form")
            if as_json and form != "json" and source is ParameterSource.COMMANDLINE:
                raise click.UsageError(f"--json cannot be used with --format {form}")
            return command(*args, form="json" if as_json else form, **kwargs)

        flag = click.option("--json", "as_json", is_flag=True, help="Same as `--format json`.")
        return cast("F", option(flag(wrapper)))

    return with_json


def open_registry(common: CommonOptions, *, published: bool = False) -> Registry:
    """Open the registry of the selected project, with progress on a terminal.

    Args:
       published: whether the project may be the URL of a published registry.

    Raises:
       ProjectError: there is no project.
    """
    if published and common.project is not None and "://" in common.project:
        from stepwell.write.remote_registry import open_remote

        return open_remote(common.project, date.today, os.environ, partial(click.echo, err=True))
    root, options = _root(common), _cache()
    today = date.today()  # noqa: DTZ011 - the user's local date
    return _opened(
        common, options.place_of(root), lambda progress: load_cached(root, today, options, progress)
    )


def _cache() -> CacheOptions:
    context = click.get_current_context(silent=True)
    wanted = context.meta if context is not None else {}
    if wanted.get(_NO_CACHE):
        return CacheOptions()
    return cache_options(os.environ, verify=wanted.get(_VERIFY, False))


def registry_of(project: Project, common: CommonOptions) -> Registry:
    """Open the registry of a project, with progress on a terminal."""
    from stepwell.resolve.load import load

    today = date.today()  # noqa: DTZ011
    place = _cache().place_of(project.root)
    return _opened(common, place, lambda progress: load(project, today, progress, installed_plugins))


def _opened(
    common: CommonOptions,
    place: CachePlace | None,
    load: Callable[[Callable[[int, int], None] | None], LoadResult],
) -> Registry:
    start = time.monotonic()
    loaded = with_progress(common, load)
    registry = Registry(loaded, date.today, plugins=installed_plugins, cache=place)
    if common.verbose:
        project = registry.project
        click.echo(f"project: {visible(os.path.join(project.root, configuration_of(project)))}", err=True)
        click.echo(f"files read: {registry.files} in {time.monotonic() - start:.2f} s", err=True)
    return registry


_PATIENCE: Final = 1.0
"""Seconds before progress is shown."""


@final
class Progress:
    """Progress bar that appears after a second and is removed at the end."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, done: int, total: int) -> None:
        """Update the bar."""
        if self._bar is None:
            if time.monotonic() - self._began < _PATIENCE:
                return
            from rich.console import Console
            from rich.progress import Progress as Bar

            self._bar = Bar(console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("reading", total=total)
        self._bar.update(self._task, completed=done)


def with_progress(common: CommonOptions, work: Callable[[Callable[[int, int], None] | None], T]) -> T:
    """Call ``work`` with a progress callback, or with ``None`` if there is no terminal."""
    if common.quiet or not sys.stderr.isatty():
        return work(None)
    with Progress() as progress:
        return work(progress.update)


@final
class Mistakes:
    """Mistakes of a command line, collected by ``with`` blocks and reported together.

    Args:
        outcome: last line of several mistakes; may be empty.
    """

    def __init__(self, outcome: str = "") -> None:
        self._outcome = outcome
        self._found: list[Exception] = []

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        if error is None:
            return False
        from stepwell.write.scaffold import NotWritten

        if isinstance(error, (click.UsageError, NotWritten)):
            self._found.append(error)
            return True
        return False

    def collect(self, work: Callable[..., T], *arguments: Any) -> T:
        """Return the result of a function; after a mistake ``None``, until ``report`` raises."""
        with self:
            return work(*arguments)
        return cast("T", None)

    def report(self) -> None:
        """Raise the collected mistakes, if there are any.

        Raises:
           UsageError: there are several mistakes, or one of them is a usage error.
           NotWritten: this is the only mistake.
        """
        if len(self._found) == 1:
            raise self._found[0] from None
        if self._found:
            texts = "\nerror: ".join(visible(str(error)) for error in self._found)
            raise click.UsageError(f"{texts}\n{self._outcome}".rstrip())


def open_view(
    common: CommonOptions, workspace: str | None, *, published: bool = False
) -> tuple[Registry, View]:
    """Open the registry and the view selected by the option, the environment or the project's settings.

    Errors in the view are reported on stderr.

    Args:
       workspace: ``None`` for the project's setting, empty for the core.
       published: whether the project may be the URL of a published registry.

    Raises:
       ProjectError: there is no project.
       UsageError: the project has no such workspace.
    """
    registry, view, _ = open_names(common, workspace, step_of, published=published)
    return registry, view


def open_names(
    common: CommonOptions,
    workspace: str | None,
    find: Callable[[Registry, View | None, str], T],
    *names: str,
    published: bool = False,
) -> tuple[Registry, View, tuple[T, ...]]:
    """Open the registry and the view as ``open_view``, and find names; all unknown ones are reported.

    Args:
       find: returns the step or pipeline of a name in a view, or without a view in any.
    """
    registry = open_registry(common, published=published)
    who = _who_asked(registry, workspace)
    mistakes = Mistakes()
    view = mistakes.collect(
        view_of, registry, registry.summary.workspace if workspace is None else workspace, who
    )
    if common.verbose and view is not None:
        click.echo(f"view: {view.title}{who}", err=True)
    if registry.is_local and view is not None and view.diagnostics and not common.quiet:
        _report_errors(view)
    results = tuple(mistakes.collect(find, registry, view, name) for name in names)
    mistakes.report()
    return registry, view, results


def _report_errors(view: View) -> None:
    from stepwell.check.catalog import ids
    from stepwell.source.diagnostic import Severity

    leaves_nothing_out = ids("pipeline")
    errors = sum(
        finding.severity is Severity.ERROR and finding.id not in leaves_nothing_out
        for finding in view.diagnostics
    )
    if errors:
        count = counted(errors, "error")
        click.echo(
            f"{count} in {view.title}; invalid definitions are skipped (run `stepwell check`)", err=True
        )


def view_of(registry: Registry, workspace: str | None, who: str = "") -> View:
    """Return the view of a workspace, or of the core if the id is empty or ``None``.

    Args:
       who: origin of the workspace for messages, if not the command line.

    Raises:
       UsageError: the project has no such workspace.
    """
    try:
        return registry.view(workspace or None)
    except UnknownWorkspace as error:
        from textwrap import shorten

        from stepwell.source.spelling import did_you_mean

        there = shorten(", ".join(registry.workspaces), 60, placeholder=" ...") or "none"
        hint = did_you_mean(error.suggestions) or f"available: {there}"
        raise click.UsageError(f"unknown workspace: {workspace}{who} ({hint})") from None


def steps_of(
    registry: Registry, workspace: str | None, *names: str
) -> tuple[View, tuple[StepDefinition, ...]]:
    """Return the view of a workspace and steps of it.

    Raises:
       UsageError: the workspace or steps do not exist; the message has every unknown name.
    """
    mistakes = Mistakes()
    view = mistakes.collect(view_of, registry, workspace)
    steps = tuple(mistakes.collect(step_of, registry, view, name) for name in names)
    mistakes.report()
    return view, steps


def step_of(registry: Registry, view: View | None, name: str) -> StepDefinition:
    """Return a step of a view by name or alias; without a view, of the first that has it.

    Raises:
       UsageError: the view has no such step, or no view has.
    """
    if view is None:
        return _step_of_any_view(registry, name)
    try:
        return view[name]
    except UnknownStep as error:
        from stepwell.source.spelling import did_you_mean

        elsewhere = [workspace for workspace in registry.workspaces if name in registry.view(workspace).steps]
        if elsewhere:
            hint = f"found with `--workspace {elsewhere[0]}`"
        elif name in view.pipelines:
            hint = f"it is a pipeline; run `stepwell pipeline show {name}`"
        elif _is_rule(name):
            hint = f"it is a rule; run `stepwell explain-rule {name}`"
        elif error.suggestions:
            hint = did_you_mean(error.suggestions)
        else:
            hint = "run `stepwell list` for a list"
        raise click.UsageError(f"no step `{name}` in {view.title} ({hint})") from None


def _is_rule(name: str) -> bool:
    from stepwell.check.catalog import FIXED_PAGES, RULES

    return name in RULES or name in FIXED_PAGES


def _step_of_any_view(registry: Registry, name: str) -> StepDefinition:
    from stepwell.resolve.strategies import all_names
    from stepwell.source.diagnostic import Severity
    from stepwell.source.spelling import suggest

    for view in map(registry.view, (None, *registry.workspaces)):
        step = view.get(name)
        if step is not None:
            return step
    hint = suggest(name, all_names(registry.snapshot), 3)
    if hint:
        pass
    elif any(finding.severity is Severity.ERROR for finding in registry.diagnostics):
        hint = "invalid definitions are skipped; run `stepwell check`"
    elif name in registry.view(None).pipelines:
        hint = f"it is a pipeline; run `stepwell pipeline show {visible(name)}`"
    else:
        hint = "run `stepwell list` for a list"
    raise click.UsageError(f"no step `{visible(name)}` in any view ({hint})")


def configuration_of(project: Project) -> str:
    """Return the name of the project's configuration file."""
    return "pyproject.toml" if project.prefix else CONFIG_NAME


def shows_unicode() -> bool:
    """Return whether stdout can encode every character; otherwise YAML output uses escapes."""
    return (sys.stdout.encoding or "ascii").lower().replace("-", "").startswith("utf")


def write_json(record: object, *, ascii_only: bool = True) -> None:
    """Print an output record or plain data as JSON."""
    from stepwell.frontends.render.output.record import encode

    sys.stdout.write(f"{encode(record, ascii_only=ascii_only)}\n")


def displayed(reported: Iterable[Diagnostic], root: str, form: str = "text") -> tuple[Diagnostic, ...]:
    """Return findings of a project with the paths that an output format prints.

    Text shows paths relative to the working directory. Services read ``github``, ``sarif`` and ``junit``
    relative to the top of the git repository. JSON keeps paths relative to the project.
    """
    findings = tuple(reported)
    if not findings or "://" in root or form not in {"text", "concise", *_OF_THE_REPOSITORY}:
        return findings
    from stepwell.source.diagnostic import rebased

    if form in _OF_THE_REPOSITORY:
        real = os.path.realpath(root)
        return rebased(findings, real, repository_of(real))
    return rebased(findings, root, os.getcwd())


def finding_lines(findings: tuple[Diagnostic, ...], project: Project) -> Iterator[str]:
    """Return findings as ``check`` prints them."""
    from stepwell.source.excerpt import block

    for item in displayed(findings, project.root):
        yield block(item, color=color_wanted()).rstrip("\n")
        yield ""


def displayed_path(root: str, path: str) -> str:
    """Return a path, or ``path:line``, as text output prints it: relative to the working directory."""
    if path.startswith("<") or "://" in root:  # in an installed package, or in a published registry
        return path
    return os.path.relpath(os.path.join(root, path)).replace(os.sep, "/")


def repository_of(root: str) -> str:
    """Return the nearest parent with ``.git``, or the folder itself."""
    folder = root
    while not os.path.lexists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return root
        folder = parent
    return folder


def began() -> float:
    """Return the start of the process on the monotonic clock, so that a time includes the imports."""
    start = click.get_current_context().find_root().obj
    return start if isinstance(start, float) else time.monotonic()


def color_wanted() -> bool:
    """Return whether to use colour: as ``--color`` or the environment specifies, otherwise on a terminal.

    ``NO_COLOR`` (no-color.org) wins over ``FORCE_COLOR`` and ``CLICOLOR_FORCE`` (bixense.com/clicolors).
    """
    context = click.get_current_context(silent=True)
    choice = context.meta.get(COLOR, "auto") if context is not None else "auto"
    if choice != "auto":
        return bool(choice == "always")
    if os.environ.get("NO_COLOR"):
        return False
    if any(os.environ.get(name, "0") not in {"", "0"} for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def terminal_columns() -> int:
    """Return the width of the terminal; 0 if stdout is a pipe or a file."""
    if not sys.stdout.isatty():
        return 0
    import shutil

    return shutil.get_terminal_size().columns


def complete_step(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete names of steps."""
    try:
        summary, named = _completing(ctx).summary, ctx.params.get("workspace")
        names = summary.names((summary.workspace if named is None else named) or None)
    except StepwellError:
        return []
    return _completions(names, incomplete)


def complete_workspace(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete ids of workspaces."""
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


def project_of(common: CommonOptions) -> Project:
    """Return the selected project, after completing an interrupted command.

    Raises:
       ProjectError: there is no project.
    """
    from stepwell.model.settings import open_project

    return open_project(_root(common))


def _root(common: CommonOptions) -> str:
    """Return the project folder, after completing an interrupted command."""
    if common.project is not None:
        root = common.project
        if "://" in root:
            from stepwell.source.remote import shown

            raise only_read(shown(root))
    else:
        try:
            root = find_project(os.getcwd())
        except FileNotFoundError:
            raise ProjectError("the working directory no longer exists; change to another folder") from None
    if not os.path.isdir(os.path.join(root, STAGING)):
        return root
    from stepwell.write.transaction import Busy, is_own, recover

    with suppress(Busy, OSError):  # another command is writing, or the project is read-only
        if is_own(root):
            finished = recover(root)
            if finished:
                written = counted(len(finished), "file")
                click.echo(f"completed an interrupted command: wrote {written}", err=True)
    return root


def _who_asked(registry: Registry, workspace: str | None) -> str:
    """Return where the workspace is set, if not on the command line."""
    if workspace is None:
        return f", set in {configuration_of(registry.project)}" if registry.summary.workspace else ""
    source = click.get_current_context().get_parameter_source("workspace")
    if source is not ParameterSource.ENVIRONMENT:
        return ""
    return f", set by {next(name for name in WORKSPACE_VARIABLES if os.environ.get(name))}"


_SOURCES: Final = (".toml", ".yaml", ".yml", ".py", ".pyi", ".md", ".lock")


def output_file(_context: click.Context, _parameter: click.Parameter, output: str | None) -> str | None:
    """Return the path of a report or picture, as the callback of an option.

    Raises:
        UsageError: the file exists, and its suffix is that of a source file.
    """
    if output is not None and output.endswith(_SOURCES) and os.path.lexists(output):
        raise click.UsageError(f"{visible(output)} exists and is no report; it was not overwritten")
    return output


def in_project(root: str, path: str) -> set[str]:
    """Return the spellings of a path argument, relative to the project."""
    full = os.path.abspath(path)
    if not path or not os.path.lexists(full):
        raise click.UsageError(f"no such file or folder: `{path}`")
    inside = ways_to(root, full)
    if not inside:
        raise click.UsageError(f"`{path}` is not in the project {root}")
    return inside


def ways_to(root: str, full: str) -> set[str]:
    """Return a path relative to the project: as written, with parent links and with all links resolved."""
    before_its_end = os.path.join(os.path.realpath(os.path.dirname(full)), os.path.basename(full))
    every = (full, before_its_end, os.path.realpath(full))
    ways = {os.path.relpath(way, root).replace(os.sep, "/") for way in every}
    return {"" if way == "." else way for way in ways if way != ".." and not way.startswith("../")}
