"""Contract test for providers.

In your own test::

    def test_my_provider() -> None:
        asyncio.run(check_provider(lambda: MyProvider(Setup("Mine", settings={...}))))
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from random import Random
from types import MappingProxyType
from typing import Any, Final, final

from stepwell.model.provider_protocol import (
    Chunk,
    Failure,
    Message,
    Provider,
    ProviderError,
    Request,
    Response,
    Usage,
)
from stepwell.model.schema import compiled

__all__ = ["Faulty", "check_provider"]

_SCHEMA: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "type": "object",
        "properties": {"title": {"type": "string", "minLength": 1}, "pages": {"type": "integer"}},
        "required": ["title", "pages"],
        "additionalProperties": False,
    }
)
_PATIENCE: Final = 60.0


async def check_provider(
    make: Callable[[], Provider],
    *,
    structured: bool = True,
    secrets: Iterable[str] = (),
    patience: float = _PATIENCE,
) -> None:
    """Check a provider against the contract.

    Args:
       secrets: texts that it must not reveal.
       patience: time limit in seconds for one exchange.

    Raises:
       AssertionError: the violated rule.
    """
    for check in (
        _says_who_it_is,
        _answers,
        _streams,
        _refuses_what_is_no_schema,
        _answers_many_at_once,
        _keeps_to_the_time,
        _can_be_cancelled,
        _can_be_left_in_the_middle,
        _shows_a_sign_of_life,
        _closes_twice,
        *((_gives_data_that_fits,) if structured else ()),
    ):
        provider = make()
        try:
            await asyncio.wait_for(check(provider, patience), patience * 4)
            for secret in secrets:
                _hold(secret not in repr(provider), "repr() must not contain the secret")
        finally:
            await provider.close()


def _asked(text: str = "Say something.", **more: Any) -> Request:
    return Request((Message("user", text),), **more)


async def _says_who_it_is(provider: Provider, _: float) -> None:
    _hold(isinstance(provider, Provider), "a provider must have name, complete, stream, probe and close")
    _hold(isinstance(provider.name, str), "the name must be a text")
    _hold(provider.name, "the name must not be empty")


async def _answers(provider: Provider, patience: float) -> None:
    for messages in (
        (Message("user", "Say something."),),
        (
            Message("system", "Be brief."),
            Message("user", "One?"),
            Message("assistant", "One."),
            Message("user", "Zwölf 十二?"),
        ),
    ):
        response = await provider.complete(Request(messages, timeout=patience))
        _is_response(response)
        _hold(response.data is None, "data must be None without a schema")


async def _streams(provider: Provider, patience: float) -> None:
    chunks = [chunk async for chunk in provider.stream(_asked(timeout=patience))]
    _hold(chunks, "a stream must not be empty")
    *pieces, last = chunks
    _hold(all(piece.response is None for piece in pieces), "only the last chunk may have the response")
    _hold(last.text == "", "the last chunk must not have text")
    whole = _whole_of(last)
    _is_response(whole)
    text = "".join(piece.text for piece in pieces)
    _hold(text.rstrip("\n") == whole.text.rstrip("\n"), "the chunks must add up to the response")


async def _gives_data_that_fits(provider: Provider, patience: float) -> None:
    response = await provider.complete(_asked(schema=_SCHEMA, timeout=patience))
    _is_response(response)
    _hold(compiled(_SCHEMA).is_valid(response.data), "data must match the schema")
    chunks = [chunk async for chunk in provider.stream(_asked(schema=_SCHEMA, timeout=patience))]
    last = _whole_of(chunks[-1])
    _hold(compiled(_SCHEMA).is_valid(last.data), "streamed data must match the schema")


async def _refuses_what_is_no_schema(provider: Provider, patience: float) -> None:
    error = await _error(provider.complete(_asked(schema={"type": "objekt"}, timeout=patience)))
    failure = None if error is None else error.failure
    _hold(failure is Failure.INVALID_REQUEST, "an invalid schema must be rejected as an invalid request")


async def _answers_many_at_once(provider: Provider, patience: float) -> None:
    asked = (provider.complete(_asked(f"Number {number}.", timeout=patience)) for number in range(8))
    for response in await asyncio.gather(*asked):
        _is_response(response)


async def _keeps_to_the_time(provider: Provider, patience: float) -> None:
    error = await _error(provider.complete(_asked(timeout=0.000_001)))
    _hold(error is None or error.failure is Failure.TIMEOUT, "exceeding the time limit must be a timeout")
    _is_response(await provider.complete(_asked(timeout=patience)))


async def _can_be_cancelled(provider: Provider, patience: float) -> None:
    running = asyncio.ensure_future(provider.complete(_asked(timeout=patience)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    _is_response(await provider.complete(_asked(timeout=patience)))


async def _can_be_left_in_the_middle(provider: Provider, patience: float) -> None:
    chunks = provider.stream(_asked("Say several words.", timeout=patience))
    async for _ in chunks:
        break
    close = getattr(chunks, "aclose", None)
    if close is None:
        raise AssertionError("a stream must be closable")
    await close()
    _is_response(await provider.complete(_asked(timeout=patience)))


async def _shows_a_sign_of_life(provider: Provider, patience: float) -> None:
    await asyncio.wait_for(provider.probe(), patience)


async def _closes_twice(provider: Provider, patience: float) -> None:
    await provider.complete(_asked(timeout=patience))
    await provider.close()
    await provider.close()


async def _error(asked: Awaitable[Response]) -> ProviderError | None:
    try:
        await asked
    except ProviderError as error:
        raised = error
    else:
        return None
    _hold(bool(raised.message), "an error must have a message")
    return raised


def _whole_of(chunk: Chunk) -> Response:
    if chunk.response is None:
        raise AssertionError("the last chunk must have the response")
    return chunk.response


def _hold(kept: object, rule: str) -> None:
    if not kept:
        raise AssertionError(rule)


def _is_response(response: Response) -> None:
    _hold(type(response) is Response, "complete() must return a Response")
    _hold(isinstance(response.text, str), "the text of a response must be a str")
    _hold(response.finish in ("end", "length", "stop"), "finish must be end, length or stop")
    if response.usage is not None:
        _hold(isinstance(response.usage, Usage), "usage must be a Usage")
        _hold(
            min(response.usage.input_tokens, response.usage.output_tokens) >= 0,
            "token counts must not be negative",
        )


@final
class Faulty:
    """Provider with reproducible random failures; it echoes the last message.

    Args:
       errors: share of requests that fail, 0 to 1.
       hangs: share of requests without an answer, 0 to 1.
       burst: number of requests before a temporary rate limit; 0 for never.
       retry_after: seconds to wait after a rate limit.
    """

    def __init__(
        self,
        name: str,
        seed: int = 0,
        *,
        errors: float = 0.0,
        hangs: float = 0.0,
        burst: int = 0,
        burst_length: int = 5,
        retry_after: float | None = None,
        seconds: float = 0.0,
    ) -> None:
        self.name = name
        self._random = Random(seed)  # noqa: S311 - not for cryptography
        self._errors = errors
        self._hangs = hangs
        self._burst = burst
        self._burst_length = burst_length
        self._retry_after = retry_after
        self._seconds = seconds
        self.requests = 0
        self.under_way = 0
        self.most_under_way = 0

    async def complete(self, request: Request) -> Response:
        """Answer, or fail."""
        self.requests += 1
        number = self.requests
        drawn = self._random.random()
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self._seconds)
            if self._burst and (number - 1) % (self._burst + self._burst_length) >= self._burst:
                raise ProviderError(self.name, Failure.RATE_LIMITED, "rate limit exceeded", self._retry_after)
            if drawn < self._errors:
                raise ProviderError(self.name, Failure.UNAVAILABLE, "simulated failure")
            if drawn < self._errors + self._hangs:
                await asyncio.sleep(request.timeout * 2 if request.timeout else 3600)
            return Response(request.messages[-1].content)
        finally:
            self.under_way -= 1

    async def stream(self, request: Request) -> AsyncIterator[Chunk]:
        """Answer in one chunk, or fail."""
        response = await self.complete(request)
        yield Chunk(response.text)
        yield Chunk("", response)

    async def probe(self) -> None:
        """Pass the health check."""

    async def close(self) -> None:
        """Do nothing."""
