"""Attempts of one run of a step, with provider selection, timeout and retry."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import CancelledError as RunCancelled
from dataclasses import dataclass, field
from typing import Any, Final, final

from stepwell.model.provider_protocol import Provider, ProviderError
from stepwell.model.step_type import RunContext
from stepwell.resolve.snapshot import Snapshot
from stepwell.run.steps.events import AttemptEnded, AttemptStarted, Events, ProviderChosen, Providers
from stepwell.run.steps.prepare import Ready, Retry
from stepwell.run.steps.result import Attempt, Context, Fault, StepError
from stepwell.run.steps.threads import Threads
from stepwell.source.errors import NoProvider, StepwellError
from stepwell.source.foreign_code import Contained, worded

__all__ = ["Run", "StepOutcome"]

_GRACE: Final = 5.0
"""Seconds that a cancelled coroutine has to end before it is abandoned."""


@final
@dataclass(frozen=True, slots=True)
class StepOutcome:
    """Value or error of an attempt."""

    value: Any = None
    error: StepError | None = None


@final
class _Stop:
    """Signals code in a thread that its result is no longer needed."""

    __slots__ = ("is_set",)

    def __init__(self) -> None:
        self.is_set = False

    def __call__(self) -> bool:
        return self.is_set


@final
@dataclass(slots=True)
class Run:
    """One run, from the request to its result.

    Args:
        threads: executes synchronous steps.
    """

    number: int
    name: str
    ready: Ready
    parameters: Mapping[str, Any]
    context: Context
    events: Events
    providers: Providers | None
    threads: Threads
    nested: Any
    depth: int
    snapshot: Snapshot
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def timeout(self) -> float | None:
        """Return the time limit of one attempt, in seconds."""
        timeout = self.context.timeout
        return self.ready.definition.timeout if timeout is None else timeout

    def here(self, wait: Callable[[Coroutine[Any, Any, StepOutcome]], StepOutcome]) -> StepOutcome:
        """Run the single attempt of a plain step in the caller's thread.

        Args:
            wait: runs a coroutine to completion, for a synchronous function that returns one.

        Raises:
            KeyboardInterrupt: the user interrupts the program.
        """
        began = self._start(None)
        try:
            value = self.ready.call(self.parameters, self._context(None, None, None))
            outcome = StepOutcome(value)
            if hasattr(type(value), "__await__"):
                outcome = wait(self._contained(value))
        except RunCancelled:
            outcome = StepOutcome(error=self._error(Fault.CANCELLED, "the executor was closed", 1))
        except BaseException as error:  # a step may raise anything
            if isinstance(error, KeyboardInterrupt) and _on_main():
                raise
            outcome = StepOutcome(error=self._failed(error))
        return self._ended(began, None, "", outcome)

    async def whole(self) -> StepOutcome:
        """Run all attempts.

        Raises:
            CancelledError: the task was cancelled, and the step with it.
        """
        retry = self.ready.retry
        if retry is None or retry.attempts == 1:
            return await self._round()
        from tenacity import AsyncRetrying, retry_if_result, stop_after_attempt, wait_random_exponential

        drawn = wait_random_exponential(multiplier=retry.wait, max=retry.max_wait)

        def wait(state: Any) -> float:
            requested = state.outcome.result().error.retry_after
            return max(drawn(state), requested or 0.0)

        retrying = AsyncRetrying(
            stop=stop_after_attempt(retry.attempts),
            wait=wait,
            retry=retry_if_result(lambda outcome: _again(retry, outcome.error)),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
            sleep=asyncio.sleep,
        )
        outcome: StepOutcome = await retrying(self._round)
        return outcome

    async def _round(self) -> StepOutcome:
        """Run one attempt, or try each matching provider until one succeeds."""
        requires = self.ready.requires
        if not requires:
            return await self._attempt(None, "")
        if self.providers is None:
            wanted = ", ".join(requires)
            message = f"requires a provider with {wanted}, but the executor has no providers"
            return StepOutcome(error=self._error(Fault.PROVIDER, message, len(self.attempts)))
        view = self.snapshot.view(self.ready.workspace)
        failed: dict[str, str] = {}
        last: StepOutcome | None = None
        while True:
            try:
                with Contained(StepwellError) as choosing:
                    choice = self.providers.select(
                        requires, exclude=dict(failed), session=self.context.session, view=view
                    )
            except StepwellError as error:
                return last or StepOutcome(error=self._no_provider(error))
            if choosing.error is not None:
                return StepOutcome(error=self._failed(choosing.error))
            name, reason = choice.provider.name, choice.reason
            if failed:
                before, why = next(reversed(failed.items()))
                reason = f"{before} failed ({why}); {reason}" if reason else f"{before} failed ({why})"
            self.events.notify(ProviderChosen(self.number, self.name, name, reason, tuple(failed)))
            last = await self._attempt(choice.provider, reason)
            if last.error is None or not _passes_on(last.error) or name in failed:
                return last
            failed[name] = last.error.message.partition("\n")[0]

    async def _attempt(self, provider: Provider | None, reason: str) -> StepOutcome:
        if self.ready.is_async:
            return await self._timed(provider, reason)
        async with self.threads.place():
            return await self._timed(provider, reason)

    async def _timed(self, provider: Provider | None, reason: str) -> StepOutcome:
        timeout = self.timeout
        began = self._start(provider)
        stop = _Stop()
        deadline = None if timeout is None else time.monotonic() + timeout
        given = self._context(provider, deadline, stop)
        outcome: StepOutcome | None = None
        try:
            work = self._contained(self._work(given))
            outcome = await (work if timeout is None else self._within(timeout, work, stop))
        finally:
            stop.is_set = True
            if outcome is None:  # cancelled: notify before the exception propagates
                cancelled = self._error(Fault.CANCELLED, "the run was cancelled", len(self.attempts) + 1)
                self._ended(began, provider, reason, StepOutcome(error=cancelled))
        return self._ended(began, provider, reason, outcome)

    async def _within(self, timeout: float, work: Any, stop: _Stop) -> StepOutcome:
        """Return the outcome of the work, or a timeout.

        The work runs as a task, so that ``SystemExit`` does not stop the event loop.
        """
        task = asyncio.ensure_future(work)
        try:
            done, _ = await asyncio.wait({task}, timeout=timeout)
        except asyncio.CancelledError:
            stop.is_set = True
            await self._cancel(task)
            raise
        if done:
            if task.cancelled():
                return StepOutcome(error=self._cancelled_itself())
            outcome: StepOutcome = task.result()
            return outcome
        stop.is_set = True
        await self._cancel(task)
        message = f"no result after {timeout:g} s"
        return StepOutcome(error=self._error(Fault.TIMEOUT, message, len(self.attempts) + 1))

    async def _cancel(self, task: asyncio.Task[StepOutcome]) -> None:
        task.cancel()
        await asyncio.wait({task}, timeout=_GRACE)

    async def _work(self, given: RunContext) -> Any:
        call, parameters = self.ready.call, self.parameters
        if self.ready.is_async:
            return await call(parameters, given)
        value = await self.threads.start(_caught(call, parameters, given))
        if isinstance(value, _Raised):
            raise value.error
        return await value if hasattr(type(value), "__await__") else value

    async def _contained(self, awaitable: Any) -> StepOutcome:
        """Return the outcome of an awaitable; only cancellation from outside propagates."""
        try:
            return StepOutcome(await awaitable)
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            return StepOutcome(error=self._cancelled_itself())
        except BaseException as error:  # a step may raise anything
            if isinstance(error, KeyboardInterrupt) and _on_main():
                raise
            return StepOutcome(error=self._failed(error))

    def _context(
        self, provider: Provider | None, deadline: float | None, stop: Callable[[], bool] | None
    ) -> RunContext:
        context = self.context
        return RunContext(
            self.ready.definition,
            self.ready.workspace,
            provider,
            len(self.attempts) + 1,
            deadline,
            context.values,
            context.session,
            context.folder,
            self.nested,
            context.emit,
            stop or _never,
            self.depth,
        )

    def _start(self, provider: Provider | None) -> float:
        if self.events.subscribers:
            name = None if provider is None else provider.name
            self.events.notify(AttemptStarted(self.number, self.name, len(self.attempts) + 1, name))
        return time.perf_counter()

    def _ended(
        self, began: float, provider: Provider | None, reason: str, outcome: StepOutcome
    ) -> StepOutcome:
        name = None if provider is None else provider.name
        seconds = time.perf_counter() - began
        attempt = Attempt(len(self.attempts) + 1, name, seconds, outcome.error, reason)
        self.attempts.append(attempt)
        if self.events.subscribers:
            self.events.notify(AttemptEnded(self.number, self.name, attempt))
        return outcome

    def _error(self, fault: Fault, message: str, attempt: int) -> StepError:
        return StepError(self.name, fault, message, self.ready.place, attempt)

    def _no_provider(self, error: StepwellError) -> StepError:
        after = error.retry_after if isinstance(error, NoProvider) else None
        failed = StepError(
            self.name, Fault.PROVIDER, str(error), self.ready.place, len(self.attempts), retry_after=after
        )
        failed.__cause__ = error
        return failed

    def _cancelled_itself(self) -> StepError:
        return self._error(Fault.CANCELLED, "the step cancelled itself", len(self.attempts) + 1)

    def _failed(self, error: BaseException) -> StepError:
        number, place = len(self.attempts) + 1, self.ready.place
        if isinstance(error, ProviderError):
            failed = StepError(
                self.name, Fault.PROVIDER, str(error), place, number, retry_after=error.retry_after
            )
        else:
            failed = StepError(self.name, Fault.ERROR, worded(error), place, number)
        failed.__cause__ = error
        return failed


class _Raised:
    """Exception raised in a thread."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


def _caught(
    call: Callable[[Mapping[str, Any], RunContext], Any], parameters: Mapping[str, Any], given: RunContext
) -> Callable[[], Any]:
    def caught() -> Any:
        try:
            return call(parameters, given)
        except BaseException as error:  # noqa: BLE001 - a step may raise anything
            return _Raised(error)

    return caught


def _again(retry: Retry, error: StepError | None) -> bool:
    if error is None or error.fault in (Fault.CANCELLED, Fault.INVALID_PARAMETERS):
        return False
    cause = error.cause
    if isinstance(cause, (SystemExit, KeyboardInterrupt)):
        return False
    if isinstance(cause, ProviderError) and not cause.passes:
        return False
    if (error.retry_after or 0.0) > retry.max_wait:
        return False
    if retry.on is None:
        return True
    classes = () if cause is None else tuple(parent.__name__ for parent in type(cause).__mro__)
    return error.fault.value in retry.on or any(name in retry.on for name in classes)


def _passes_on(error: StepError) -> bool:
    """Return whether another provider may succeed."""
    if isinstance(error.cause, ProviderError):
        return error.cause.passes
    return error.fault is Fault.TIMEOUT


def _is_cancelled() -> bool:
    """Return whether the task is being cancelled; Python before 3.11 cannot know and returns true."""
    task: Any = asyncio.current_task()
    return not hasattr(task, "cancelling") or task.cancelling() > 0


def _on_main() -> bool:
    return threading.current_thread() is threading.main_thread()


def _never() -> bool:
    return False
