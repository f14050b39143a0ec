"""What all implementations do alike: keep to a time, and hold an answer against its schema."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from dataclasses import replace
from typing import Any, Final, Literal, TypeVar

from stepwell.model.provider import Chunk, Failure, ProviderError, Request, Response, Usage
from stepwell.model.schema import Compiled, compiled
from stepwell.source.document import thaw

__all__ = [
    "answered",
    "asked_schema",
    "model_of",
    "needed_model",
    "pieces",
    "plain_request",
    "streamed",
    "within",
    "within_each",
]

T = TypeVar("T")

_FENCED: Final = re.compile(r"\s*```[A-Za-z]*\n(.*?)\n?```\s*\Z", re.DOTALL)


async def within(name: str, seconds: float, work: Awaitable[T]) -> T:
    """What some work gives, if it takes no longer than a time; it is cancelled otherwise.

    Raises:
        ProviderError: it takes longer.
    """
    try:
        return await asyncio.wait_for(work, seconds)
    except (asyncio.TimeoutError, TimeoutError):
        pass
    raise ProviderError(name, Failure.TIMEOUT, f"no answer within {seconds:g} s")


async def within_each(name: str, seconds: float, pieces: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """The pieces of an answer, if all of it takes no longer than a time.

    Raises:
        ProviderError: it takes longer.
    """
    ends = asyncio.get_running_loop().time() + seconds
    try:
        while True:
            left = ends - asyncio.get_running_loop().time()
            late = False
            try:
                piece = await asyncio.wait_for(pieces.__anext__(), max(left, 0))
            except StopAsyncIteration:
                return
            except (asyncio.TimeoutError, TimeoutError):
                late = True
            if late:
                raise ProviderError(name, Failure.TIMEOUT, f"no whole answer within {seconds:g} s")
            yield piece
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()


def model_of(request: Request, models: tuple[str, ...]) -> str | None:
    """The model to ask: the request's, or else the usual one."""
    return request.model or (models[0] if models else None)


def needed_model(name: str, request: Request, models: tuple[str, ...]) -> str:
    """The model to ask, where there has to be one.

    Raises:
        ProviderError: none is named.
    """
    model = model_of(request, models)
    if model is None:
        fault = "no model is named, neither in the request nor in the provider's `models`"
        raise ProviderError(name, Failure.INVALID_REQUEST, fault)
    return model


def asked_schema(name: str, request: Request) -> Compiled | None:
    """The schema that the answer must fit, ready to decide.

    Raises:
        ProviderError: it is no schema.
    """
    if request.schema is None:
        return None
    try:
        return compiled(request.schema)
    except ValueError as error:
        fault = str(error)
    raise ProviderError(name, Failure.INVALID_REQUEST, f"the schema that is asked for is none: {fault}")


def answered(
    name: str,
    request: Request,
    text: str,
    *,
    model: str = "",
    finish: Literal["end", "length", "stop"] = "end",
    usage: Usage | None = None,
    data: Any = None,
) -> Response:
    """An answer, with its data where a schema was asked for.

    Args:
        name: the provider's name.
        request: what was asked.
        text: what was answered.
        model: the model that answered.
        finish: why the answer ended.
        usage: what it took.
        data: the data, where it came apart from the text.

    Raises:
        ProviderError: the answer has no data, or data that does not fit.
    """
    response = Response(text, None, model, finish, usage)
    schema = asked_schema(name, request)
    if schema is None:
        return response
    if data is None:
        data = _data_in(name, text, finish)
    if not schema.fits(data):
        first, *more = schema.faults(data)
        others = f" (and {len(more)} more)" if more else ""
        raise ProviderError(
            name, Failure.MALFORMED, f"the answer does not fit the schema: {_short(first)}{others}"
        )
    return replace(response, data=data, text=text or json.dumps(data, ensure_ascii=False))


def pieces(text: str) -> list[str]:
    """A text in its words, each with the blanks after it; together they are the text."""
    return re.findall(r"\S+\s*|\s+", text)


async def streamed(response: Response) -> AsyncIterator[Chunk]:
    """A whole answer, piece by piece."""
    for piece in pieces(response.text):
        yield Chunk(piece)
    yield Chunk("", response)


def plain_request(request: Request) -> dict[str, Any]:
    """What is asked, as data for JSON; without the time that it may take."""
    told: dict[str, Any] = {
        "messages": [{"role": one.role, "content": one.content} for one in request.messages],
        "model": request.model,
        "schema": None if request.schema is None else thaw(request.schema),
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "stop": list(request.stop) or None,
        "settings": thaw(request.settings) or None,
    }
    return {key: value for key, value in told.items() if value is not None}


def _data_in(name: str, text: str, finish: str) -> Any:
    fenced = _FENCED.match(text)
    try:
        return json.loads(fenced[1] if fenced else text)
    except ValueError:
        pass
    cut = ": it reached the longest that it may be" if finish == "length" else ""
    raise ProviderError(name, Failure.MALFORMED, f"the answer is no JSON{cut}")


def _short(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:297]}..."
