"""Locks that a forked process can use although a thread of its parent held them."""

from __future__ import annotations

import os
import threading
from typing import Final, final
from weakref import ref

__all__ = ["ForkLock"]

PATIENCE: Final = 10.0
"""Maximum seconds that a fork waits for a change to end."""


@final
class ForkLock:
    """Reentrant lock that is free in a forked process.

    Args:
        guards_changes: a fork waits until no other thread holds it, so that the child has no partial change.
    """

    __slots__ = ("__weakref__", "_lock", "guards_changes")

    def __init__(self, *, guards_changes: bool = False) -> None:
        self._lock = threading.RLock()
        self.guards_changes = guards_changes
        key = id(self)
        _LOCKS[key] = ref(self, lambda _: _LOCKS.pop(key, None))

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def acquire(self, *, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquire the lock as ``threading.RLock`` does and return whether it was acquired."""
        return self._lock.acquire(blocking, timeout)

    def release(self) -> None:
        """Release the lock."""
        self._lock.release()

    def renew(self) -> None:
        """Free the lock in a forked process if a thread held it that does not exist there."""
        if self._lock.acquire(blocking=False):
            self._lock.release()
        else:
            self._lock = threading.RLock()


_LOCKS: Final[dict[int, ref[ForkLock]]] = {}
_held: Final[list[ForkLock]] = []


def _locks() -> list[ForkLock]:
    # one step of the interpreter: an iteration over a set would fail when a thread makes a lock
    return [lock for known in list(_LOCKS.values()) if (lock := known()) is not None]


def _before_fork() -> None:
    _held.extend(lock for lock in _locks() if lock.guards_changes and lock.acquire(timeout=PATIENCE))


def _after_fork() -> None:
    while _held:
        _held.pop().release()


def _after_in_child() -> None:
    _after_fork()
    for lock in _locks():
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_in_child)
