"""HTTP providers: shared protocol, with one dialect per service."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn, Protocol, TypeVar, final

from stepwell.model.provider_protocol import Chunk, Failure, ProviderError, Request, Response, Usage
from stepwell.run.providers.http import Web
from stepwell.run.providers.http_errors import failure_named
from stepwell.run.providers.structured_output import answered, schema_of_request, within, within_each

__all__ = ["AnswerSoFar", "Conversing", "Dialect", "refuse_answer"]

T = TypeVar("T")
Finish = Literal["end", "length", "stop"]


@final
@dataclass(slots=True)
class AnswerSoFar:
    """Partial answer of a service.

    Args:
        data: structured data that is separate from the text.
        finish: ``None`` until the answer ends.
    """

    text: str = ""
    data: Any = None
    model: str = ""
    finish: Finish | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    reason: str = ""
    pieces: list[str] = field(default_factory=list)

    @property
    def usage(self) -> Usage | None:
        """Return the token usage, if the provider reports it."""
        if self.input_tokens is None and self.output_tokens is None:
            return None
        return Usage(self.input_tokens or 0, self.output_tokens or 0)


class Dialect(Protocol):
    """Request and response format of one service."""

    probe_path: str
    headers: Mapping[str, str]

    def target(self, request: Request, *, streaming: bool) -> tuple[str, dict[str, Any]]:
        """Return the path and body of a request.

        Raises:
            ProviderError: the service does not support the request.
        """

    def read(self, request: Request, body: Mapping[str, Any], reading: AnswerSoFar) -> None:
        """Parse a complete response.

        Raises:
            ProviderError: the response has no answer.
        """

    def read_event(self, request: Request, name: str, body: Mapping[str, Any], reading: AnswerSoFar) -> str:
        """Parse an event of a stream and return the text that it adds."""


@final
class Conversing:
    """A provider over HTTP."""

    def __init__(self, web: Web, dialect: Dialect) -> None:
        self.name = web.name
        self._web = web
        self._dialect = dialect

    async def complete(self, request: Request) -> Response:
        """Return the answer to a request."""
        return await within(self.name, request.timeout or self._web.timeout, self._completed(request))

    async def stream(self, request: Request) -> AsyncIterator[Chunk]:
        """Stream the answer to a request."""
        seconds = request.timeout or self._web.timeout
        async with aclosing(within_each(self.name, seconds, self._streamed(request))) as chunks:
            async for chunk in chunks:
                yield chunk

    async def probe(self) -> None:
        """Request the list of models, which is free of charge; a 404 counts as success."""
        await within(
            self.name, self._web.timeout, self._web.get(self._dialect.probe_path, self._dialect.headers)
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._web.close()

    async def _completed(self, request: Request) -> Response:
        schema_of_request(self.name, request)
        path, body = self._dialect.target(request, streaming=False)
        answer = await self._web.post(path, body, self._dialect.headers)
        if not isinstance(answer, dict):
            raise self._malformed("the answer is not a JSON object")
        reading = AnswerSoFar()
        self._parsed(lambda: self._dialect.read(request, answer, reading))
        return self._ended(request, reading)

    async def _streamed(self, request: Request) -> AsyncGenerator[Chunk, None]:
        schema_of_request(self.name, request)
        path, body = self._dialect.target(request, streaming=True)
        reading = AnswerSoFar()
        async with aclosing(self._web.events(path, body, self._dialect.headers)) as events:
            async for name, data in events:
                if data == "[DONE]":
                    break
                piece = self._event(request, name, data, reading)
                if piece:
                    reading.text += piece
                    yield Chunk(piece)
        if reading.finish is None:
            raise self._malformed("the answer is incomplete")
        yield Chunk("", self._ended(request, reading))

    def _event(self, request: Request, name: str, data: str, reading: AnswerSoFar) -> str:
        try:
            body = json.loads(data)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise self._malformed("an event of the answer is not a JSON object")
        error = body.get("error")
        if error:
            message = error.get("message") if isinstance(error, dict) else error
            raise ProviderError(
                self.name, failure_named(error), self._web.clean(f"error during the answer: {message}")
            )
        return self._parsed(lambda: self._dialect.read_event(request, name, body, reading))

    def _parsed(self, read: Callable[[], T]) -> T:
        """Parse a response; an unexpected format is a failure of the service."""
        try:
            return read()
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            fault = f"{type(error).__name__}: {error}"
        raise self._malformed(f"the answer has an unexpected format: {self._web.clean(fault)}")

    def _ended(self, request: Request, reading: AnswerSoFar) -> Response:
        return answered(
            self.name,
            request,
            reading.text,
            data=reading.data,
            model=reading.model,
            finish=reading.finish or "end",
            usage=reading.usage,
        )

    def _malformed(self, fault: str) -> ProviderError:
        return ProviderError(self.name, Failure.MALFORMED, fault)


def refuse_answer(name: str, why: str) -> NoReturn:
    """Raise the error for a service that declines the request."""
    raise ProviderError(name, Failure.REFUSED, f"request refused: {why}")
