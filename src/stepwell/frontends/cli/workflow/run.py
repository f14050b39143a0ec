"""``stepwell workflow run``: run a workflow file and record the run."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, final

import click
from click.shell_completion import CompletionItem

from stepwell.frontends.cli.options import (
    CommonOptions,
    color_wanted,
    displayed,
    format_option,
    open_registry,
    project_options,
    registry_of,
    repository_of,
    view_of,
    workspace_option,
    write_json,
)
from stepwell.frontends.render.columns import aligned
from stepwell.live.registry import Registry
from stepwell.model.settings import Project, Settings, find_project
from stepwell.resolve.view import View
from stepwell.run.workflows.check import check_workflow
from stepwell.run.workflows.workflow import Workflow
from stepwell.source import scalars
from stepwell.source.diagnostic import Checked
from stepwell.source.errors import ProjectError, StepwellError, UnknownStrategy
from stepwell.source.escape_control import visible
from stepwell.source.excerpt import block
from stepwell.source.spelling import closest, did_you_mean
from stepwell.source.tree import Folder

__all__ = [
    "Opened",
    "StepProgress",
    "compat_option",
    "complete_provider",
    "complete_run",
    "folder_option",
    "open_workflow",
]


F = TypeVar("F", bound=Callable[..., Any])


@final
@dataclass(frozen=True, slots=True)
class Opened:
    """A checked workflow file with its registry and view.

    Args:
       registry: registry of the project, or of the workflow's folder without a project.
       folder: absolute folder that paths of the workflow are relative to.
       alone: whether the file is in no project.
    """

    registry: Registry
    view: View
    checked: Checked[Workflow | None]
    folder: str
    root: str
    shown: str
    alone: bool = False


def folder_option(command: F) -> F:
    """Add ``--folder DIR`` to a command."""
    return click.option(
        "--folder",
        metavar="DIR",
        type=click.Path(file_okay=False, exists=True),
        help="Folder that the workflow's paths are relative to and must stay in.  "
        "[default: the workflow's folder, or its project, repository or the working directory if all paths "
        "exist there]",
    )(command)


def compat_option(command: F) -> F:
    """Add ``--compat`` to a command."""
    return click.option(
        "--compat",
        is_flag=True,
        help="Accept fields of legacy files that nothing uses, and list them as warnings.",
    )(command)


def complete_provider(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete names of providers."""
    registry = _completing(ctx)
    names = (*registry.view(None).providers, "echo") if registry is not None else ("echo",)
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def complete_run(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete ids of runs, newest first."""
    from stepwell.run.run_store import RunStore

    registry = _completing(ctx)
    names = () if registry is None else RunStore(registry.project.root).ids("workflow")
    return [CompletionItem(name) for name in ("last", *names[::-1]) if name.startswith(incomplete)]


def open_workflow(
    file: str,
    folder: str | None,
    workspace: str | None,
    common: CommonOptions,
    known: dict[str, Registry],
    *,
    compat: bool = False,
) -> Opened:
    """Read and check a workflow file.

    The project is that of ``--project``, of the working directory, or of the file's folder. Without a
    project, the file's folder is used, with the step types of installed packages.

    Args:
       folder: folder for relative paths; default: the file's folder, or the nearest of its repository, its
           project and the working directory in which all paths exist.
       workspace: default: the project's setting.

    Raises:
       UsageError: the file or the workspace does not exist.
    """
    full = os.path.realpath(file)
    if not os.path.isfile(full):
        raise click.UsageError(f"no such file: `{file}`")
    if not full.endswith((".yaml", ".yml", ".toml")):
        raise click.UsageError(f"`{file}` is not a workflow file: its name must end in .yaml, .yml or .toml")
    own = os.path.dirname(full)
    registry = known.get("") or known.get(own) or _registry(own, common, known)
    named = registry.project.settings.workspace if workspace is None else workspace
    view = view_of(registry, named)
    root = registry.project.root
    shown = os.path.relpath(full, root).replace(os.sep, "/")
    if shown.startswith("../"):
        root, shown = own, os.path.basename(full)
    inside = os.path.realpath(folder) if folder is not None else own
    checked = check_workflow(root, shown, view, inside, compat=compat)
    if folder is None and _has_bad_path(checked):
        for other in dict.fromkeys((registry.project.root, repository_of(own), os.getcwd())):
            if own.startswith(f"{other.rstrip(os.sep)}{os.sep}"):
                again = check_workflow(root, shown, view, other, compat=compat)
                if not _has_bad_path(again):
                    checked, inside = again, other
                    break
    return Opened(registry, view, checked, inside, root, shown, registry.project.config is None)


def _has_bad_path(checked: Checked[Workflow | None]) -> bool:
    return any(finding.id == "unusable-path" for finding in checked.diagnostics)


def _completing(ctx: click.Context) -> Registry | None:
    own = os.path.realpath(os.path.dirname(ctx.params.get("file") or "") or ".")
    try:
        return _registry(own, CommonOptions(ctx.params.get("project"), quiet=True, verbose=False), {})
    except StepwellError:
        return None


def _registry(own: str, common: CommonOptions, known: dict[str, Registry]) -> Registry:
    try:
        known[""] = open_registry(common)  # shared by all files of the project
    except ProjectError:
        if common.project is not None:
            raise
    else:
        return known[""]
    try:
        known[own] = open_registry(CommonOptions(find_project(own), common.quiet, common.verbose))
    except ProjectError:
        known[own] = registry_of(Project(own, Settings(), Folder(own)), common)
    return known[own]


_EXAMPLE = """\b
Examples:
  stepwell workflow run review.yaml
  stepwell workflow run review.yaml --provider echo --set topic="the new pump"
  stepwell workflow run review.yaml --provider 'command:my-model --quiet'
  stepwell workflow run review.yaml --resume last
"""


_SHOWN = 60
"""Maximum width of an answer in the output."""


@click.command("run", epilog=_EXAMPLE, short_help="Run a workflow file.")
@click.argument("file", type=click.Path())
@click.option(
    "--provider",
    metavar="NAME",
    shell_complete=complete_provider,
    help="Use this provider for all steps: a provider of the project, `echo`, `replay:FILE` or "
    "`command:PROGRAM`.  [default: selected for each step]",
)
@click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    help="Set a workflow variable (repeatable); the value is parsed as JSON if possible, otherwise as text.",
)
@click.option(
    "--strategy",
    metavar="NAME",
    help="Select the provider of every step by this strategy (default: `provider_strategy` of the step, "
    "of the workflow's `defaults`, or of `[execution]`).",
)
@click.option(
    "--resume",
    metavar="RUN",
    shell_complete=complete_run,
    help="Resume a failed or interrupted run; `last` for the latest.",
)
@folder_option
@compat_option
@workspace_option("Use the step types and providers of this workspace (default: core).")
@format_option("text", "json")
@project_options
def command(
    file: str,
    provider: str | None,
    settings: tuple[str, ...],
    strategy: str | None,
    resume: str | None,
    folder: str | None,
    compat: bool,
    workspace: str | None,
    form: str,
    common: CommonOptions,
) -> int:
    """Run the steps of a workflow file in sequence.

    The file is checked first and not run if it has errors. The run record, the answers and the files that
    steps keep are written to `.stepwell/runs/` in the project folder, or in the workflow's folder without a
    project. With --resume, finished steps up to the first changed one are not run again. The exit code is 1
    if a step fails.
    """
    opened = open_workflow(file, folder, workspace, common, {}, compat=compat)
    workflow = opened.checked.value
    if workflow is None or (opened.checked.diagnostics and not common.quiet):
        for finding in displayed(opened.checked.diagnostics, opened.root):
            click.echo(f"{block(finding, color=color_wanted())}\n", err=True)
    if workflow is None:
        return 1
    variables = _variables(settings, workflow)
    began = time.monotonic()
    record, path, error = _run(opened, workflow, provider, strategy, resume, variables, common, compat=compat)
    if form == "json":
        from stepwell.frontends.render.output.runs import workflow_run_output

        write_json(workflow_run_output(record, path), ascii_only=False)
    else:
        _print_result(record, path, opened.registry.project.root, time.monotonic() - began, common)
    if error is not None:
        sys.stdout.flush()
        raise error
    return int(record["state"] != "finished")


def _run(
    opened: Opened,
    workflow: Workflow,
    provider: str | None,
    strategy: str | None,
    resume: str | None,
    variables: Mapping[str, Any],
    common: CommonOptions,
    *,
    compat: bool,
) -> tuple[dict[str, Any], str, KeyboardInterrupt | None]:
    """Run the workflow; return the record, its folder, and the interrupt that ended the run, if any."""
    from stepwell.run.providers import ProviderRegistry
    from stepwell.run.run_store import UnknownRun
    from stepwell.run.steps import Executor, Providers
    from stepwell.run.workflows.provider_choice import (
        SingleProvider,
        SingleStrategy,
        UnusableProvider,
        provider_named,
        secrets_of,
    )
    from stepwell.run.workflows.run import WorkflowOptions, WorkflowRun
    from stepwell.run.workflows.run_folder import Runs

    environment = dict(os.environ)
    root = opened.registry.project.root
    try:
        providers = ProviderRegistry(opened.registry, environment, strategy=strategy)
    except UnknownStrategy as error:
        raise click.UsageError(str(error)) from None
    try:
        named = (
            None
            if provider is None
            else provider_named(provider, providers, opened.view, (opened.folder, root), environment)
        )
    except UnusableProvider as error:
        raise click.UsageError(str(error)) from None
    chooser: Providers = providers if named is None else SingleProvider(named)
    if strategy is not None and named is None:
        chooser = SingleStrategy(providers, strategy)
    progress = StepProgress(len(workflow.steps), shown=not common.quiet and sys.stderr.isatty())
    now = datetime.now().astimezone()
    workflow_options = WorkflowOptions(
        folder=opened.folder,
        shown=opened.shown,
        runs=Runs(root, secrets_of(opened.view, environment, root)),
        name=f"{now:%Y%m%d-%H%M%S-%f}",  # sorts by start time
        now=lambda: datetime.now().astimezone(),
        variables=variables,
        provider=provider,
        resume=resume,
        workspace=opened.view.workspace,
        compat=compat,
        emit=progress.show,
    )
    with Executor(opened.registry, chooser) as executor:
        try:
            running = WorkflowRun(workflow, executor, opened.view, workflow_options)
        except UnknownRun as error:
            raise click.UsageError(str(error)) from None

        async def whole() -> None:
            try:
                await running.run()
            finally:
                await providers.close()
                if named is not None:
                    await named.close()

        interrupt: KeyboardInterrupt | None = None
        try:
            asyncio.run(whole())
        except KeyboardInterrupt as error:
            interrupt = error
    return running.record, running.folder, interrupt


def _variables(settings: tuple[str, ...], workflow: Workflow) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name.strip():
            raise click.UsageError(f"--set must be NAME=VALUE, got `{setting}`")
        known = workflow.variables
        if known and name not in known:
            near = closest(name, known)
            hint = did_you_mean(near) or f"available: {', '.join(f'`{key}`' for key in known)}"
            raise click.UsageError(f"the workflow has no variable `{name}` ({hint})")
        default = known.get(name)  # a variable may change its type, but text stays as typed
        values[name] = scalars.typed(value, default if isinstance(default, str) else None)
    return values


def _print_result(
    record: Mapping[str, Any], path: str, root: str, seconds: float, common: CommonOptions
) -> None:
    rows = [(visible(item["name"]), _state(item), _said(item, path)) for item in record["steps"]]
    for (_, state, _), line in zip(rows, aligned(rows), strict=True):
        if not common.quiet or state.startswith("failed"):
            sys.stdout.write(f"{line}\n")
    if record.get("fault"):
        sys.stdout.write(f"{visible(record['fault'])}\n")
    if "usage" in record and not common.quiet:
        usage = record["usage"]
        cost = "" if usage["cost"] is None else f", cost {usage['cost']:g}"
        sys.stdout.write(
            f"Used {usage['input_tokens']} input and {usage['output_tokens']} output tokens{cost}.\n"
        )
    shown = os.path.relpath(path, root).replace(os.sep, "/")
    title = f"Run {record['run']} of `{visible(record['workflow']['name'])}`"
    sys.stdout.write(f"{title} {record['state']} in {seconds:.2f} s: {shown}\n")
    if record["state"] in ("failed", "interrupted") and not common.quiet:
        sys.stdout.write(f"To resume, use `--resume {record['run']}`.\n")


def _state(row: Mapping[str, Any]) -> str:
    return f"{row['state']} earlier" if row.get("reused") else str(row["state"])


def _said(row: Mapping[str, Any], path: str) -> str:
    """Return the start of an answer on one line."""
    from stepwell.run.workflows import text_of

    if row.get("fault"):
        return visible(row["fault"])
    if not row.get("result"):
        return ""
    with open(os.path.join(path, row["result"]), encoding="utf-8") as file:
        text = " ".join(text_of(json.load(file)["answer"]).split())
    return visible(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}...")


@final
class StepProgress:
    """Prints a line per step on stderr, if it is a terminal."""

    def __init__(self, steps: int, *, shown: bool) -> None:
        self._steps = steps
        self._shown = shown
        self._done = 0

    def show(self, word: str, path: str, more: Mapping[str, Any]) -> None:
        """Print an event of the run."""
        if not self._shown:
            return
        if "." not in path and word in ("start", "skip", "reuse"):
            self._done += 1
        place = f"[{min(self._done, self._steps)}/{self._steps}]"
        words = {"start": "running", "end": "finished", "skip": "skipped", "reuse": "reused"}
        message = f"failed: {more['fault']}" if word == "fail" else words[word]
        click.echo(visible(f"{place} {path} {message}"), err=True)
