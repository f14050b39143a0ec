"""Shared by the workspace commands: ids, completion, findings and the index of sources."""

from __future__ import annotations

import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click
from click.shell_completion import CompletionItem

from stepwell.frontends.cli.options import (
    CommonOptions,
    open_registry,
    view_of,
    with_progress,
)
from stepwell.live.registry import Registry
from stepwell.model import WORKSPACE_ID
from stepwell.model.definition import is_reserved
from stepwell.model.layer import Layer
from stepwell.model.settings import RESERVED_ID, Project
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.errors import StepwellError
from stepwell.source.escape_control import visible
from stepwell.source.python import SourceIndex

__all__ = [
    "complete_id",
    "findings_of",
    "index_of",
    "known_view",
    "names_of",
    "refuse_bad_id",
    "undone_when_ended",
]

_LONGEST_ID = 128


@contextmanager
def undone_when_ended() -> Iterator[None]:
    """Turn SIGTERM into an interrupt, so that unfinished changes are rolled back."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread receives signals
        return

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def complete_id(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete ids of workspaces."""
    try:
        registry = open_registry(CommonOptions(ctx.params.get("project"), quiet=True, verbose=False))
    except StepwellError:
        return []
    return [CompletionItem(name) for name in registry.workspaces if name.startswith(incomplete)]


def refuse_bad_id(workspace: str) -> None:
    """Reject an invalid workspace id.

    Raises:
       UsageError: the id is invalid.
    """
    if workspace == RESERVED_ID:
        raise click.UsageError(f"`{RESERVED_ID}` is reserved and cannot be the id of a workspace")
    if not re.fullmatch(WORKSPACE_ID, workspace):
        raise click.UsageError(
            f"invalid workspace id `{visible(workspace)}`: "
            "use letters, digits, `_` and `-`, starting with a letter or a digit"
        )
    if is_reserved(workspace):
        raise click.UsageError(f"`{workspace}` cannot be the id of a workspace: Windows reserves the name")
    if len(workspace) > _LONGEST_ID:
        raise click.UsageError(f"a workspace id must be at most {_LONGEST_ID} characters")


def known_view(registry: Registry, workspace: str) -> View:
    """Return the view of a workspace, which is not the core.

    Raises:
       UsageError: the project has no such workspace.
    """
    if not workspace:
        raise click.UsageError("a workspace id must not be empty")
    return view_of(registry, workspace)


def findings_of(project: Project, findings: tuple[Diagnostic, ...], workspace: str) -> tuple[Diagnostic, ...]:
    """Return the findings in a workspace's folder."""
    folder = f"{project.settings.workspaces}/{workspace}"
    return tuple(
        item for item in findings if item.span is not None and f"{item.span.path}/".startswith(f"{folder}/")
    )


def names_of(view: View) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of local and of overridden steps."""
    own: list[str] = []
    overridden: list[str] = []
    for name, step in view.steps.above.items():
        layers = {source.layer for source in step.sources}
        if Layer.LOCAL in layers:
            own.append(name)
        if Layer.OVERRIDE in layers:
            overridden.append(name)
    return tuple(sorted(own)), tuple(sorted(overridden))


def index_of(registry: Registry, common: CommonOptions) -> SourceIndex:
    """Return the index of the Python sources of the core and all workspaces."""
    from stepwell.code.references import source_folders
    from stepwell.source.python import index_sources

    project = registry.project
    folders = source_folders(project, registry.workspaces)
    return with_progress(common, lambda progress: index_sources(project.root, folders, None, progress))
