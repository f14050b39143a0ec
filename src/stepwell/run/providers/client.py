"""Provider client that enforces limits, records health and redacts secrets."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar, final

from stepwell.model.provider_protocol import Chunk, Failure, Provider, ProviderError, Request, Response
from stepwell.run.providers.circuit import ProviderState
from stepwell.run.providers.factory import Secrets
from stepwell.run.providers.structured_output import within, within_each
from stepwell.source.foreign_code import Contained, worded

__all__ = ["Guarded"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

_LONGEST: Final = 600.0
"""Default time limit of an exchange, in seconds."""


@final
class Guarded:
    """A provider of a view.

    Every request waits for a slot and records its outcome. Every exception of an implementation becomes a
    ``ProviderError``, and the provider's own secrets are redacted in answers and messages.
    """

    __slots__ = ("_provider", "_secrets", "name", "state")

    def __init__(self, provider: Provider, state: ProviderState, secrets: Secrets) -> None:
        self.name = state.name
        self.state = state
        self._provider = provider
        self._secrets = secrets

    def __repr__(self) -> str:
        return f"<provider {self.name}>"

    async def complete(self, request: Request) -> Response:
        """Answer a request.

        Raises:
            ProviderError: the only exception besides cancellation.
        """
        seconds = request.timeout or _LONGEST
        clock = asyncio.get_running_loop().time
        ends = clock() + seconds
        began = await within(self.name, seconds, self.state.admit())
        settle: Callable[..., None] = self.state.settle
        try:
            left = max(0.001, ends - clock())
            timed = request if request.timeout is None else replace(request, timeout=left)
            answer = await self._answer(left, partial(self._provider.complete, timed))
        except asyncio.CancelledError:
            settle(began, None, gave_up=True)
            raise
        if isinstance(answer, ProviderError):
            settle(began, answer)
            raise answer
        settle(began, None)
        return self._clean(answer)

    async def stream(self, request: Request) -> AsyncIterator[Chunk]:
        """Stream the answer to a request.

        Raises:
            ProviderError: the only exception besides cancellation.
        """
        seconds = request.timeout or _LONGEST
        clock = asyncio.get_running_loop().time
        ends = clock() + seconds
        began = await within(self.name, seconds, self.state.admit())
        left = max(0.001, ends - clock())
        timed = request if request.timeout is None else replace(request, timeout=left)
        error: ProviderError | None = None
        is_whole = False
        try:
            async with (
                aclosing(
                    within_each(self.name, left, _each_without_exit(self.name, self._provider.stream(timed)))
                ) as chunks,
                aclosing(self._without_secrets(chunks)) as redacted,
            ):
                async for chunk in redacted:
                    is_whole = chunk.response is not None
                    yield chunk
        except (asyncio.CancelledError, GeneratorExit):
            self.state.settle(began, None, gave_up=not is_whole)
            raise
        except Exception as raised:  # noqa: BLE001 - an implementation may raise anything; it is logged
            error = self._failure(raised)
        if error is None and not is_whole:
            error = ProviderError(self.name, Failure.MALFORMED, "the answer is incomplete")
        self.state.settle(began, error)
        if error is not None:
            raise error

    async def probe(self, timeout: float | None = None) -> None:
        """Run a health check and record the outcome.

        Args:
            timeout: seconds.

        Raises:
            ProviderError: the check failed.
        """
        clock = asyncio.get_running_loop().time
        began = clock()
        answer = await self._answer(timeout or _LONGEST, self._provider.probe)
        error = answer if isinstance(answer, ProviderError) else None
        self.state.record_probe(error, clock() - began)
        if error is not None:
            raise error

    async def close(self) -> None:
        """Release resources of the implementation; idempotent."""
        with Contained() as outcome:
            await self._provider.close()
        if outcome.error is not None:
            self._failure(outcome.error)

    async def _answer(self, seconds: float, call: Callable[[], Awaitable[T]]) -> T | ProviderError:
        """Return the answer or the failure.

        The failure is raised outside the handler, because the original exception may contain a secret.
        """
        try:
            return await within(self.name, seconds, _without_exit(self.name, call))
        except Exception as raised:  # noqa: BLE001 - an implementation may raise anything; it is logged
            return self._failure(raised)

    def _failure(self, raised: BaseException) -> ProviderError:
        if isinstance(raised, ProviderError):
            message = self._secrets.without(raised.message)
            return ProviderError(self.name, raised.failure, message, raised.retry_after)
        trace = "".join(traceback.format_exception(type(raised), raised, raised.__traceback__))
        _log.warning("the provider %s failed:\n%s", self.name, self._secrets.without(trace))
        message = self._secrets.without(worded(raised))
        return ProviderError(self.name, Failure.UNAVAILABLE, f"implementation raised {message}")

    def _clean(self, response: Response) -> Response:
        """Return the answer with the provider's own secrets redacted."""
        known = self._secrets.known()
        if not known:
            return response
        return replace(response, text=redact(response.text, known), data=_redact_all(response.data, known))

    async def _without_secrets(self, chunks: AsyncIterator[Chunk]) -> AsyncGenerator[Chunk, None]:
        known = self._secrets.known()
        if not known:
            async for chunk in chunks:
                yield chunk
            return
        overlap = max(map(len, known)) - 1
        tail = ""  # may be the beginning of a secret
        async for chunk in chunks:
            tail = redact(tail + chunk.text, known)
            if chunk.response is not None:
                if tail:
                    yield Chunk(tail)
                yield Chunk("", self._clean(chunk.response))
                return
            ready, tail = (tail[:-overlap], tail[-overlap:]) if overlap else (tail, "")
            if ready:
                yield Chunk(ready)


def redact(text: str, known: tuple[str, ...]) -> str:
    for secret in known:
        text = text.replace(secret, "*" * len(secret))
    return text


def _redact_all(data: Any, known: tuple[str, ...]) -> Any:
    if isinstance(data, str):
        return redact(data, known)
    if isinstance(data, Mapping):
        return {redact(key, known): _redact_all(value, known) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_redact_all(item, known) for item in data]
    return data


async def _without_exit(name: str, call: Callable[[], Awaitable[T]]) -> T:
    """Await a call of an implementation; ``SystemExit``, which would stop the event loop, is a failure."""
    try:
        return await call()
    except SystemExit as exits:
        fault = worded(exits)
    raise _exited(name, fault)


async def _each_without_exit(name: str, pieces: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    fault = ""
    try:
        async for piece in pieces:
            yield piece
    except SystemExit as exits:
        fault = worded(exits)
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()
    if fault:
        raise _exited(name, fault)


def _exited(name: str, fault: str) -> ProviderError:
    return ProviderError(name, Failure.UNAVAILABLE, f"implementation raised {fault}")
