"""Threads for steps that are no coroutines: nobody can end one, so none is ever waited for at the end.

``concurrent.futures`` joins its threads when Python exits, and keeps a place for each that hangs. Here they
are daemons, and one that is given up holds no place.
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
        finally:
            future.cancel()  # an interrupt of the caller ends what it waits for; what is done stays so
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


_IDLE_SECONDS: Final = 10.0
"""How long a thread waits for more to do."""


class _Call(NamedTuple):
    work: Callable[[], Any]
    context: contextvars.Context
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]


@final
class Threads:
    """Runs functions in threads, so many at once for each event loop."""

    __slots__ = ("_at_once", "_idle", "_places")

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._idle: deque[_Worker] = deque()
        self._places: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            weakref.WeakKeyDictionary()
        )

    def place(self) -> asyncio.Semaphore:
        """What a call waits for before it starts, and holds until it ends or is given up."""
        loop = asyncio.get_running_loop()
        found = self._places.get(loop)
        return found if found is not None else self._places.setdefault(loop, asyncio.Semaphore(self._at_once))

    def start(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Call a function in a thread, in the context variables of the caller.

        Returns:
            What it gives; cancelling that gives the thread up, which works on and is heard no more.
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
    """One thread, busy or waiting to be."""

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
                except ValueError:  # somebody has just taken it, and is about to give it a call
                    continue
                return
            given = call.context.run(call.work)
            self._idle.append(self)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                call.loop.call_soon_threadsafe(_settle, call.answer, given)
            del call, given  # nothing is kept while it waits


def _settle(answer: asyncio.Future[Any], given: Any) -> None:
    if not answer.done():
        answer.set_result(given)
