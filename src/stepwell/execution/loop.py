"""An event loop in a thread of its own, for callers that have none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, Final, TypeVar, final

__all__ = ["LoopThread"]

T = TypeVar("T")


@final
class LoopThread:
    """An event loop that starts when it is first needed; its thread is a daemon, and never holds up exit."""

    __slots__ = ("_loop", "_starting", "_thread", "_waited_for")

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._waited_for: set[Future[Any]] = set()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop, and wait for what it gives.

        Raises:
            RuntimeError: the loop itself would have to wait.
            CancelledError: of ``concurrent.futures``: the loop was closed meanwhile.
        """
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("this would wait for itself: in a coroutine, await `arun` or `arun_many`")
        with self._starting:  # so that `close` cancels whatever was handed over before it
            future = asyncio.run_coroutine_threadsafe(work, self._running())
            waited_for = self._waited_for
            waited_for.add(future)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # an interrupt of the caller ends what it waits for
            raise
        finally:
            waited_for.discard(future)

    def close(self) -> None:
        """Cancel all that runs, and end the loop and its thread."""
        with self._starting:
            loop, thread = self._loop, self._thread
            if loop is None or thread is None:
                return
            self._loop = self._thread = None
            waited_for, self._waited_for = self._waited_for, set()
            asyncio.run_coroutine_threadsafe(_cancel_all(waited_for), loop)
        if thread is not threading.current_thread():
            thread.join(_PATIENCE)

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=_serve, args=(self._loop,), name="stepwell executor", daemon=True
            )
            self._thread.start()
        return self._loop


_PATIENCE: Final = 10.0
"""Seconds that ``close`` waits for what it cancelled."""


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


async def _cancel_all(waited_for: set[Future[Any]]) -> None:
    """Cancel every task, give them time to end, and let nobody wait for one that does not."""
    loop = asyncio.get_running_loop()
    others = asyncio.all_tasks(loop) - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=_PATIENCE / 2)
    for future in tuple(waited_for):
        future.cancel()
    await loop.shutdown_asyncgens()
    loop.call_soon(loop.stop)
