"""What every provider keeps to: one check that our own implementations pass, and those of others.

In a test of your own::

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
    """Hold a provider to all that is asked of one.

    Args:
        secrets: texts that it must not show.
        patience: seconds that one exchange may take.

    Raises:
        AssertionError: it does not keep to it; the message says to what.
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
                _hold(secret not in repr(provider), "a provider does not show its secret")
        finally:
            await provider.close()


def _asked(text: str = "Say something.", **more: Any) -> Request:
    return Request((Message("user", text),), **more)


async def _says_who_it_is(provider: Provider, _: float) -> None:
    _hold(isinstance(provider, Provider), "a provider has name, complete, stream, probe and close")
    _hold(isinstance(provider.name, str), "a provider's name is a text")
    _hold(provider.name, "a provider has a name")


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
        _hold(response.data is None, "there is data only where a schema is asked for")


async def _streams(provider: Provider, patience: float) -> None:
    chunks = [chunk async for chunk in provider.stream(_asked(timeout=patience))]
    _hold(chunks, "a stream has a last piece")
    *pieces, last = chunks
    _hold(all(one.response is None for one in pieces), "only the last piece has the whole answer")
    _hold(last.text == "", "the last piece has no text")
    whole = _whole_of(last)
    _is_response(whole)
    said = "".join(one.text for one in pieces)
    _hold(said.rstrip("\n") == whole.text.rstrip("\n"), "the pieces together are the answer")


async def _gives_data_that_fits(provider: Provider, patience: float) -> None:
    response = await provider.complete(_asked(schema=_SCHEMA, timeout=patience))
    _is_response(response)
    _hold(compiled(_SCHEMA).is_valid(response.data), "the data fits the schema")
    chunks = [chunk async for chunk in provider.stream(_asked(schema=_SCHEMA, timeout=patience))]
    last = _whole_of(chunks[-1])
    _hold(compiled(_SCHEMA).is_valid(last.data), "the data fits the schema when it is streamed")


async def _refuses_what_is_no_schema(provider: Provider, patience: float) -> None:
    error = await _error(provider.complete(_asked(schema={"type": "objekt"}, timeout=patience)))
    failure = None if error is None else error.failure
    _hold(failure is Failure.INVALID_REQUEST, "what is no schema is refused as an invalid request")


async def _answers_many_at_once(provider: Provider, patience: float) -> None:
    asked = (provider.complete(_asked(f"Number {number}.", timeout=patience)) for number in range(8))
    for response in await asyncio.gather(*asked):
        _is_response(response)


async def _keeps_to_the_time(provider: Provider, patience: float) -> None:
    error = await _error(provider.complete(_asked(timeout=0.000_001)))
    _hold(error is None or error.failure is Failure.TIMEOUT, "what takes too long is a timeout")
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
        raise AssertionError("a stream can be closed")
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
        told = error
    else:
        return None
    _hold(bool(told.message), "an error says what happened")
    return told


def _whole_of(chunk: Chunk) -> Response:
    if chunk.response is None:
        raise AssertionError("the last piece has the whole answer")
    return chunk.response


def _hold(kept: object, rule: str) -> None:
    if not kept:
        raise AssertionError(rule)


def _is_response(response: Response) -> None:
    _hold(type(response) is Response, "an answer is a Response")
    _hold(isinstance(response.text, str), "an answer is a text")
    _hold(response.finish in ("end", "length", "stop"), "an answer says why it ended")
    if response.usage is not None:
        _hold(isinstance(response.usage, Usage), "what it took is a Usage")
        _hold(min(response.usage.input_tokens, response.usage.output_tokens) >= 0, "no fewer than no tokens")


@final
class Faulty:
    """A provider that fails now and then, always alike for the same seed; it answers with the last message.

    Args:
        errors: the share of requests that fail, 0 to 1.
        hangs: the share of requests that are never answered, 0 to 1.
        burst: after how many requests it says for a while that too much is asked of it; 0 for never.
        retry_after: seconds after which it then says to ask again.
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
        self._random = Random(seed)  # noqa: S311 - nothing is kept secret by it
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
                raise ProviderError(self.name, Failure.RATE_LIMITED, "too much is asked", self._retry_after)
            if drawn < self._errors:
                raise ProviderError(self.name, Failure.UNAVAILABLE, "it fails on purpose")
            if drawn < self._errors + self._hangs:
                await asyncio.sleep(request.timeout * 2 if request.timeout else 3600)
            return Response(request.messages[-1].content)
        finally:
            self.under_way -= 1

    async def stream(self, request: Request) -> AsyncIterator[Chunk]:
        """Answer in one piece, or fail."""
        response = await self.complete(request)
        yield Chunk(response.text)
        yield Chunk("", response)

    async def probe(self) -> None:
        """It is always there."""

    async def close(self) -> None:
        """There is nothing to let go of."""
