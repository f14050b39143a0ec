"""The active workspace: what an answer is for where its caller names no workspace.

It is kept in a ContextVar, so that every thread and every asyncio task has its own. Nothing below
the faces reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Final, final

__all__ = [
    "ACTIVE",
    "WORKSPACE_VARIABLES",
    "active_workspace",
    "clear_workspace",
    "current_workspace",
    "set_workspace",
    "workspace",
]

WORKSPACE_VARIABLES: Final = ("STEPWELL_WORKSPACE", "CURSUS_WORKSPACE_ID")
"""The environment variables that name a workspace, the first one first."""

ACTIVE: Final[ContextVar[str | None]] = ContextVar("stepwell_workspace", default=None)
"""What this thread or task named."""

_BEFORE: Final[ContextVar[tuple[str | None, Any]]] = ContextVar("stepwell_before", default=(None, None))
"""What was named before the innermost ``with`` that is open, and the same for the one around it."""


@final
class _Block:
    """A workspace as the active one inside ``with``.

    It holds no state of its own: what was before is in the context, so one object serves many
    threads and tasks at once.
    """

    __slots__ = ("_id",)

    def __init__(self, id: str) -> None:  # noqa: A002 - the field's name
        self._id = _checked(id)

    def __enter__(self) -> str:
        _BEFORE.set((ACTIVE.get(), _BEFORE.get()))
        ACTIVE.set(self._id)
        return self._id

    def __exit__(self, *_: object) -> None:
        named, around = _BEFORE.get()
        ACTIVE.set(named)
        _BEFORE.set(around or (None, None))


def workspace(id: str) -> _Block:  # noqa: A002 - what a workspace has
    """A context manager that makes a workspace the active one, and restores what was before.

    Whether there is such a workspace is known to a registry, which refuses an unknown one when it is
    asked.

    Raises:
        TypeError: it is no string.
        ValueError: it is empty.
    """
    return _Block(id)


def set_workspace(id: str) -> None:  # noqa: A002 - what a workspace has
    """Make a workspace the active one of this thread or task, to the end of the innermost ``with``.

    Raises:
        TypeError: it is no string.
        ValueError: it is empty.
    """
    ACTIVE.set(_checked(id))


def clear_workspace() -> None:
    """Name no workspace in this thread or task, to the end of the innermost ``with``."""
    ACTIVE.set(None)


def current_workspace() -> str | None:
    """What this thread or task named, ``None`` when nothing; the environment is not asked."""
    return ACTIVE.get()


def active_workspace(environment: Mapping[str, str], declared: str) -> str | None:
    """The workspace in effect where a caller names none; ``None`` for the core.

    The context comes first, then the environment, then the project's settings.

    Args:
        declared: the project's ``[project] workspace``, empty for none.
    """
    named = ACTIVE.get()
    if named is None:
        named = next(filter(None, map(environment.get, WORKSPACE_VARIABLES)), declared)
    return named or None


def _checked(id: str) -> str:  # noqa: A002 - what a workspace has
    if not isinstance(id, str):
        raise TypeError(f"a workspace's id is a string, not {type(id).__name__}")
    if not id:
        raise ValueError("a workspace's id is not empty; `clear_workspace()` names none")
    return id
