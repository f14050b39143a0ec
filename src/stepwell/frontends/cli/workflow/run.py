"""``stepwell workflow run``: a workflow file from its first step to its last, with a record of it."""

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
    format_option,
    open_registry,
    project_options,
    registry_of,
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
from stepwell.source.diagnostic import Checked
from stepwell.source.errors import ProjectError, StepwellError
from stepwell.source.escape_control import visible
from stepwell.source.excerpt import block
from stepwell.source.spelling import closest, did_you_mean
from stepwell.source.tree import Folder

__all__ = [
    "Opened",
    "StepProgress",
    "complete_provider",
    "complete_run",
    "folder_option",
    "open_workflow",
]


F = TypeVar("F", bound=Callable[..., Any])


@final
@dataclass(frozen=True, slots=True)
class Opened:
    """A workflow file, checked, and what it was checked against.

    Args:
        registry: that of the project, or of the workflow's folder where there is none.
        folder: the folder that its paths are relative to, absolute.
    """

    registry: Registry
    view: View
    checked: Checked[Workflow | None]
    folder: str
    shown: str


def folder_option(command: F) -> F:
    """Give a command ``--folder DIR``."""
    return click.option(
        "--folder",
        metavar="DIR",
        type=click.Path(file_okay=False, exists=True),
        help="The folder that the workflow's paths are relative to, and stay inside.  "
        "[default: the one it is in]",
    )(command)


def complete_provider(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of providers for the shell."""
    registry = _completing(ctx)
    names = (*registry.view(None).providers, "echo") if registry is not None else ("echo",)
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def complete_run(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of runs for the shell, the last one first."""
    from stepwell.run.run_store import RunStore

    registry = _completing(ctx)
    names = () if registry is None else RunStore(registry.project.root).ids("workflow")
    return [CompletionItem(name) for name in ("last", *names[::-1]) if name.startswith(incomplete)]


def open_workflow(
    file: str, folder: str | None, workspace: str | None, asked: CommonOptions, known: dict[str, Registry]
) -> Opened:
    """Read and check a workflow file.

    The project is the one that is asked for, that of the working directory, or that of the file's folder;
    where there is none of them, the file's folder stands for one, with the steps that packages bring.

    Args:
        folder: the folder for its paths; ``None`` for the one that it is in.
        workspace: whose view; ``None`` for the project's own choice.

    Raises:
        UsageError: there is no such file, or no such workspace.
    """
    full = os.path.realpath(file)
    if not os.path.isfile(full):
        raise click.UsageError(f"there is no file `{file}`")
    if not full.endswith((".yaml", ".yml", ".toml")):
        raise click.UsageError(f"`{file}` is not a workflow file: the name must end in .yaml, .yml or .toml")
    own = os.path.dirname(full)
    registry = known.get("") or known.get(own) or _registry(own, asked, known)
    named = registry.project.settings.workspace if workspace is None else workspace
    view = view_of(registry, named)
    root = registry.project.root
    shown = os.path.relpath(full, root).replace(os.sep, "/")
    if shown.startswith("../"):
        root, shown = own, os.path.basename(full)
    inside = os.path.realpath(folder) if folder is not None else own
    return Opened(registry, view, check_workflow(root, shown, view, inside), inside, shown)


def _completing(ctx: click.Context) -> Registry | None:
    own = os.path.realpath(os.path.dirname(ctx.params.get("file") or "") or ".")
    try:
        return _registry(own, CommonOptions(ctx.params.get("project"), quiet=True, verbose=False), {})
    except StepwellError:
        return None


def _registry(own: str, asked: CommonOptions, known: dict[str, Registry]) -> Registry:
    try:
        known[""] = open_registry(asked)  # of one project, whichever the file
    except ProjectError:
        if asked.project is not None:
            raise
    else:
        return known[""]
    try:
        known[own] = open_registry(CommonOptions(find_project(own), asked.quiet, asked.verbose))
    except ProjectError:
        known[own] = registry_of(Project(own, Settings(), None, (), Folder(own)), asked)
    return known[own]


_EXAMPLE = """\b
Examples:
  stepwell workflow run review.yaml
  stepwell workflow run review.yaml --provider echo --set topic="the new pump"
  stepwell workflow run review.yaml --provider 'command:my-model --quiet'
  stepwell workflow run review.yaml --resume last
"""


_SHOWN = 60
"""Columns of an answer that are shown."""


@click.command("run", epilog=_EXAMPLE, short_help="Run a workflow file.")
@click.argument("file", type=click.Path())
@click.option(
    "--provider",
    metavar="NAME",
    shell_complete=complete_provider,
    help="Ask this provider, whatever the steps require: one of the project, `echo`, `replay:FILE` or "
    "`command:PROGRAM`.  [default: for each step the one that fits]",
)
@click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    help="A variable of the workflow; a value that is JSON is read as such.",
)
@click.option(
    "--resume",
    metavar="RUN",
    shell_complete=complete_run,
    help="Go on with a run where it failed or stopped; `last` for the last.",
)
@folder_option
@workspace_option("Whose step types and providers; the core's when left out.")
@format_option("text", "json")
@project_options
def command(
    file: str,
    provider: str | None,
    settings: tuple[str, ...],
    resume: str | None,
    folder: str | None,
    workspace: str | None,
    form: str,
    asked: CommonOptions,
) -> int:
    """Run the steps of a workflow file, one after the other.

    The file is checked first, and nothing is run when it has an error. A record of the run, the answers
    and the files that steps keep are written to `.stepwell/runs/` in the project's folder, or in the
    workflow's own where there is no project. With --resume, steps that are finished are not run again,
    up to the first one that was changed. The exit code is 1 when a step fails.
    """
    opened = open_workflow(file, folder, workspace, asked, {})
    workflow = opened.checked.value
    if workflow is None or (opened.checked.diagnostics and not asked.quiet):
        for one in opened.checked.diagnostics:
            click.echo(f"{block(one, color=color_wanted())}\n", err=True)
    if workflow is None:
        return 1
    variables = _variables(settings, workflow)
    began = time.monotonic()
    record, path, error = _run(opened, workflow, provider, resume, variables, asked)
    if form == "json":
        from stepwell.frontends.render.output.runs import workflow_run_output

        write_json(workflow_run_output(record, path), ascii_only=False)
    else:
        _tell(record, path, opened.registry.project.root, time.monotonic() - began, asked)
    if error is not None:
        sys.stdout.flush()
        raise error
    return int(record["state"] != "finished")


def _run(
    opened: Opened,
    workflow: Workflow,
    provider: str | None,
    resume: str | None,
    variables: Mapping[str, Any],
    options: CommonOptions,
) -> tuple[dict[str, Any], str, KeyboardInterrupt | None]:
    """Run the workflow.

    Returns:
        The record, the folder that it is in, and the interrupt that ended it, if one did.
    """
    from stepwell.run.providers import ProviderRegistry
    from stepwell.run.run_store import UnknownRun
    from stepwell.run.steps import Executor
    from stepwell.run.workflows.provider_choice import (
        SingleProvider,
        UnusableProvider,
        provider_named,
        secrets_of,
    )
    from stepwell.run.workflows.run import WorkflowOptions, WorkflowRun
    from stepwell.run.workflows.run_folder import Runs

    environment = dict(os.environ)
    root = opened.registry.project.root
    providers = ProviderRegistry(opened.registry, environment)
    try:
        named = (
            None
            if provider is None
            else provider_named(provider, providers, opened.view, opened.folder, environment)
        )
    except UnusableProvider as error:
        raise click.UsageError(str(error)) from None
    chooser = providers if named is None else SingleProvider(named)
    progress = StepProgress(len(workflow.steps), shown=not options.quiet and sys.stderr.isatty())
    now = datetime.now().astimezone()
    asked = WorkflowOptions(
        folder=opened.folder,
        shown=opened.shown,
        runs=Runs(root, secrets_of(opened.view, environment, root)),
        name=f"{now:%Y%m%d-%H%M%S-%f}",  # so that names sort as runs began
        now=lambda: datetime.now().astimezone(),
        variables=variables,
        provider=provider,
        resume=resume,
        workspace=opened.view.workspace,
        tell=progress.tell,
    )
    with Executor(opened.registry, chooser) as executor:
        try:
            running = WorkflowRun(workflow, executor, opened.view, asked)
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
    told: dict[str, Any] = {}
    for one in settings:
        name, equals, value = one.partition("=")
        if not equals or not name.strip():
            raise click.UsageError(f"`--set {one}` says no value: write NAME=VALUE")
        known = workflow.variables
        if known and name not in known:
            near = closest(name, known)
            hint = did_you_mean(near) or f"it has {', '.join(f'`{key}`' for key in known)}"
            raise click.UsageError(f"the workflow has no variable `{name}` ({hint})")
        try:
            told[name] = json.loads(value)
        except ValueError:
            told[name] = value
    return told


def _tell(record: Mapping[str, Any], path: str, root: str, seconds: float, options: CommonOptions) -> None:
    rows = [(visible(one["name"]), _state(one), _said(one, path)) for one in record["steps"]]
    for (_, state, _), line in zip(rows, aligned(rows), strict=True):
        if not options.quiet or state.startswith("failed"):
            sys.stdout.write(f"{line}\n")
    if record.get("fault"):
        sys.stdout.write(f"{visible(record['fault'])}\n")
    shown = os.path.relpath(path, root).replace(os.sep, "/")
    title = f"Run {record['run']} of `{visible(record['workflow']['name'])}`"
    sys.stdout.write(f"{title} {record['state']} in {seconds:.2f} s: {shown}\n")
    if record["state"] in ("failed", "interrupted") and not options.quiet:
        sys.stdout.write(f"Go on with `--resume {record['run']}`.\n")


def _state(row: Mapping[str, Any]) -> str:
    return f"{row['state']} before" if row.get("reused") else str(row["state"])


def _said(row: Mapping[str, Any], path: str) -> str:
    """The beginning of an answer, on one line."""
    from stepwell.run.workflows import text_of

    if row.get("fault"):
        return visible(row["fault"])
    if not row.get("result"):
        return ""
    with open(os.path.join(path, row["result"]), encoding="utf-8") as file:
        said = " ".join(text_of(json.load(file)["answer"]).split())
    return visible(said if len(said) <= _SHOWN else f"{said[: _SHOWN - 3]}...")


@final
class StepProgress:
    """One line on stderr for each step, where that is a terminal."""

    def __init__(self, steps: int, *, shown: bool) -> None:
        self._steps = steps
        self._shown = shown
        self._done = 0

    def tell(self, word: str, path: str, more: Mapping[str, Any]) -> None:
        """Print the progress of the run."""
        if not self._shown:
            return
        if "." not in path and word in ("start", "skip", "reuse"):
            self._done += 1
        place = f"[{min(self._done, self._steps)}/{self._steps}]"
        words = {"start": "runs", "end": "is done", "skip": "is skipped", "reuse": "was done before"}
        said = f"fails: {more['fault']}" if word == "fail" else words[word]
        click.echo(visible(f"{place} {path} {said}"), err=True)
