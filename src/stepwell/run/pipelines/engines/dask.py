"""Engine of the extra ``[dask]``: a Dask scheduler with local or remote workers.

Workers access the project's folder under the same path; only tasks and outcomes are sent over the network, so
a lost worker never loses a finished step.
"""

from __future__ import annotations

import queue
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, final

from stepwell.run.pipelines.engines.engine import EngineError
from stepwell.run.pipelines.task import AttemptOutcome, StepState, Task
from stepwell.run.pipelines.worker import keep_apart, perform
from stepwell.source.foreign_code import Contained, worded

__all__ = ["Dask"]

_NOTHING: Final[Mapping[str, float]] = MappingProxyType({})
_ADDRESS: Final = re.compile(
    r"(?:(?P<scheme>tcp|tls|ws|wss|ucx)://)?(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):(?P<port>[0-9]{1,5})/?"
)
_ADVICE: Final = "start one with `dask scheduler`, check the address, or wait longer with --connect-timeout"
_REFRESH: Final = 5.0
"""Seconds between two queries of the number of workers."""


@final
class Dask:
    """Runs each step in a separate process of a Dask worker.

    Args:
        scheduler: address, e.g. ``tcp://host:8786``; ``None`` starts a local cluster for the run.
        seconds: to wait for the scheduler, and for its first worker.

    Raises:
        EngineError: the address is invalid.
    """

    name = "dask"

    def __init__(
        self,
        scheduler: str | None = None,
        jobs: int = 1,
        resources: Mapping[str, float] = _NOTHING,
        seconds: float = 10.0,
    ) -> None:
        self._scheduler = None if scheduler is None else _checked(scheduler)
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
        if self._scheduler is not None:
            _reach(self._scheduler, self._seconds)
        whose = self._scheduler or "this machine"
        limit = f"within {self._seconds:g} s"
        closing = ExitStack()
        closing.enter_context(_silence())  # the session reports the loss of the scheduler itself
        with Contained() as contained:  # whatever listens there may answer anything
            address = self._scheduler
            if address is None:
                address = closing.enter_context(self._cluster(dask, distributed, closing))
            connect: Any = distributed.Client
            with dask.config.set({"distributed.comm.timeouts.connect": self._seconds}):
                client = connect(address, timeout=self._seconds, set_as_default=False)
            closing.callback(client.close)
        if contained.error is not None:
            closing.close()
            fault = f"no Dask scheduler answers at {whose} {limit}: {worded(contained.error)}"
            raise EngineError(f"{fault}; {_ADVICE}") from contained.error
        try:
            client.wait_for_workers(1, timeout=self._seconds)
        except (OSError, TimeoutError):
            closing.close()
            raise EngineError(
                f"the Dask scheduler at {whose} has no worker {limit}: start one with `dask worker {whose}`, "
                "or wait longer with --connect-timeout"
            ) from None
        return _DaskSession(client, closing, whose, shares_folders=self._scheduler is None)

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

    def __init__(self, client: Any, closing: ExitStack, scheduler: str, *, shares_folders: bool) -> None:
        self.shares_folders = shares_folders
        self._client = client
        self._scheduler = scheduler
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
            self._check()
            return None
        if outcome.kind == "lost":
            self._check()
        self._running.pop(outcome.token, None)  # the worker may release the result
        return outcome

    def close(self) -> None:
        self._running.clear()
        with Contained():  # the scheduler may be gone
            self._closing.close()

    def _check(self) -> None:
        """Check the connection.

        Raises:
            EngineError: the scheduler is gone.
        """
        if self._client.status != "running":
            raise self._gone()

    def _gone(self) -> EngineError:
        return EngineError(
            f"the Dask scheduler at {self._scheduler} does not answer any more: start it and its workers "
            "again, then resume the run"
        )

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._refreshed < _REFRESH and self._room:
            return
        self._refreshed = now
        self._check()
        with Contained() as contained:
            info = self._client.scheduler_info(n_workers=-1)
        if contained.error is not None or "workers" not in info:
            raise self._gone()
        workers = info["workers"].values()
        # Twice the number of threads, so that every worker always has a next task.
        self._room = 2 * sum(int(worker["nthreads"]) for worker in workers)
        most: dict[str, float] = {}
        for worker in workers:
            for name, amount in (worker.get("resources") or {}).items():
                most[name] = max(most.get(name, 0), amount)
        self._resources = MappingProxyType(most)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep Dask from logging tracebacks about its connection."""
    import logging

    loggers = [logging.getLogger(f"distributed.{name}") for name in ("client", "comm", "core")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _checked(address: str) -> str:
    """Return the address of a scheduler.

    Raises:
        EngineError: it has another form.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match["port"]) < 65536:
        raise EngineError(
            f"`{address}` is not the address of a Dask scheduler: write it as `tcp://host:8786`, or omit "
            "--scheduler for a cluster on this machine"
        )
    return address


def _reach(address: str, seconds: float) -> None:
    """Check that a scheduler listens at an address; it is the first to send something.

    Raises:
        EngineError: nothing listens, or it is silent.
    """
    import socket

    match = _ADDRESS.fullmatch(address)
    assert match is not None  # noqa: S101 - checked before
    try:
        with socket.create_connection((match["host"].strip("[]"), int(match["port"])), seconds) as connection:
            if match["scheme"] in (None, "tcp"):
                connection.recv(1)
    except OSError as error:
        silent = isinstance(error, TimeoutError)
        reason = f"no answer within {seconds:g} s" if silent else (error.strerror or str(error)).lower()
        raise EngineError(f"no Dask scheduler is reachable at {address}: {reason}; {_ADVICE}") from None


def _perform(task: Task) -> AttemptOutcome | tuple[AttemptOutcome, bytes]:
    """Run an attempt on a worker; with a shared store, also return its log."""
    from distributed import get_worker

    worker = get_worker()
    if not task.store:
        return replace(perform(task), worker=str(worker.address))
    from stepwell.run.pipelines.shared_store import perform_apart

    outcome, log = perform_apart(task, str(worker.local_directory))
    return replace(outcome, worker=str(worker.address)), log


def _outcome(task: Task, done: Any) -> AttemptOutcome:
    """Return the outcome of an attempt, even if its worker was lost."""
    now = time.time()
    if done.status == "finished":
        with Contained(SystemExit) as way_back:
            outcome = done.result()
            if isinstance(outcome, tuple):
                outcome = keep_apart(task, *outcome)
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
