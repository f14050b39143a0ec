"""What the commands that look into Python sources share: the check of them, and its progress."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TypeVar

import click

from stepwell.cli.opening import Asked
from stepwell.live.registry import Registry
from stepwell.source.diagnostic import Diagnostic

__all__ = ["check_sources", "with_progress"]

T = TypeVar("T")


def check_sources(registry: Registry, workspace: str | None, asked: Asked) -> tuple[Diagnostic, ...]:
    """What is wrong with the classes and modules that definitions name.

    Args:
        registry: of which project.
        workspace: whose view; without one the core and all of them.
        asked: how loud.
    """
    from stepwell.code.references import check_references

    began = time.monotonic()
    index = with_progress(asked, registry.code.index)
    if asked.verbose:
        took = time.monotonic() - began
        click.echo(
            f"indexed {len(index.files)} Python files, {index.parsed} of them parsed, in {took:.2f} s",
            err=True,
        )
    return check_references(registry.project, registry.snapshot, index, workspace)


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
