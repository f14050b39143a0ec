"""What a change of the registry means: two states, what differs between them, and who depends on it.

Two states ▸ changes, view by view ▸ effects, each on one consumer ▸ those that the team has accepted.
"""

from __future__ import annotations

from collections.abc import Callable

from stepwell.review.accepted import accept
from stepwell.review.comparison import Comparison
from stepwell.review.diff import views_that_differ
from stepwell.review.effects import effects_of
from stepwell.review.state import RegistryState, read_state

__all__ = ["Comparison", "RegistryState", "compare", "read_state"]


def compare(old: RegistryState, new: RegistryState, is_past: Callable[[str], bool | None]) -> Comparison:
    """Compare two states of a registry.

    Args:
        new: the newer one; its ``accepted_breaks.yaml`` holds.
        is_past: whether what stands as ``until`` in an acceptance is over; ``None`` where nobody can tell.
    """
    views = views_that_differ(old.loaded.snapshot, new.loaded.snapshot)
    effects, stale = accept(new.loaded.project, effects_of(old, new, views), is_past)
    return Comparison(old.title, new.title, views, effects, old.errors, new.errors, stale)
