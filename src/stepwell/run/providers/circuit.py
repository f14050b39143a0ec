"""State of one provider: limits, health figures and circuit breaker.

The breaker is pybreaker's, the rate limit that of limits.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final, final

from stepwell.model import ProviderDefinition
from stepwell.model.provider_protocol import Failure, ProviderError
from stepwell.source.errors import StepwellError

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.strategies import MovingWindowRateLimiter
    from pybreaker import CircuitBreaker, CircuitMemoryStorage

__all__ = [
    "Figures",
    "ProviderState",
    "Slots",
]


@final
class Slots:
    """Concurrency slots, granted in the order of requests.

    Args:
        limit: ``None`` for no limit.
    """

    __slots__ = ("_limit", "_lock", "_waiting", "taken")

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._waiting: deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = deque()
        self.taken = 0

    @property
    def full(self) -> bool:
        """Return whether the next request would wait."""
        return self._limit is not None and self.taken >= self._limit

    def resize(self, limit: int | None) -> None:
        """Change the limit; granted slots stay granted."""
        with self._lock:
            self._limit = limit
            self._serve()

    async def take(self) -> None:
        """Wait for a slot and take it."""
        loop = asyncio.get_running_loop()
        with self._lock:
            if not self.full and not self._waiting:
                self.taken += 1
                return
            waiting: asyncio.Future[None] = loop.create_future()
            self._waiting.append((loop, waiting))
        try:
            await waiting
        except asyncio.CancelledError:
            with self._lock:
                if (loop, waiting) in self._waiting:
                    self._waiting.remove((loop, waiting))
                else:  # granted at the same moment: pass it on
                    self.taken -= 1
                    self._serve()
            raise

    def return_permit(self) -> None:
        """Return a slot, from any thread."""
        with self._lock:
            self.taken -= 1
            self._serve()

    def _serve(self) -> None:
        while self._waiting and not self.full:
            loop, waiting = self._waiting.popleft()
            try:
                loop.call_soon_threadsafe(_wake, waiting)
            except RuntimeError:  # the loop was closed
                continue
            self.taken += 1


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


_WEIGHT: Final = 0.3
"""Weight of the latest value in a running mean."""

_FORGOTTEN: Final = 60.0
"""Half-life of the error share without requests, in seconds."""

_UNHEALTHY: Final = frozenset(
    {Failure.AUTHENTICATION, Failure.MALFORMED, Failure.NOT_FOUND, Failure.TIMEOUT, Failure.UNAVAILABLE}
)
"""Failures of the provider; all others are failures of a request."""


@final
@dataclass(frozen=True, slots=True)
class Figures:
    """Status and health figures of a provider at one instant.

    Args:
        state: ``well``; ``failing``: the last request failed; ``left alone``: the circuit is open;
            ``trying again``: half open, the next request decides; ``unknown``: no request yet.
        latency: running mean in seconds; ``None`` before the first answer.
        error_share: running mean of failed requests, 0 to 1.
        back_in: seconds until requests are accepted again; 0 if they are accepted now.
        last_failure: message of the last failure; empty if none.
        probed_at: time of the last health check, in seconds since 1970; ``None`` for never.
    """

    state: str
    under_way: int
    requests: int
    failures: int
    latency: float | None
    error_share: float
    back_in: float
    last_failure: str
    probed_at: float | None


@final
class ProviderState:
    """State of one provider, kept across reloads; safe in threads and tasks.

    Args:
        clock: returns seconds, like ``time.monotonic``.
    """

    def __init__(self, definition: ProviderDefinition, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = definition.name
        self._clock = clock
        self._lock = threading.Lock()
        self._breaker, self._storage = _breaker(definition.name)
        self._slots = Slots(None)
        self._rate: tuple[int, MovingWindowRateLimiter, RateLimitItem] | None = None
        self._recovery = 0.0
        self._trying = False
        self._cooling_until = 0.0
        self._requests = 0
        self._failures = 0
        self._latency: float | None = None
        self._error_share = 0.0
        self._error_at = clock()
        self._last_failure = ""
        self._last_failed = False
        self._probed_at: float | None = None
        self.keep_to(definition)

    def keep_to(self, definition: ProviderDefinition) -> None:
        """Apply the limits of a new definition and keep the state."""
        health, limits = definition.health_limits, definition.quota
        with self._lock:
            self._breaker.fail_max = health.failures
            self._breaker.reset_timeout = self._recovery = health.recovery
            per_minute = limits.requests_per_minute
            if per_minute is None:
                self._rate = None
            elif self._rate is None or self._rate[0] != per_minute:
                self._rate = (per_minute, *_window(per_minute))
        self._slots.resize(limits.concurrency)

    @property
    def is_full(self) -> bool:
        """Return whether another request would wait."""
        return self._slots.full or self._minute_left() > 0

    def back_in(self) -> float:
        """Return the seconds until requests are accepted again; 0 if they are accepted now."""
        cooling = max(0.0, self._cooling_until - self._clock())
        if self._breaker.current_state != "open":
            return max(cooling, 0.001) if self._trying and self._is_half_open() else cooling
        opened = self._storage.opened_at
        since = (datetime.now(timezone.utc) - opened).total_seconds() if opened is not None else 0.0
        return max(cooling, self._recovery - since, 0.0)

    def why_not(self) -> str:
        """Return why requests are rejected; empty if they are accepted."""
        if self._clock() < self._cooling_until:
            return f"rate limited for another {self._cooling_until - self._clock():.1f} s"
        left = self.back_in()
        if not left:
            return ""
        if self._is_half_open():
            return "a trial request is in progress"
        return f"circuit open for another {left:.1f} s after failures: {self._last_failure}"

    def figures(self) -> Figures:
        """Return the current status and health figures."""
        with self._lock:
            left = self.back_in()
            if left and not self._is_half_open():
                state = "left alone"
            elif self._breaker.current_state != "closed":
                state = "trying again"
            elif self._last_failed:
                state = "failing"
            else:
                state = "well" if self._requests or self._probed_at is not None else "unknown"
            return Figures(
                state,
                self._slots.taken,
                self._requests,
                self._failures,
                self._latency,
                self._faded_share(),
                left,
                self._last_failure,
                self._probed_at,
            )

    async def admit(self) -> float:
        """Wait for a slot and count one request; ``settle`` ends it.

        Returns:
            Clock time at which the request started.

        Raises:
            ProviderError: requests are currently rejected.
        """
        self._reject_if_unavailable()
        await self._slots.take()
        with ExitStack() as undo:
            undo.callback(self._slots.return_permit)
            while left := self._take_of_minute():
                await asyncio.sleep(left)
            with self._lock:
                self._reject_if_unavailable()
                if self._breaker.current_state == "open":
                    self._breaker.half_open()
                self._trying = self._trying or self._is_half_open()
                self._requests += 1
            undo.pop_all()
        return self._clock()

    def settle(self, began: float, error: ProviderError | None, *, gave_up: bool = False) -> None:
        """End an admitted request.

        Args:
            began: return value of ``admit``.
        """
        now = self._clock()
        with self._lock:
            self._trying = False
            if not gave_up:
                self._learn(error, now, now - began)
        self._slots.return_permit()

    def record_probe(self, error: ProviderError | None, seconds: float) -> None:
        """Record the outcome of a health check."""
        with self._lock:
            self._probed_at = time.time()
            if error is None and self._breaker.current_state == "open" and not self.back_in():
                self._breaker.half_open()
            self._learn(error, self._clock(), seconds, is_probe=True)

    def _learn(
        self, error: ProviderError | None, now: float, seconds: float, *, is_probe: bool = False
    ) -> None:
        unhealthy = error is not None and error.failure in _UNHEALTHY
        self._last_failed = error is not None and error.passes
        if error is not None:
            self._failures += 0 if is_probe else 1
            self._last_failure = f"{error.failure.value}: {error.message}"
            if error.failure is Failure.RATE_LIMITED:
                self._cooling_until = max(self._cooling_until, now + (error.retry_after or 1.0))
            elif error.retry_after:
                self._cooling_until = max(self._cooling_until, now + error.retry_after)
        elif not is_probe:
            before = self._latency
            self._latency = seconds if before is None else before + _WEIGHT * (seconds - before)
        failed = 1.0 if error is not None and error.passes else 0.0
        share = self._faded_share()
        self._error_share, self._error_at = share + _WEIGHT * (failed - share), now
        _record(self._breaker, unhealthy)

    def _faded_share(self) -> float:
        return float(self._error_share * 0.5 ** ((self._clock() - self._error_at) / _FORGOTTEN))

    def _reject_if_unavailable(self) -> None:
        left = self.back_in()
        if left:
            failure = Failure.UNAVAILABLE
            if self._clock() < self._cooling_until:
                failure = Failure.RATE_LIMITED
            raise ProviderError(self.name, failure, self.why_not(), left)

    def _is_half_open(self) -> bool:
        return bool(self._breaker.current_state == "half-open")

    def _minute_left(self) -> float:
        """Return the seconds until the rate limit allows another request."""
        rate = self._rate
        if rate is None:
            return 0.0
        _, limiter, item = rate
        if limiter.test(item, self.name):
            return 0.0
        return max(0.001, limiter.get_window_stats(item, self.name).reset_time - time.time())

    def _take_of_minute(self) -> float:
        """Count one request; return the seconds to wait if the rate limit is exceeded."""
        rate = self._rate
        if rate is None or rate[1].hit(rate[2], self.name):
            return 0.0
        return max(0.001, self._minute_left())


class _UnhealthyError(Exception):
    """Failure that the circuit breaker counts."""


def _record(breaker: CircuitBreaker, unhealthy: bool) -> None:
    from pybreaker import CircuitBreakerError

    def outcome() -> None:
        if unhealthy:
            raise _UnhealthyError

    with suppress(_UnhealthyError, CircuitBreakerError):  # the circuit may already be open
        breaker.call(outcome)


def _breaker(name: str) -> tuple[CircuitBreaker, CircuitMemoryStorage]:
    try:
        from pybreaker import CircuitBreaker, CircuitMemoryStorage
    except ImportError:
        raise _missing() from None
    storage = CircuitMemoryStorage("closed")
    return CircuitBreaker(state_storage=storage, name=name), storage


def _window(per_minute: int) -> tuple[Any, Any]:
    try:
        from limits import RateLimitItemPerMinute
        from limits.storage import MemoryStorage
        from limits.strategies import MovingWindowRateLimiter
    except ImportError:
        raise _missing() from None
    return MovingWindowRateLimiter(MemoryStorage()), RateLimitItemPerMinute(per_minute)


def _missing() -> StepwellError:
    return StepwellError("providers need the extra `ai`: pip install 'stepwell[ai]'")
