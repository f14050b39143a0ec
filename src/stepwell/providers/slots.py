"""How many requests may be under way at once, over all threads and event loops.

The primitives of asyncio belong to one loop each, and a process may run several.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import final

__all__ = ["Slots"]


@final
class Slots:
    """Slots that are taken and given back; who waits is served in the order in which they came.

    Args:
        limit: how many there are; ``None`` for as many as anybody likes.
    """

    __slots__ = ("_limit", "_lock", "_waiting", "taken")

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._waiting: deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = deque()
        self.taken = 0

    @property
    def full(self) -> bool:
        """Whether the next one would wait."""
        return self._limit is not None and self.taken >= self._limit

    def resize(self, limit: int | None) -> None:
        """Let there be more or fewer of them; those that are taken stay so."""
        with self._lock:
            self._limit = limit
            self._serve()

    async def take(self) -> None:
        """Take one, when there is one."""
        loop = asyncio.get_running_loop()
        with self._lock:
            if not self.full and not self._waiting:
                self.taken += 1
                return
            waiting: asyncio.Future[None] = loop.create_future()
            self._waiting.append((loop, waiting))
        try:
            await waiting
        except asyncio.CancelledError:
            with self._lock:
                if (loop, waiting) in self._waiting:
                    self._waiting.remove((loop, waiting))
                else:  # it was given at the same moment, and nobody will use it
                    self.taken -= 1
                    self._serve()
            raise

    def give_back(self) -> None:
        """Give one back, from any thread."""
        with self._lock:
            self.taken -= 1
            self._serve()

    def _serve(self) -> None:
        while self._waiting and not self.full:
            loop, waiting = self._waiting.popleft()
            try:
                loop.call_soon_threadsafe(_wake, waiting)
            except RuntimeError:  # its loop was closed, so nobody waits there any more
                continue
            self.taken += 1


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
