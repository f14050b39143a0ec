"""Engine of the extra ``[dask]``: a Dask scheduler with local or remote workers.

Workers access the project's folder under the same path; only tasks and outcomes are sent over the network, so
a lost worker never loses a finished step.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, final

from stepwell.run.pipelines.engines.engine import EngineError
from stepwell.run.pipelines.task import AttemptOutcome, StepState, Task
from stepwell.run.pipelines.worker import perform
from stepwell.source.foreign_code import Contained

__all__ = ["Dask"]

_NOTHING: Final[Mapping[str, float]] = MappingProxyType({})
_REFRESH: Final = 5.0
"""Seconds between two queries of the number of workers."""


@final
class Dask:
    """Runs each step in a separate process of a Dask worker.

    Args:
        scheduler: address, e.g. ``tcp://host:8786``; ``None`` starts a local cluster for the run.
    """

    name = "dask"

    def __init__(
        self,
        scheduler: str | None = None,
        jobs: int = 1,
        resources: Mapping[str, float] = _NOTHING,
        seconds: float = 30.0,
    ) -> None:
        self._scheduler = scheduler
        self._jobs = jobs
        self._given = MappingProxyType(dict(resources))
        self._seconds = seconds

    def start(self) -> _DaskSession:
        """Connect to the scheduler.

        Raises:
            EngineError: the extra is not installed, or no scheduler or worker is reachable.
        """
        try:
            import dask
            import distributed
        except ImportError:
            raise EngineError("needs the extra `dask`: pip install 'stepwell[dask]'") from None
        closing = ExitStack()
        try:
            address = self._scheduler
            if address is None:
                address = closing.enter_context(self._cluster(dask, distributed, closing))
            connect: Any = distributed.Client
            client = connect(address, timeout=self._seconds, set_as_default=False)
            closing.callback(client.close)
            client.wait_for_workers(1, timeout=self._seconds)
        except (OSError, TimeoutError, ValueError) as error:
            closing.close()
            raise EngineError(
                f"no Dask worker is reachable at {self._scheduler or 'this machine'}: {error}"
            ) from None
        return _DaskSession(client, closing)

    def _cluster(self, dask: Any, distributed: Any, closing: ExitStack) -> Any:
        import logging
        import tempfile

        scratch = closing.enter_context(tempfile.TemporaryDirectory(prefix="stepwell-dask-"))
        # Report a lost worker at once: it is recorded and the step is retried elsewhere.
        settings = {"distributed.scheduler.allowed-failures": 0, "temporary-directory": scratch}
        closing.enter_context(dask.config.set(settings))
        shared = bool(self._given)  # one worker owns all of a resource, so that a step can request all of it
        return distributed.LocalCluster(
            n_workers=1 if shared else self._jobs,
            threads_per_worker=self._jobs if shared else 1,
            resources=dict(self._given) if shared else None,
            processes=True,
            dashboard_address=":0",
            memory_limit=0,
            silence_logs=logging.CRITICAL,
        )


@final
class _DaskSession:
    """Session of the Dask engine."""

    def __init__(self, client: Any, closing: ExitStack) -> None:
        self._client = client
        self._closing = closing
        self._ended: queue.SimpleQueue[AttemptOutcome] = queue.SimpleQueue()
        self._running: dict[str, Any] = {}
        self._refreshed = 0.0
        self._room = 0
        self._resources: Mapping[str, float] = _NOTHING

    @property
    def room(self) -> int:
        self._refresh()
        return self._room

    @property
    def resources(self) -> Mapping[str, float]:
        self._refresh()
        return self._resources

    def submit(self, task: Task) -> None:
        future = self._client.submit(
            _perform, task, key=f"stepwell-{task.token}", pure=False, resources=dict(task.resources) or None
        )
        self._running[task.token] = future
        future.add_done_callback(lambda done: self._ended.put(_outcome(task, done)))

    def finished(self, seconds: float) -> AttemptOutcome | None:
        try:
            outcome = self._ended.get(timeout=seconds)
        except queue.Empty:
            return None
        self._running.pop(outcome.token, None)  # the worker may release the result
        return outcome

    def close(self) -> None:
        self._running.clear()
        self._closing.close()

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._refreshed < _REFRESH and self._room:
            return
        self._refreshed = now
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        # Twice the number of threads, so that every worker always has a next task.
        self._room = 2 * sum(int(worker["nthreads"]) for worker in workers)
        most: dict[str, float] = {}
        for worker in workers:
            for name, amount in (worker.get("resources") or {}).items():
                most[name] = max(most.get(name, 0), amount)
        self._resources = MappingProxyType(most)


def _perform(task: Task) -> AttemptOutcome:
    """Run an attempt on a worker."""
    from distributed import get_worker

    return replace(perform(task), worker=str(get_worker().address))


def _outcome(task: Task, done: Any) -> AttemptOutcome:
    """Return the outcome of an attempt, even if its worker was lost."""
    now = time.time()
    if done.status == "finished":
        with Contained(SystemExit) as way_back:
            outcome = done.result()
        if way_back.error is not None:
            return _failed(task, now, f"outcome lost: {way_back.error}", "lost")
        return (
            outcome
            if isinstance(outcome, AttemptOutcome)
            else _failed(task, now, "the attempt returned no outcome", "engine")
        )
    if done.status != "error":
        return _failed(task, now, "worker lost", "lost")
    raised = done.exception()
    if type(raised).__name__ in (
        "KilledWorker",
        "NoValidWorkerError",
        "CommClosedError",
        "FutureCancelledError",
    ):
        return _failed(task, now, "worker lost", "lost")
    help_text = "all workers need the same Stepwell version and the project's folder under the same path"
    return _failed(task, now, f"the worker could not run the attempt: {raised!r}", "engine", help_text)


def _failed(task: Task, now: float, fault: str, kind: str, help_text: str = "") -> AttemptOutcome:
    return AttemptOutcome(task.token, StepState.FAILED, now, now, fault=fault, kind=kind, help=help_text)
