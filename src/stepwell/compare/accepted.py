"""Breaks that a team has accepted: ``accepted_breaks.yaml`` at the top of the project."""

from __future__ import annotations

from collections.abc import Callable

from stepwell.compare.comparison import Effect
from stepwell.diagnostics import Diagnostic
from stepwell.project import Project

__all__ = ["accept"]


def accept(
    project: Project, effects: tuple[Effect, ...], is_past: Callable[[str], bool | None]
) -> tuple[tuple[Effect, ...], tuple[Diagnostic, ...]]:
    """The effects, each with the entry that accepts it, and what is wrong with the entries."""
    return effects, ()
