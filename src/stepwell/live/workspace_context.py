"""The active workspace, stored in a ContextVar per thread and asyncio task.

Only the frontends read it.
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
"""Environment variables that name a workspace, by precedence."""

ACTIVE: Final[ContextVar[str | None]] = ContextVar("stepwell_workspace", default=None)
"""Workspace set in this thread or task."""

_BEFORE: Final[ContextVar[tuple[str | None, Any]]] = ContextVar("stepwell_before", default=(None, None))
"""Workspace before each open ``with`` block, innermost first."""


@final
class _Block:
    """Context manager that activates a workspace.

    It is stateless (previous values are in the context), so one object serves many threads and tasks.
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
    """Return a context manager that activates a workspace and restores the previous one.

    The registry rejects an unknown workspace on first use.

    Raises:
        TypeError: the id is not a string.
        ValueError: the id is empty.
    """
    return _Block(id)


def set_workspace(id: str) -> None:  # noqa: A002 - what a workspace has
    """Activate a workspace for this thread or task, until the end of the innermost ``with``.

    Raises:
        TypeError: the id is not a string.
        ValueError: the id is empty.
    """
    ACTIVE.set(_checked(id))


def clear_workspace() -> None:
    """Deactivate the workspace of this thread or task, until the end of the innermost ``with``."""
    ACTIVE.set(None)


def current_workspace() -> str | None:
    """Return the workspace set in this thread or task, ignoring the environment."""
    return ACTIVE.get()


def active_workspace(environment: Mapping[str, str], declared: str) -> str | None:
    """Return the default workspace: from the context, the environment or the settings; ``None`` is the core.

    Args:
        declared: ``[project] workspace``; may be empty.
    """
    named = ACTIVE.get()
    if named is None:
        named = next(filter(None, map(environment.get, WORKSPACE_VARIABLES)), declared)
    return named or None


def _checked(id: str) -> str:  # noqa: A002 - what a workspace has
    if not isinstance(id, str):
        raise TypeError(f"workspace id must be a string, got {type(id).__name__}")
    if not id:
        raise ValueError("workspace id must not be empty; use `clear_workspace()`")
    return id
