"""Runs steps: looks them up in the registry as it is now, and gives a result whatever happens."""

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
from stepwell.source.exception_text import text_of, worded
from stepwell.source.foreign_code import Contained

__all__ = [
    "Call",
    "Executor",
    "refusal_of",
]


def refusal_of(ready: Ready, step: str, parameters: Mapping[str, Any]) -> StepError | None:
    """Why a step may not be run with some parameters; ``None`` where it may."""
    if ready.parameters is None and ready.validate is None:
        return None
    found: tuple[Diagnostic, ...] = ()
    said: list[str] = []
    cause: BaseException | None = None
    try:
        if ready.parameters is not None and not ready.parameters.fit(parameters):
            found = check_parameters(ready.definition, parameters)
            said = [f"{one.message}{f' ({one.help})' if one.help else ''}" for one in found]
    except (TypeError, ValueError, AttributeError) as error:
        said, cause = [text_of(error)], error
    if not said and ready.validate is not None:
        with Contained() as outcome:
            answer = ready.validate(parameters)
            said = [answer] if isinstance(answer, str) else [str(one) for one in answer or ()]
        if outcome.error is not None:
            said, cause = [f"`validate` fails with {worded(outcome.error)}"], outcome.error
    if not said:
        return None
    refused = StepError(step, Fault.INVALID_PARAMETERS, "; ".join(said), ready.place, 0, found)
    refused.__cause__ = cause
    return refused


T = TypeVar("T")
Call = tuple[str, Mapping[str, Any]] | tuple[str, Mapping[str, Any], Context]
"""A step's name, its parameters, and perhaps its circumstances."""

_NO_PARAMETERS: Final[Mapping[str, Any]] = MappingProxyType({})
_ANYWHERE: Final = Context()
_log = logging.getLogger("stepwell.run.steps")


@final
class Executor:
    """Runs the steps of a registry; safe in threads and tasks.

    A run keeps the Snapshot that it begins with, for itself and for every step nested in it.

    Args:
        registry: where steps are looked up.
        fallbacks: what runs steps that the registry does not have, by name; over those of the project's
            ``[execution.fallbacks]``, which are imported when they are first needed.
        depth: how deep runs may be nested.
        telemetry: whether to tell OpenTelemetry of runs; left out, where it is installed.
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
            self._tell_telemetry(asked=telemetry is True)

    def __repr__(self) -> str:
        return f"<Executor over {self._registry!r}>"

    def run(
        self, step: str, parameters: Mapping[str, Any] = _NO_PARAMETERS, context: Context = _ANYWHERE
    ) -> StepResult:
        """Run a step, and wait for what becomes of it.

        One that is no coroutine and has neither timeout, retry nor provider runs in the thread of the
        caller; every other on an event loop that the executor keeps in a thread of its own.

        Args:
            parameters: plain data, where the step describes its parameters.

        Raises:
            KeyboardInterrupt: somebody interrupts the program; what ran is cancelled.
            RuntimeError: a coroutine on the executor's own loop calls it, which would wait for itself.
        """
        began = time.perf_counter()
        generation, workspace = self._generation(), self._workspace(context)
        if not _is_plain(generation, workspace, step, context):
            try:
                asked = replace(context, workspace=workspace)
                return self._loop.wait(self._arun(generation, step, parameters, asked, 0, None))
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
        """Run a step on the running event loop; one that is no coroutine runs in a thread.

        Args:
            parameters: plain data, where the step describes its parameters.

        Raises:
            CancelledError: the task is cancelled, and with it the step: a coroutine has ended by then; a
                thread is told by ``RunContext.stopped`` and left behind.
        """
        return await self._arun(self._generation(), step, parameters, context, 0, None)

    def run_many(self, calls: Iterable[Call], *, at_once: int = 8) -> tuple[StepResult, ...]:
        """Run steps side by side, and wait for all.

        Args:
            at_once: how many may run at the same time.

        Returns:
            The results, in the order of the calls.

        Raises:
            KeyboardInterrupt: somebody interrupts the program; what ran is cancelled.
            RuntimeError: a coroutine on the executor's own loop calls it, which would wait for itself.
            CancelledError: of ``concurrent.futures``: the executor was closed meanwhile.
            ValueError: fewer than one may run.
        """
        return self._loop.wait(self.arun_many(calls, at_once=at_once))

    async def arun_many(self, calls: Iterable[Call], *, at_once: int = 8) -> tuple[StepResult, ...]:
        """Run steps side by side on the running event loop.

        Args:
            at_once: how many may run at the same time.

        Returns:
            The results, in the order of the calls.

        Raises:
            CancelledError: the task is cancelled, and with it every step.
            ValueError: fewer than one may run.
        """
        if at_once < 1:
            raise ValueError(f"at least one step must be allowed at once, not {at_once}")
        generation, every = self._generation(), enumerate(calls)
        first = list(itertools.islice(every, at_once))
        waiting = itertools.chain(first, every)
        given: dict[int, StepResult] = {}

        async def work() -> None:
            for place, (step, parameters, *said) in waiting:
                context = said[0] if said else _ANYWHERE
                given[place] = await self._arun(generation, step, parameters, context, 0, None)

        workers = [asyncio.ensure_future(work()) for _ in first]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        return tuple(given[place] for place in sorted(given))

    def check(
        self, step: str, parameters: Mapping[str, Any] = _NO_PARAMETERS, context: Context = _ANYWHERE
    ) -> StepError | None:
        """Why a step would not be run with some parameters; ``None`` when it would be. It is loaded."""
        try:
            ready = self._generation().step(self._workspace(context), step)
        except StepError as error:
            return error
        return refusal_of(ready, step, parameters)

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call a function with every event from now on, in the thread and task in which it happens."""
        with self._renewing:
            self._events.subscribers = (*self._events.subscribers, subscriber)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Call a function no more; twice is harmless."""
        with self._renewing:
            kept = tuple(one for one in self._events.subscribers if one != subscriber)
            self._events.subscribers = kept

    def close(self) -> None:
        """Cancel what runs on the executor's own loop, and end that; twice is harmless."""
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
        said = context.workspace
        return self._registry.active_workspace if isinstance(said, InEffect) else said

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
        """A run that may go ahead, or why it may not."""
        number = next(self._numbers)
        if self._events.subscribers:
            self._events.tell(RunStarted(number, step, workspace, parent))
        try:
            ready = generation.step(workspace, step)
        except StepError as error:
            return self._told(number, step, StepResult(False, None, error, (), _since(began)))
        refusal = refusal_of(ready, step, parameters)
        if depth > self._depth:
            said = f"steps are nested more than {self._depth} deep"
            refusal = StepError(step, Fault.TOO_DEEP, said, ready.place)
        if refusal is not None:
            refused = StepResult(False, None, refusal, (), _since(began), ready.definition)
            return self._told(number, step, refused)
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
        """Another step in the same Snapshot, view and circumstances."""
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
            if outcome is None:  # cancelled: whoever listens is told before it goes up
                self._end_cancelled(run, began)
        return self._end(run, outcome, began)

    def _end(self, run: Run, outcome: StepOutcome, began: float) -> StepResult:
        return self._told(run.number, run.asked, self._result(run, outcome, began))

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

    def _told(self, number: int, step: str, result: StepResult) -> StepResult:
        if _log.isEnabledFor(logging.DEBUG):
            how = "succeeded" if result.ok else f"failed: {result.error}"
            _log.debug("run %d of %s %s in %.3f s", number, step, how, result.duration)
        if self._events.subscribers:
            self._events.tell(RunEnded(number, step, result))
        return result

    def _tell_telemetry(self, *, asked: bool) -> None:
        try:
            from stepwell.run.steps.telemetry import Telemetry
        except ImportError:
            if asked:
                raise
            return
        self.subscribe(Telemetry())


def _is_plain(generation: Generation, workspace: str | None, step: str, context: Context) -> bool:
    """Whether a run is one call of a function that may be made where the caller is."""
    try:
        ready = generation.step(workspace, step)
    except StepError:
        return True  # and its result is why
    return ready.is_plain and context.timeout is None


def _cancelled(run: Run) -> StepError:
    last = run.attempts[-1].error if run.attempts else None
    if last is not None and last.fault is Fault.CANCELLED:
        return last
    said = "the run was cancelled"
    return StepError(run.asked, Fault.CANCELLED, said, run.ready.place, len(run.attempts))


def _since(began: float) -> float:
    return time.perf_counter() - began
