"""Reading the states that a command line names, with progress on a terminal."""

from __future__ import annotations

from datetime import date

from stepwell.cli.opening import Asked
from stepwell.cli.sources import with_progress
from stepwell.cli.states import Place
from stepwell.resolve.plugins import find_plugins
from stepwell.review import State, read_state
from stepwell.source.tree import Folder

__all__ = ["read_both", "read_one"]


def read_one(place: Place, today: date, asked: Asked, like: State | None = None) -> State:
    """Read a state.

    Args:
        place: where.
        today: the date to hold deprecations against.
        asked: how loud.
        like: a state that was read before, with which it shares what both have.

    Raises:
        ProjectError: when the state holds no registry.
    """
    return with_progress(
        asked,
        lambda tell: read_state(
            place.title,
            place.root,
            place.tree,
            today,
            like=like,
            tables=place.tables,
            progress=tell,
            plugins=find_plugins,
        ),
    )


def read_both(old: Place, new: Place, today: date, asked: Asked) -> tuple[State, State]:
    """Read two states; a folder before what tells without being read what its files hold.

    Args:
        old: the older one.
        new: the newer one.
        today: the date to hold deprecations against.
        asked: how loud.

    Raises:
        ProjectError: when one of them holds no registry.
    """
    if isinstance(old.tree, Folder) and not isinstance(new.tree, Folder):
        first = read_one(old, today, asked)
        return first, read_one(new, today, asked, first)
    last = read_one(new, today, asked)
    return read_one(old, today, asked, last), last
