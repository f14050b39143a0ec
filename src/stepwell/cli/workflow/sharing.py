"""What the commands about workflows share: which registry, which folder, and how findings are told."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, final

import click
from click.shell_completion import CompletionItem

from stepwell.cli.opening import Asked, open_registry, registry_of, view_of
from stepwell.live.registry import Registry
from stepwell.model.settings import Project, Settings, find_project
from stepwell.resolve.view import View
from stepwell.run.workflows.check import check_workflow
from stepwell.run.workflows.workflow import Workflow
from stepwell.source.diagnostic import Checked
from stepwell.source.errors import ProjectError, StepwellError
from stepwell.source.tree import Folder

__all__ = ["Opened", "complete_provider", "complete_run", "folder_option", "open_workflow"]

F = TypeVar("F", bound=Callable[..., Any])


@final
@dataclass(frozen=True, slots=True)
class Opened:
    """A workflow file, checked, and what it was checked against.

    Args:
        registry: that of the project, or of the workflow's folder where there is none.
        view: whose step types.
        checked: the workflow, and what was found.
        folder: the folder that its paths are relative to, absolute.
        shown: the file as it is shown.
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
    from stepwell.run.workflows.run_store import Runs

    registry = _completing(ctx)
    names = () if registry is None else Runs(registry.project.root).names()
    return [CompletionItem(name) for name in ("last", *names[::-1]) if name.startswith(incomplete)]


def open_workflow(
    file: str, folder: str | None, workspace: str | None, asked: Asked, known: dict[str, Registry]
) -> Opened:
    """Read and check a workflow file.

    The project is the one that is asked for, that of the working directory, or that of the file's folder;
    where there is none of them, the file's folder stands for one, with the steps that packages bring.

    Args:
        file: its path.
        folder: the folder for its paths; ``None`` for the one that it is in.
        workspace: whose view; ``None`` for the project's own choice.
        asked: what the shared options say.
        known: the registries that are open already, by the folder of the file; another is added.

    Raises:
        UsageError: there is no such file, or no such workspace.
    """
    full = os.path.realpath(file)
    if not os.path.isfile(full):
        raise click.UsageError(f"there is no file `{file}`")
    if not full.endswith((".yaml", ".yml", ".toml")):
        raise click.UsageError(f"`{file}` is no workflow file: its name must end in .yaml, .yml or .toml")
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
        return _registry(own, Asked(ctx.params.get("project"), quiet=True, verbose=False), {})
    except StepwellError:
        return None


def _registry(own: str, asked: Asked, known: dict[str, Registry]) -> Registry:
    try:
        known[""] = open_registry(asked)  # of one project, whichever the file
    except ProjectError:
        if asked.project is not None:
            raise
    else:
        return known[""]
    try:
        known[own] = open_registry(Asked(find_project(own), asked.quiet, asked.verbose))
    except ProjectError:
        known[own] = registry_of(Project(own, Settings(), None, (), Folder(own)), asked)
    return known[own]
