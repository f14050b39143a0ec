"""Requests and answers as data, and minimal sample data for a JSON Schema."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, Literal, TypeVar

from stepwell.model.provider_protocol import Chunk, Failure, ProviderError, Request, Response, Usage
from stepwell.model.schema import compiled
from stepwell.model.schema_errors import reasons
from stepwell.model.validator import Validator
from stepwell.source.document import thaw

__all__ = [
    "answered",
    "fitting",
    "model_of",
    "needed_model",
    "pieces",
    "plain_request",
    "schema_of_request",
    "streamed",
    "within",
    "within_each",
]


T = TypeVar("T")

_FENCED: Final = re.compile(r"\s*```[A-Za-z]*\n(.*?)\n?```\s*\Z", re.DOTALL)


async def within(name: str, seconds: float, work: Awaitable[T]) -> T:
    """Return the result of awaitable work, or cancel it after a timeout.

    Raises:
        ProviderError: the work timed out.
    """
    try:
        return await asyncio.wait_for(work, seconds)
    except (asyncio.TimeoutError, TimeoutError):
        pass
    raise ProviderError(name, Failure.TIMEOUT, f"no answer within {seconds:g} s")


async def within_each(name: str, seconds: float, pieces: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """Yield the pieces of an answer until a common timeout.

    Raises:
        ProviderError: the answer timed out.
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
                raise ProviderError(name, Failure.TIMEOUT, f"answer incomplete after {seconds:g} s")
            yield piece
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()


def model_of(request: Request, models: tuple[str, ...]) -> str | None:
    """Return the model of the request, or the default model."""
    return request.model or (models[0] if models else None)


def needed_model(name: str, request: Request, models: tuple[str, ...]) -> str:
    """Return the model of the request, or the default model.

    Raises:
        ProviderError: no model is set.
    """
    model = model_of(request, models)
    if model is None:
        fault = "no model in the request or in the provider's `models`"
        raise ProviderError(name, Failure.INVALID_REQUEST, fault)
    return model


def schema_of_request(name: str, request: Request) -> Validator | None:
    """Return the validator of the answer.

    Raises:
        ProviderError: the schema is invalid.
    """
    if request.schema is None:
        return None
    try:
        return compiled(request.schema)
    except ValueError as error:
        fault = str(error)
    raise ProviderError(name, Failure.INVALID_REQUEST, f"invalid answer schema: {fault}")


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
    """Return an answer, with validated data if the request has a schema.

    Args:
        data: data that is separate from the text.

    Raises:
        ProviderError: the answer has no data, or data that does not match the schema.
    """
    response = Response(text, None, model, finish, usage)
    schema = schema_of_request(name, request)
    if schema is None or request.schema is None:
        return response
    if data is None:
        data = _data_in(name, text, finish)
    if not schema.is_valid(data):
        first, *more = reasons(request.schema, "the answer", data)
        others = f" (and {len(more)} more)" if more else ""
        raise ProviderError(
            name, Failure.MALFORMED, f"the answer does not match the schema: {_short(first)}{others}"
        )
    return replace(response, data=data, text=text or json.dumps(data, ensure_ascii=False))


def pieces(text: str) -> list[str]:
    """Split a text into words with trailing whitespace."""
    return re.findall(r"\S+\s*|\s+", text)


async def streamed(response: Response) -> AsyncIterator[Chunk]:
    """Yield a complete answer word by word."""
    for piece in pieces(response.text):
        yield Chunk(piece)
    yield Chunk("", response)


def plain_request(request: Request) -> dict[str, Any]:
    """Return a request as JSON data, without its timeout."""
    request_data: dict[str, Any] = {
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "model": request.model,
        "schema": None if request.schema is None else thaw(request.schema),
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "stop": list(request.stop) or None,
        "settings": thaw(request.settings) or None,
    }
    return {key: value for key, value in request_data.items() if value is not None}


def _data_in(name: str, text: str, finish: str) -> Any:
    fenced = _FENCED.match(text)
    try:
        return json.loads(fenced[1] if fenced else text)
    except ValueError:
        pass
    cut = ": truncated at the maximum length" if finish == "length" else ""
    raise ProviderError(name, Failure.MALFORMED, f"the answer is not JSON{cut}")


def _short(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:297]}..."


_DEPTH: Final = 24
_FORMATS: Final[Mapping[str, str]] = {
    "date": "2000-01-01",
    "date-time": "2000-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_WORDS: Final = (
    "text",
    "a",
    "A",
    "0",
    "1",
    "a1",
    "A1",
    "a_b",
    "a-b",
    "Aa",
    "1.0",
    "2000-01-01",
    "a@b.example",
)


class _Hopeless(Exception):
    """This branch of the schema has no sample."""


def fitting(schema: Mapping[str, Any] | bool) -> Any:
    """Return sample data that matches a schema.

    Declared examples, defaults and choices come first, then required fields, the shortest lists and the
    smallest numbers.

    Args:
        schema: JSON Schema (draft 2020-12), plain data.

    Raises:
        ValueError: the schema is invalid or no sample matches it.
    """
    decide = compiled(schema)
    for all_fields in (True, False):
        try:
            made = _make(schema, schema, 0, all_fields)
        except _Hopeless:
            continue
        if decide.is_valid(made):
            return made
    raise ValueError("no sample data matches the schema")


def _make(schema: Any, root: Any, depth: int, all_fields: bool) -> Any:
    for candidate in _candidates(schema, root, depth, all_fields):
        if _fits(schema, root, candidate):
            return candidate
    raise _Hopeless


def _candidates(schema: Any, root: Any, depth: int, all_fields: bool) -> Iterator[Any]:
    if schema is True or schema == {}:
        yield "text"
        return
    if not isinstance(schema, Mapping) or depth > _DEPTH:
        return
    if "const" in schema:
        yield schema["const"]
        return
    yield from schema.get("enum", ())
    yield from schema.get("examples", ())
    if "default" in schema:
        yield schema["default"]
    if "$ref" in schema:
        yield from _candidates(_target(root, schema["$ref"]), root, depth + 1, all_fields)
    for keyword in ("oneOf", "anyOf"):
        for branch in schema.get(keyword, ()):
            yield from _candidates(_both(schema, branch, keyword), root, depth + 1, all_fields)
    if "allOf" in schema:
        merged: Any = {key: value for key, value in schema.items() if key != "allOf"}
        for branch in schema["allOf"]:
            branch_schema = _target(root, branch["$ref"]) if "$ref" in branch else branch
            merged = _both(merged, branch_schema, "")
        yield from _candidates(merged, root, depth + 1, all_fields)
    for kind in _types(schema):
        yield from _of_type(kind, schema, root, depth, all_fields)


def _of_type(kind: str, schema: Mapping[str, Any], root: Any, depth: int, all_fields: bool) -> Iterator[Any]:
    if kind in ("object", "array"):
        make = _object if kind == "object" else _array
        with suppress(_Hopeless):
            yield make(schema, root, depth, all_fields)
    elif kind == "string":
        yield from _strings(schema)
    elif kind in ("integer", "number"):
        yield from _numbers(schema, whole=kind == "integer")
    elif kind == "boolean":
        yield from (True, False)
    elif kind == "null":
        yield None


def _types(schema: Mapping[str, Any]) -> tuple[str, ...]:
    declared = schema.get("type")
    if isinstance(declared, str):
        return (declared,)
    if isinstance(declared, (list, tuple)):
        return tuple(declared)
    if "properties" in schema or "required" in schema:
        return ("object",)
    if "items" in schema or "prefixItems" in schema:
        return ("array",)
    return ("string", "integer", "object", "array", "boolean", "null")


def _object(schema: Mapping[str, Any], root: Any, depth: int, all_fields: bool) -> dict[str, Any]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    required = tuple(schema.get("required", ()))
    made: dict[str, Any] = {}
    for key, below in properties.items():
        if key not in required and (not all_fields or depth > 3):
            continue
        try:
            made[key] = _make(below, root, depth + 1, all_fields)
        except _Hopeless:
            if key in required:
                raise
    more = schema.get("additionalProperties", True)
    for key in required:
        if key not in made:
            made[key] = _make(more, root, depth + 1, all_fields)
    number = 0
    while len(made) < schema.get("minProperties", 0):
        number += 1
        made.setdefault(f"key{number}", _make(more, root, depth + 1, all_fields))
    return made


def _array(schema: Mapping[str, Any], root: Any, depth: int, all_fields: bool) -> list[Any]:
    first = [_make(item, root, depth + 1, all_fields) for item in schema.get("prefixItems", ())]
    items = schema.get("items", True)
    least = max(schema.get("minItems", 0), len(first))
    if not least and schema.get("maxItems", 1) and items is not False and depth <= 3 and all_fields:
        least = 1
    wanted = schema.get("contains")
    while len(first) < least:
        item = _make(wanted if wanted is not None else items, root, depth + 1, all_fields)
        if schema.get("uniqueItems") and item in first:
            item = _another(items, root, first, depth)
        first.append(item)
    return first


def _another(items: Any, root: Any, known: list[Any], depth: int) -> Any:
    for candidate in _candidates(items, root, depth + 1, all_fields=True):
        if candidate not in known and _fits(items, root, candidate):
            return candidate
    for number in range(1, 1000):
        for candidate in (number, f"text{number}"):
            if candidate not in known and _fits(items, root, candidate):
                return candidate
    raise _Hopeless


def _strings(schema: Mapping[str, Any]) -> Iterator[str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength", 4096)
    words = (_FORMATS[schema["format"]],) if schema.get("format") in _FORMATS else ()
    for word in (*words, *_WORDS):
        yield word
        if len(word) < least:
            yield (word * least)[:least]
        if len(word) > most:
            yield word[:most]


def _numbers(schema: Mapping[str, Any], *, whole: bool) -> Iterator[float]:
    step = schema.get("multipleOf")
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    yield from (1, 0)
    if step:
        start = math.ceil(low / step) if low is not None else 0
        yield from ((start + more) * step for more in range(3))
    for edge in (low, high):
        if edge is not None:
            around = (math.ceil(edge), math.floor(edge), math.ceil(edge) + 1, math.floor(edge) - 1)
            yield from around
            if not whole:
                yield edge
    if not whole and low is not None and high is not None:
        yield (low + high) / 2


def _both(first: Mapping[str, Any], other: Any, without: str) -> Any:
    """Merge two schemas as far as possible."""
    if not isinstance(other, Mapping):
        return other if other is False else first
    kept = {key: value for key, value in first.items() if key != without}
    merged = {**kept, **other}
    if "properties" in kept and "properties" in other:
        merged["properties"] = {**kept["properties"], **other["properties"]}
    if "required" in kept and "required" in other:
        merged["required"] = list(dict.fromkeys([*kept["required"], *other["required"]]))
    return merged


def _target(root: Any, reference: str) -> Any:
    target = root
    for part in reference.removeprefix("#").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        target = target.get(key, False) if isinstance(target, Mapping) else False
    return target


def _fits(schema: Any, root: Any, data: Any) -> bool:
    """Return whether data matches a part of a schema, which may refer to the rest of it."""
    if isinstance(schema, Mapping) and isinstance(root, Mapping):
        named = {key: root[key] for key in ("$defs", "definitions") if key in root and key not in schema}
        schema = {**schema, **named}
    try:
        return compiled(schema).is_valid(data)
    except ValueError:
        return False  # a reference outside this part; the whole schema is checked at the end
