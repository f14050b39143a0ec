"""Executor: run steps of the current registry and return a result in every case."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import CancelledError as RunCancelled
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, Final, TypeVar, final

from stepwell.live.registry import InEffect, Registry
from stepwell.run.steps.attempt import Run, StepOutcome
from stepwell.run.steps.compatibility import Fallbacks
from stepwell.run.steps.events import Events, Providers, RunEnded, RunStarted, Subscriber
from stepwell.run.steps.prepare import Generation, Ready, check_parameters
from stepwell.run.steps.result import Context, Fault, StepError, StepResult
from stepwell.run.steps.threads import LoopThread, Threads
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.foreign_code import Contained, text_of, worded

__all__ = [
    "Call",
    "Executor",
    "rejection_of",
]


def rejection_of(ready: Ready, step: str, parameters: Mapping[str, Any]) -> StepError | None:
    """Return why a step rejects the parameters, or ``None``."""
    if ready.parameters is None and ready.validate is None:
        return None
    diagnostics: tuple[Diagnostic, ...] = ()
    problems: list[str] = []
    cause: BaseException | None = None
    try:
        if ready.parameters is not None and not ready.parameters.fit(parameters):
            diagnostics = check_parameters(ready.definition, parameters)
            problems = [f"{item.message}{f' ({item.help})' if item.help else ''}" for item in diagnostics]
    except (TypeError, ValueError, AttributeError) as error:
        problems, cause = [text_of(error)], error
    if not problems and ready.validate is not None:
        with Contained() as outcome:
            answer = ready.validate(parameters)
            problems = [answer] if isinstance(answer, str) else [str(problem) for problem in answer or ()]
        if outcome.error is not None:
            problems, cause = [f"`validate` raised {worded(outcome.error)}"], outcome.error
    if not problems:
        return None
    rejection = StepError(step, Fault.INVALID_PARAMETERS, "; ".join(problems), ready.place, 0, diagnostics)
    rejection.__cause__ = cause
    return rejection


T = TypeVar("T")
Call = tuple[str, Mapping[str, Any]] | tuple[str, Mapping[str, Any], Context]
"""Step name, parameters and optional context."""

_NO_PARAMETERS: Final[Mapping[str, Any]] = MappingProxyType({})
_ANYWHERE: Final = Context()
_log = logging.getLogger("stepwell.run.steps")


@final
class Executor:
    """Runs the steps of a registry; safe in threads and tasks.

    A run and every step nested in it use the Snapshot that was current when the run started.

    Args:
        fallbacks: implementations by step name for steps missing from the registry; they override
            ``[execution.fallbacks]``, which is imported on first use.
        depth: maximum nesting of runs.
        telemetry: whether to report to OpenTelemetry (default: if it is installed).
    """

    def __init__(
        self,
        registry: Registry,
        providers: Providers | None = None,
        fallbacks: Mapping[str, Any] | None = None,
        *,
        threads: int = 32,
        depth: int = 16,
        telemetry: bool | None = None,
    ) -> None:
        self._registry = registry
        self._providers = providers
        self._fallbacks = Fallbacks(registry, fallbacks or {})
        self._threads = Threads(threads)
        self._depth = depth
        self._events = Events()
        self._numbers = itertools.count(1)
        self._renewing = threading.Lock()
        self._now = Generation(registry.snapshot, self._fallbacks.find)
        self._loop = LoopThread()
        if telemetry is not False:
            self._subscribe_telemetry(required=telemetry is True)

    def __repr__(self) -> str:
        return f"<Executor over {self._registry!r}>"

    def run(
        self, step: str, parameters: Mapping[str, Any] = _NO_PARAMETERS, context: Context = _ANYWHERE
    ) -> StepResult:
        """Run a step and wait for its result.

        A synchronous step without timeout, retry and provider runs in the caller's thread, all others on
        an event loop in a thread of the executor.

        Args:
            parameters: plain data if the step declares a schema.

        Raises:
            KeyboardInterrupt: the user interrupts the program; running steps are cancelled.
            RuntimeError: called from a coroutine on the executor's own loop, which would deadlock.
        """
        began = time.perf_counter()
        generation, workspace = self._generation(), self._workspace(context)
        if not _is_plain(generation, workspace, step, context):
            try:
                context = replace(context, workspace=workspace)
                return self._loop.wait(self._arun(generation, step, parameters, context, 0, None))
            except RunCancelled:
                closed = StepError(step, Fault.CANCELLED, "the executor was closed")
                return StepResult(False, None, closed, (), _since(began))
        run = self._begin(generation, workspace, step, parameters, context, 0, None, began)
        if isinstance(run, StepResult):
            return run
        outcome: StepOutcome | None = None
        try:
            outcome = run.here(self._loop.wait)
        finally:
            if outcome is None:
                self._end_cancelled(run, began)
        return self._end(run, outcome, began)

    async def arun(
        self, step: str, parameters: Mapping[str, Any] = _NO_PARAMETERS, context: Context = _ANYWHERE
    ) -> StepResult:
        """Run a step on the running event loop; a synchronous step runs in a thread.

        Args:
            parameters: plain data if the step declares a schema.

        Raises:
            CancelledError: the task was cancelled. A coroutine has ended by then; a thread sees
                ``RunContext.stopped`` and is abandoned.
        """
        return await self._arun(self._generation(), step, parameters, context, 0, None)

    def run_many(self, calls: Iterable[Call], *, at_once: int = 8) -> tuple[StepResult, ...]:
        """Run steps concurrently and wait for all of them.

        Args:
            at_once: maximum number of concurrent steps.

        Returns:
            The results in the order of the calls.

        Raises:
            KeyboardInterrupt: the user interrupts the program; running steps are cancelled.
            RuntimeError: called from a coroutine on the executor's own loop, which would deadlock.
            CancelledError: of ``concurrent.futures``: the executor was closed meanwhile.
            ValueError: ``at_once`` is less than 1.
        """
        return self._loop.wait(self.arun_many(calls, at_once=at_once))

    async def arun_many(self, calls: Iterable[Call], *, at_once: int = 8) -> tuple[StepResult, ...]:
        """Run steps concurrently on the running event loop.

        Args:
            at_once: maximum number of concurrent steps.

        Returns:
            The results in the order of the calls.

        Raises:
            CancelledError: the task was cancelled, and every step with it.
            ValueError: ``at_once`` is less than 1.
        """
        if at_once < 1:
            raise ValueError(f"at_once must be at least 1, got {at_once}")
        generation, numbered = self._generation(), enumerate(calls)
        first = list(itertools.islice(numbered, at_once))
        waiting = itertools.chain(first, numbered)
        results: dict[int, StepResult] = {}

        async def work() -> None:
            for index, (step, parameters, *contexts) in waiting:
                context = contexts[0] if contexts else _ANYWHERE
                results[index] = await self._arun(generation, step, parameters, context, 0, None)

        workers = [asyncio.ensure_future(work()) for _ in first]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        return tuple(results[index] for index in sorted(results))

    def check(
        self, step: str, parameters: Mapping[str, Any] = _NO_PARAMETERS, context: Context = _ANYWHERE
    ) -> StepError | None:
        """Return why a step would not run with the parameters, or ``None``; the step is loaded."""
        try:
            ready = self._generation().step(self._workspace(context), step)
        except StepError as error:
            return error
        return rejection_of(ready, step, parameters)

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call a function with every event from now on, in the thread and task of the event."""
        with self._renewing:
            self._events.subscribers = (*self._events.subscribers, subscriber)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Stop calling a function; idempotent."""
        with self._renewing:
            subscribers = self._events.subscribers
            self._events.subscribers = tuple(item for item in subscribers if item != subscriber)

    def close(self) -> None:
        """Cancel the steps on the executor's own loop and stop the loop; idempotent."""
        self._loop.close()

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _generation(self) -> Generation:
        snapshot = self._registry.snapshot
        now = self._now
        if now.snapshot is snapshot:
            return now
        with self._renewing:
            if self._now.snapshot is not snapshot:
                self._now = Generation(snapshot, self._fallbacks.find, self._now.ready)
            return self._now

    def _workspace(self, context: Context) -> str | None:
        workspace = context.workspace
        return self._registry.active_workspace if isinstance(workspace, InEffect) else workspace

    def _begin(
        self,
        generation: Generation,
        workspace: str | None,
        step: str,
        parameters: Mapping[str, Any],
        context: Context,
        depth: int,
        parent: int | None,
        began: float,
    ) -> Run | StepResult:
        """Return a run that may start, or the result that rejects it."""
        number = next(self._numbers)
        if self._events.subscribers:
            self._events.notify(RunStarted(number, step, workspace, parent))
        try:
            ready = generation.step(workspace, step)
        except StepError as error:
            return self._ended(number, step, StepResult(False, None, error, (), _since(began)))
        rejection = rejection_of(ready, step, parameters)
        if depth > self._depth:
            message = f"steps are nested more than {self._depth} levels deep"
            rejection = StepError(step, Fault.TOO_DEEP, message, ready.place)
        if rejection is not None:
            result = StepResult(False, None, rejection, (), _since(began), ready.definition)
            return self._ended(number, step, result)
        run = Run(
            number,
            step,
            ready,
            parameters,
            context,
            self._events,
            self._providers,
            self._threads,
            None,
            depth,
            generation.snapshot,
        )
        run.nested = partial(self._nested, generation, run)
        return run

    async def _nested(
        self,
        generation: Generation,
        outer: Run,
        step: str,
        parameters: Mapping[str, Any],
        values: Mapping[str, Any],
    ) -> StepResult:
        """Run another step with the same Snapshot, view and context."""
        context = replace(
            outer.context,
            workspace=outer.ready.workspace,
            values=MappingProxyType(dict(values)),
            timeout=None,
        )
        return await self._arun(generation, step, parameters, context, outer.depth + 1, outer.number)

    async def _arun(
        self,
        generation: Generation,
        step: str,
        parameters: Mapping[str, Any],
        context: Context,
        depth: int,
        parent: int | None,
    ) -> StepResult:
        began = time.perf_counter()
        workspace = self._workspace(context)
        run = self._begin(generation, workspace, step, parameters, context, depth, parent, began)
        if isinstance(run, StepResult):
            return run
        outcome: StepOutcome | None = None
        try:
            outcome = await run.whole()
        finally:
            if outcome is None:  # cancelled: notify before the exception propagates
                self._end_cancelled(run, began)
        return self._end(run, outcome, began)

    def _end(self, run: Run, outcome: StepOutcome, began: float) -> StepResult:
        return self._ended(run.number, run.name, self._result(run, outcome, began))

    def _end_cancelled(self, run: Run, began: float) -> None:
        self._end(run, StepOutcome(error=_cancelled(run)), began)

    def _result(self, run: Run, outcome: StepOutcome, began: float) -> StepResult:
        attempts = tuple(run.attempts)
        provider = attempts[-1].provider if attempts else None
        return StepResult(
            outcome.error is None,
            outcome.value,
            outcome.error,
            attempts,
            _since(began),
            run.ready.definition,
            provider,
        )

    def _ended(self, number: int, step: str, result: StepResult) -> StepResult:
        if _log.isEnabledFor(logging.DEBUG):
            outcome = "succeeded" if result.ok else f"failed: {result.error}"
            _log.debug("run %d of %s %s in %.3f s", number, step, outcome, result.duration)
        if self._events.subscribers:
            self._events.notify(RunEnded(number, step, result))
        return result

    def _subscribe_telemetry(self, *, required: bool) -> None:
        try:
            from stepwell.run.steps.telemetry import Telemetry
        except ImportError:
            if required:
                raise
            return
        self.subscribe(Telemetry())


def _is_plain(generation: Generation, workspace: str | None, step: str, context: Context) -> bool:
    """Return whether a run is a single call that can run in the caller's thread."""
    try:
        ready = generation.step(workspace, step)
    except StepError:
        return True  # the result explains why
    return ready.is_plain and context.timeout is None


def _cancelled(run: Run) -> StepError:
    last = run.attempts[-1].error if run.attempts else None
    if last is not None and last.fault is Fault.CANCELLED:
        return last
    message = "the run was cancelled"
    return StepError(run.name, Fault.CANCELLED, message, run.ready.place, len(run.attempts))


def _since(began: float) -> float:
    return time.perf_counter() - began
