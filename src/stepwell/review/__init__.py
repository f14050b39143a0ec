"""Review of registry changes.

Two states ▸ changes by view ▸ effects on consumers ▸ effects that the team has accepted.
"""

from __future__ import annotations

from collections.abc import Callable

from stepwell.review.accepted import accept
from stepwell.review.comparison import Comparison
from stepwell.review.diff import views_that_differ
from stepwell.review.effects import effects_of
from stepwell.review.state import RegistryState, read_state, require_content

__all__ = ["Comparison", "RegistryState", "compare", "read_state", "require_content"]


def compare(old: RegistryState, new: RegistryState, is_past: Callable[[str], bool | None]) -> Comparison:
    """Compare two states of a registry.

    Args:
       new: the newer state; its ``accepted_breaks.yaml`` applies.
       is_past: whether an expiry date or revision has passed; ``None`` if unknown.
    """
    views = views_that_differ(old.loaded.snapshot, new.loaded.snapshot)
    effects, stale = accept(new.loaded.project, effects_of(old, new, views), is_past)
    return Comparison(old.title, new.title, views, effects, old.errors, new.errors, stale)
