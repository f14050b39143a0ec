"""What the commands that look into Python sources share: where the index is kept, and its progress."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import click

from stepwell.cli.opening import Asked
from stepwell.diagnostics import Diagnostic
from stepwell.registry import Registry

__all__ = ["check_sources", "with_progress"]

T = TypeVar("T")


def check_sources(registry: Registry, workspace: str | None, asked: Asked) -> tuple[Diagnostic, ...]:
    """What is wrong with the classes and modules that definitions name.

    Args:
        registry: of which project.
        workspace: whose view; without one the core and all of them.
        asked: how loud.
    """
    from stepwell.references import check_references, source_folders
    from stepwell.sources import index_sources

    project = registry.project
    folders = source_folders(project, registry.workspaces)
    began = time.monotonic()
    index = with_progress(asked, lambda tell: index_sources(project.root, folders, _cache_folder(), tell))
    if asked.verbose:
        took = time.monotonic() - began
        click.echo(
            f"indexed {len(index.files)} Python files, {index.parsed} of them parsed, in {took:.2f} s",
            err=True,
        )
    return check_references(project, registry.snapshot, index, workspace)


def with_progress(asked: Asked, work: Callable[[Callable[[int, int], None] | None], T]) -> T:
    """Do what may take long, with progress on a terminal.

    Args:
        asked: how loud.
        work: does it; is given what to tell how far it is, or ``None``.
    """
    if asked.quiet or not sys.stderr.isatty():
        return work(None)
    from stepwell.cli.progress import Progress

    with Progress() as progress:
        return work(progress.tell)


def _cache_folder() -> str | None:
    """Where this user keeps what can be made again (XDG Base Directory Specification), if anywhere."""
    said = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(said):  # the specification: a relative path is to be ignored
        said = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(said, "stepwell") if os.path.isabs(said) else None
