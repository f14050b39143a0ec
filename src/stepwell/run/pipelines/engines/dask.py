"""The engine of the extra ``[dask]``: a scheduler with workers, here or anywhere.

Workers see the project's folder under the same path: what goes over the wire is which step to make, and how
it ended. So nothing that a worker holds is lost with it, and a finished step is never made again.
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
_LOOK: Final = 5.0
"""Seconds between two questions of how many workers there are."""


@final
class Dask:
    """Each step in a process of its own, which a worker of Dask starts.

    Args:
        scheduler: its address, e.g. ``tcp://host:8786``; ``None`` for a cluster on this machine, which
            lives as long as the run.
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
        """Begin work.

        Raises:
            EngineError: the extra is not installed, or there is no scheduler or worker.
        """
        try:
            import dask
            import distributed
        except ImportError:
            raise EngineError("the engine dask needs more packages: pip install 'stepwell[dask]'") from None
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
                f"no worker of Dask answers at {self._scheduler or 'this machine'}: {error}"
            ) from None
        return _DaskSession(client, closing)

    def _cluster(self, dask: Any, distributed: Any, closing: ExitStack) -> Any:
        import logging
        import tempfile

        scratch = closing.enter_context(tempfile.TemporaryDirectory(prefix="stepwell-dask-"))
        # A worker that goes is told of at once, so that the record has it; then the step is tried elsewhere.
        settings = {"distributed.scheduler.allowed-failures": 0, "temporary-directory": scratch}
        closing.enter_context(dask.config.set(settings))
        shared = bool(self._given)  # all of a resource is one worker's, or a step could never have all of it
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
    """The engine at work on one run."""

    def __init__(self, client: Any, closing: ExitStack) -> None:
        self._client = client
        self._closing = closing
        self._ended: queue.SimpleQueue[AttemptOutcome] = queue.SimpleQueue()
        self._flying: dict[str, Any] = {}
        self._looked = 0.0
        self._room = 0
        self._resources: Mapping[str, float] = _NOTHING

    @property
    def room(self) -> int:
        self._look()
        return self._room

    @property
    def resources(self) -> Mapping[str, float]:
        self._look()
        return self._resources

    def submit(self, task: Task) -> None:
        future = self._client.submit(
            _perform, task, key=f"stepwell-{task.token}", pure=False, resources=dict(task.resources) or None
        )
        self._flying[task.token] = future
        future.add_done_callback(lambda done: self._ended.put(_outcome(task, done)))

    def finished(self, seconds: float) -> AttemptOutcome | None:
        try:
            outcome = self._ended.get(timeout=seconds)
        except queue.Empty:
            return None
        self._flying.pop(outcome.token, None)  # lets the worker forget it: the result is here now
        return outcome

    def close(self) -> None:
        self._flying.clear()
        self._closing.close()

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked < _LOOK and self._room:
            return
        self._looked = now
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        # Twice as many as can be at work: the next one is there when a worker has ended the one before.
        self._room = 2 * sum(int(one["nthreads"]) for one in workers)
        most: dict[str, float] = {}
        for one in workers:
            for name, amount in (one.get("resources") or {}).items():
                most[name] = max(most.get(name, 0), amount)
        self._resources = MappingProxyType(most)


def _perform(task: Task) -> AttemptOutcome:
    """Make an attempt, on a worker."""
    from distributed import get_worker

    return replace(perform(task), worker=str(get_worker().address))


def _outcome(task: Task, done: Any) -> AttemptOutcome:
    """What became of an attempt, whatever became of its worker."""
    now = time.time()
    if done.status == "finished":
        with Contained(SystemExit) as way_back:
            outcome = done.result()
        if way_back.error is not None:
            return _failed(task, now, f"its outcome is lost: {way_back.error}", "lost")
        return (
            outcome
            if isinstance(outcome, AttemptOutcome)
            else _failed(task, now, "it gave no outcome", "engine")
        )
    if done.status != "error":
        return _failed(task, now, "its worker went away", "lost")
    raised = done.exception()
    if type(raised).__name__ in (
        "KilledWorker",
        "NoValidWorkerError",
        "CommClosedError",
        "FutureCancelledError",
    ):
        return _failed(task, now, "its worker went away", "lost")
    help_text = (
        "every worker needs the same version of Stepwell, and the project's folder under the same path"
    )
    return _failed(task, now, f"the worker could not make it: {raised!r}", "engine", help_text)


def _failed(task: Task, now: float, fault: str, kind: str, help_text: str = "") -> AttemptOutcome:
    return AttemptOutcome(task.token, StepState.FAILED, now, now, fault=fault, kind=kind, help=help_text)
