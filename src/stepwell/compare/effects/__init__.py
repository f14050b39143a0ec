"""What changes mean to those who depend on the registry: one module a consumer."""

from __future__ import annotations

from stepwell.compare.comparison import Effect, ViewComparison
from stepwell.compare.states import State

__all__ = ["effects_of"]


def effects_of(old: State, new: State, views: tuple[ViewComparison, ...]) -> tuple[Effect, ...]:
    """The effects of a change on every consumer, what matters most first.

    Args:
        old: the older state.
        new: the newer one.
        views: what differs between them.
    """
    return ()
