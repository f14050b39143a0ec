"""Daemon threads for synchronous steps.

Unlike ``concurrent.futures``, a hanging thread neither delays exit nor occupies a worker slot.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import queue
import threading
import weakref
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Final, NamedTuple, TypeVar, final

__all__ = [
    "LoopThread",
    "Threads",
]


T = TypeVar("T")


@final
class LoopThread:
    """An event loop in a daemon thread, started on first use."""

    __slots__ = ("_loop", "_starting", "_thread", "_waited_for")

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._waited_for: set[Future[Any]] = set()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and return its result.

        Raises:
            RuntimeError: called from the loop itself.
            CancelledError: of ``concurrent.futures``: the loop was closed meanwhile.
        """
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("deadlock: in a coroutine, await `arun` or `arun_many`")
        with self._starting:  # `close` cancels everything submitted before it
            future = asyncio.run_coroutine_threadsafe(work, self._running())
            pending = self._waited_for
            pending.add(future)
        try:
            return future.result()
        finally:
            future.cancel()  # an interrupt cancels pending work
            pending.discard(future)

    def close(self) -> None:
        """Cancel all work and stop the loop and its thread."""
        with self._starting:
            loop, thread = self._loop, self._thread
            if loop is None or thread is None:
                return
            self._loop = self._thread = None
            pending, self._waited_for = self._waited_for, set()
            asyncio.run_coroutine_threadsafe(_cancel_all(pending), loop)
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
"""Seconds that ``close`` waits for cancelled work."""


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


async def _cancel_all(pending: set[Future[Any]]) -> None:
    """Cancel every task, wait for them to end, then abandon the rest."""
    loop = asyncio.get_running_loop()
    others = asyncio.all_tasks(loop) - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=_PATIENCE / 2)
    for future in tuple(pending):
        future.cancel()
    await loop.shutdown_asyncgens()
    loop.call_soon(loop.stop)


_IDLE_SECONDS: Final = 10.0
"""Seconds that an idle thread waits for work."""


class _Call(NamedTuple):
    work: Callable[[], Any]
    context: contextvars.Context
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]


@final
class Threads:
    """Runs functions in threads, with a limit per event loop."""

    __slots__ = ("_at_once", "_idle", "_places")

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._idle: deque[_Worker] = deque()
        self._places: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            weakref.WeakKeyDictionary()
        )

    def place(self) -> asyncio.Semaphore:
        """Return the semaphore that limits concurrent calls."""
        loop = asyncio.get_running_loop()
        semaphore = self._places.get(loop)
        if semaphore is None:
            semaphore = self._places.setdefault(loop, asyncio.Semaphore(self._at_once))
        return semaphore

    def start(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Call a function in a thread with the caller's context variables.

        Returns:
            Future of the result; cancelling it abandons the thread and ignores its result.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        call = _Call(work, contextvars.copy_context(), loop, answer)
        try:
            worker = self._idle.pop()
        except IndexError:
            worker = _Worker(self._idle)
            worker.start()
        worker.calls.put(call)
        return answer


@final
class _Worker(threading.Thread):
    """One worker thread."""

    def __init__(self, idle: deque[_Worker]) -> None:
        super().__init__(name="stepwell step", daemon=True)
        self.calls: queue.SimpleQueue[_Call] = queue.SimpleQueue()
        self._idle = idle

    def run(self) -> None:
        while True:
            try:
                call = self.calls.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                try:
                    self._idle.remove(self)
                except ValueError:  # just taken: a call is on its way
                    continue
                return
            result = call.context.run(call.work)
            self._idle.append(self)
            with contextlib.suppress(RuntimeError):  # the loop is closed
                call.loop.call_soon_threadsafe(_settle, call.answer, result)
            del call, result  # keep no reference while idle


def _settle(answer: asyncio.Future[Any], result: Any) -> None:
    if not answer.done():
        answer.set_result(result)
