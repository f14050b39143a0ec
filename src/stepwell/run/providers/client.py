"""A provider as steps are given it: within its limits, watched, and without a secret in what it says."""

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
from stepwell.source.exception_text import worded
from stepwell.source.foreign_code import Contained

__all__ = ["Guarded"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

_LONGEST: Final = 600.0
"""Seconds that an exchange may take where neither the request nor the provider says anything."""


@final
class Guarded:
    """One provider of a view, ready to be asked.

    Every request waits for its turn within the provider's limits, and its outcome is told to the
    provider's state. Whatever an implementation raises becomes a ``ProviderError``, and the provider's
    secrets are drawn over wherever it says them.

    Args:
        secrets: its secrets.
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
        """Answer, when it is this request's turn.

        Raises:
            ProviderError: and nothing else, but for cancellation.
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
        """Answer piece by piece, when it is this request's turn.

        Raises:
            ProviderError: and nothing else, but for cancellation.
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
                    within_each(self.name, left, _each_kept(self.name, self._provider.stream(timed)))
                ) as chunks,
                aclosing(self._without_secrets(chunks)) as covered,
            ):
                async for chunk in covered:
                    is_whole = chunk.response is not None
                    yield chunk
        except (asyncio.CancelledError, GeneratorExit):
            self.state.settle(began, None, gave_up=not is_whole)
            raise
        except Exception as raised:  # noqa: BLE001 - an implementation may raise anything; it is logged
            error = self._told(raised)
        if error is None and not is_whole:
            error = ProviderError(self.name, Failure.MALFORMED, "the answer has no end")
        self.state.settle(began, error)
        if error is not None:
            raise error

    async def probe(self, timeout: float | None = None) -> None:
        """Ask for a sign of life, and remember how that went.

        Args:
            timeout: seconds that it may take.

        Raises:
            ProviderError: there is none.
        """
        clock = asyncio.get_running_loop().time
        began = clock()
        answer = await self._answer(timeout or _LONGEST, self._provider.probe)
        error = answer if isinstance(answer, ProviderError) else None
        self.state.tell_probe(error, clock() - began)
        if error is not None:
            raise error

    async def close(self) -> None:
        """Let go of what the implementation holds; twice is harmless."""
        with Contained() as outcome:
            await self._provider.close()
        if outcome.error is not None:
            self._told(outcome.error)

    async def _answer(self, seconds: float, call: Callable[[], Awaitable[T]]) -> T | ProviderError:
        """What the implementation answers in time, or how it failed.

        The failure is raised outside the handler: what was raised may hold a secret, and goes no further.
        """
        try:
            return await within(self.name, seconds, _kept(self.name, call))
        except Exception as raised:  # noqa: BLE001 - an implementation may raise anything; it is logged
            return self._told(raised)

    def _told(self, raised: BaseException) -> ProviderError:
        if isinstance(raised, ProviderError):
            message = self._secrets.without(raised.message)
            return ProviderError(self.name, raised.failure, message, raised.retry_after)
        trace = "".join(traceback.format_exception(type(raised), raised, raised.__traceback__))
        _log.warning("the provider %s failed:\n%s", self.name, self._secrets.without(trace))
        message = self._secrets.without(worded(raised))
        return ProviderError(self.name, Failure.UNAVAILABLE, f"its implementation fails with {message}")

    def _clean(self, response: Response) -> Response:
        """An answer that repeats none of the provider's own secrets."""
        known = self._secrets.known()
        if not known:
            return response
        return replace(response, text=_over(response.text, known), data=_over_all(response.data, known))

    async def _without_secrets(self, chunks: AsyncIterator[Chunk]) -> AsyncGenerator[Chunk, None]:
        known = self._secrets.known()
        if not known:
            async for chunk in chunks:
                yield chunk
            return
        kept = max(map(len, known)) - 1
        held = ""  # the end of what was said, which may be the beginning of a secret
        async for chunk in chunks:
            held = _over(held + chunk.text, known)
            if chunk.response is not None:
                if held:
                    yield Chunk(held)
                yield Chunk("", self._clean(chunk.response))
                return
            ready, held = (held[:-kept], held[-kept:]) if kept else (held, "")
            if ready:
                yield Chunk(ready)


def _over(text: str, known: tuple[str, ...]) -> str:
    for secret in known:
        text = text.replace(secret, "*" * len(secret))
    return text


def _over_all(data: Any, known: tuple[str, ...]) -> Any:
    if isinstance(data, str):
        return _over(data, known)
    if isinstance(data, Mapping):
        return {_over(key, known): _over_all(value, known) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_over_all(one, known) for one in data]
    return data


async def _kept(name: str, call: Callable[[], Awaitable[T]]) -> T:
    """What an implementation gives; that it exits is a failure, since it would end the event loop."""
    try:
        return await call()
    except SystemExit as exits:
        fault = worded(exits)
    raise _exited(name, fault)


async def _each_kept(name: str, pieces: AsyncIterator[T]) -> AsyncGenerator[T, None]:
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
    return ProviderError(name, Failure.UNAVAILABLE, f"its implementation fails with {fault}")
