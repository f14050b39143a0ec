"""Provider ``echo``: deterministic answers for tests, examples and offline work."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Literal, final

from stepwell.model.provider_protocol import Chunk, Failure, ProviderError, Request, Response, Setup, Usage
from stepwell.run.providers.factory import ProviderSettings
from stepwell.run.providers.structured_output import (
    answered,
    fitting,
    model_of,
    pieces,
    schema_of_request,
    streamed,
    within,
)
from stepwell.source.document import thaw

__all__ = ["Echo"]


@final
class Echo:
    """Answers with the last message, or with data that matches the requested schema.

    Settings: ``delay`` in seconds; ``prefix`` of each answer; ``answer``, which replaces the last message.
    """

    def __init__(self, setup: Setup) -> None:
        settings = ProviderSettings(setup.settings, "echo")
        self.name = setup.name
        self._models = setup.models
        self._delay = settings.delay("delay")
        self._prefix = settings.text("prefix") if "prefix" in setup.settings else ""
        self._answer = settings.text("answer") if "answer" in setup.settings else None

    async def complete(self, request: Request) -> Response:
        """Return the answer after the configured delay."""
        return await within(self.name, request.timeout or 60, self._answered(request))

    async def stream(self, request: Request) -> AsyncIterator[Chunk]:
        """Stream the answer word by word."""
        async for chunk in streamed(await self.complete(request)):
            yield chunk

    async def probe(self) -> None:
        """Do nothing: always available."""

    async def close(self) -> None:
        """Do nothing: no resources are open."""

    async def _answered(self, request: Request) -> Response:
        if self._delay:
            await asyncio.sleep(self._delay)
        if not request.messages:
            raise ProviderError(self.name, Failure.INVALID_REQUEST, "the request has no message")
        tokens = sum(len(message.content.split()) for message in request.messages)
        model = model_of(request, self._models) or "echo"
        schema_of_request(self.name, request)
        if request.schema is not None:
            text = self._data(request)
            return answered(self.name, request, text, model=model, usage=_usage(tokens, text))
        answer = request.messages[-1].content if self._answer is None else self._answer
        text, finish = _ended(f"{self._prefix}{answer}", request)
        return answered(self.name, request, text, model=model, finish=finish, usage=_usage(tokens, text))

    def _data(self, request: Request) -> str:
        fault = ""
        try:
            return json.dumps(fitting(thaw(request.schema)), ensure_ascii=False)
        except ValueError as error:
            fault = str(error)
        raise ProviderError(self.name, Failure.INVALID_REQUEST, fault)


def _ended(text: str, request: Request) -> tuple[str, Literal["end", "length", "stop"]]:
    """Truncate a text and return the finish reason; a word counts as a token."""
    finish: Literal["end", "length", "stop"] = "end"
    cuts = [index for index in (text.find(stop) for stop in request.stop if stop) if index >= 0]
    if cuts:
        text, finish = text[: min(cuts)], "stop"
    words = pieces(text)
    if request.max_tokens is not None and len(words) > request.max_tokens:
        text, finish = "".join(words[: request.max_tokens]).rstrip(), "length"
    return text, finish


def _usage(tokens: int, text: str) -> Usage:
    return Usage(tokens, len(text.split()))
