"""What the commands about workspaces share: ids and their completion, findings, the index of sources."""

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

from stepwell.frontends.cli.options import CommonOptions, color_wanted, open_registry, view_of, with_progress
from stepwell.live.registry import Registry
from stepwell.model import WORKSPACE_ID
from stepwell.model.layer import Layer
from stepwell.model.settings import RESERVED_ID, Project
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Diagnostic, in_order
from stepwell.source.errors import StepwellError
from stepwell.source.escape_control import visible
from stepwell.source.excerpt import block
from stepwell.source.python import SourceIndex

__all__ = [
    "complete_id",
    "examine",
    "findings_of",
    "index_of",
    "names_of",
    "refuse_bad_id",
    "refuse_unknown",
    "tell",
    "undone_when_ended",
]

_LONGEST_ID = 128


@contextmanager
def undone_when_ended() -> Iterator[None]:
    """Let what was begun be undone when the process is asked to end, as it is at an interrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread hears signals
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
    """Ids of workspaces for the shell."""
    try:
        registry = open_registry(CommonOptions(ctx.params.get("project"), quiet=True, verbose=False))
    except StepwellError:
        return []
    return [CompletionItem(name) for name in registry.workspaces if name.startswith(incomplete)]


def refuse_bad_id(workspace: str) -> None:
    """Refuse what cannot be the id of a workspace.

    Raises:
        UsageError: with what an id is made of.
    """
    if workspace == RESERVED_ID:
        raise click.UsageError(f"`{RESERVED_ID}` stands for every workspace, so none can be called so")
    if not re.fullmatch(WORKSPACE_ID, workspace):
        raise click.UsageError(
            f"`{visible(workspace)}` cannot be the id of a workspace: "
            "use letters, digits, `_` and `-`, beginning with a letter or a digit"
        )
    if len(workspace) > _LONGEST_ID:
        raise click.UsageError(f"the id of a workspace has at most {_LONGEST_ID} characters")


def refuse_unknown(registry: Registry, workspace: str) -> None:
    """Refuse an id that no workspace has; the message has the nearest.

    Raises:
        UsageError: when the project has no such workspace.
    """
    if not workspace:
        raise click.UsageError("an empty id names no workspace")
    view_of(registry, workspace)


def findings_of(project: Project, found: tuple[Diagnostic, ...], workspace: str) -> tuple[Diagnostic, ...]:
    """The findings that lie in a workspace's folder."""
    folder = f"{project.settings.workspaces}/{workspace}"
    return tuple(
        one for one in found if one.span is not None and f"{one.span.path}/".startswith(f"{folder}/")
    )


def names_of(view: View) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The steps that a workspace has of its own, and those that it overrides."""
    own: list[str] = []
    overridden: list[str] = []
    for name, step in view.steps.above.items():
        layers = {source.layer for source in step.sources}
        if Layer.LOCAL in layers:
            own.append(name)
        if Layer.OVERRIDE in layers:
            overridden.append(name)
    return tuple(sorted(own)), tuple(sorted(overridden))


def index_of(registry: Registry, asked: CommonOptions) -> SourceIndex:
    """The index of all Python sources that the core and the workspaces have."""
    from stepwell.code.references import source_folders
    from stepwell.source.python import index_sources

    project = registry.project
    folders = source_folders(project, registry.workspaces)
    return with_progress(asked, lambda progress: index_sources(project.root, folders, None, progress))


def examine(registry: Registry, index: SourceIndex, workspace: str) -> tuple[Diagnostic, ...]:
    """All that is wrong with one workspace: its definitions, its parts, and what leads out of it."""
    from stepwell.code.workspace_isolation import check_isolation, check_structure

    project, snapshot = registry.project, registry.snapshot
    return in_order(
        (
            *findings_of(project, registry.diagnostics, workspace),
            *check_structure(project, snapshot.workspaces[workspace]),
            *check_isolation(project, snapshot, index, workspace),
        )
    )


def tell(found: tuple[Diagnostic, ...]) -> Iterator[str]:
    """Findings as ``check`` writes them."""
    for one in found:
        yield block(one, color=color_wanted()).rstrip("\n")
        yield ""
