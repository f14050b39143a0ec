"""Local engine: processes of this machine."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, final

from stepwell.run.pipelines.task import AttemptOutcome, StepState, Task
from stepwell.run.pipelines.worker import perform
from stepwell.source.foreign_code import Contained

__all__ = ["Local"]

_NOTHING: Final[Mapping[str, float]] = MappingProxyType({})


@final
class Local:
    """Runs each step in a separate process."""

    name = "local"

    def __init__(self, jobs: int = 1, resources: Mapping[str, float] = _NOTHING) -> None:
        self._jobs = jobs
        self._resources = MappingProxyType(dict(resources))

    def start(self) -> _LocalSession:
        """Start a session, with one waiting thread per job."""
        return _LocalSession(self._jobs, self._resources)


@final
class _LocalSession:
    """Session of the local engine."""

    shares_folders = True

    def __init__(self, jobs: int, resources: Mapping[str, float]) -> None:
        self.room = jobs
        self.resources = resources
        self._free = dict(resources)
        self._waiting: deque[Task] = deque()
        self._ended: queue.SimpleQueue[AttemptOutcome] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(jobs)]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Task) -> None:
        with self._changed:
            self._waiting.append(task)
            self._changed.notify()

    def finished(self, seconds: float) -> AttemptOutcome | None:
        try:
            return self._ended.get(timeout=seconds)
        except queue.Empty:
            return None

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (task := self._next()) is not None:
            began = time.time()
            with Contained(SystemExit) as attempt:  # keep the thread alive
                outcome = perform(task)
            if attempt.error is not None:
                fault = f"the attempt could not run: {attempt.error!r}"
                outcome = AttemptOutcome(
                    task.token, StepState.FAILED, began, time.time(), fault=fault, kind="engine"
                )
            with self._changed:
                for name, amount in task.resources:
                    self._free[name] += amount
                self._changed.notify_all()
            self._ended.put(outcome)

    def _next(self) -> Task | None:
        with self._changed:
            while True:
                if self._closed:
                    return None
                for task in self._waiting:
                    if all(self._free.get(name, 0) >= amount for name, amount in task.resources):
                        self._waiting.remove(task)
                        for name, amount in task.resources:
                            self._free[name] -= amount
                        return task
                self._changed.wait()
