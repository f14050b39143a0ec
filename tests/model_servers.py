"""A local server that speaks the protocols of model services, and misbehaves on request.

It runs in a separate thread with a separate loop, so that a test may run its own loops.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Writer = asyncio.StreamWriter

ANSWER = {"title": "Dune", "pages": 412}
WORDS = ["An ", "answer ", "in ", "ünits."]


@dataclass
class Received:
    """One request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass
class ModelServer:
    """A request and its answer.

    Args:
        port: where it listens.
        behave: called with a request and a writer; true when it has answered by itself.
    """

    port: int = 0
    asked: list[Received] = field(default_factory=list)
    behave: Callable[[Received, Writer], Any] | None = None
    open_connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        self.open_connections += 1
        try:
            while asked := await _read(reader):
                self.asked.append(asked)
                if self.behave is not None and await self.behave(asked, writer):
                    break
                await _answer(asked, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open_connections -= 1
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Received | None:
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    if not head:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {key.strip().lower(): value.strip() for key, _, value in (one.partition(":") for one in lines)}
    size = int(headers.get("content-length") or 0)
    body = await reader.readexactly(size) if size else b""
    return Received(method, path, headers, json.loads(body) if body else None)


async def send(writer: Writer, status: int, body: Any, headers: Mapping[str, str] | None = None) -> bool:
    """A whole answer; bytes as they are, anything else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"content-type": "application/json", "content-length": str(len(content)), **(headers or {})}
    head = "".join(f"{key}: {value}\r\n" for key, value in given.items())
    writer.write(f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + content)
    await writer.drain()
    return False


async def begin_stream(writer: Writer) -> None:
    writer.write(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
        b"transfer-encoding: chunked\r\n\r\n"
    )
    await writer.drain()


async def send_piece(writer: Writer, content: bytes) -> None:
    """A piece of a stream, in two parts, so that a character or a line may be cut."""
    middle = max(1, len(content) // 2)
    for part in (content[:middle], content[middle:]):
        if part:
            writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            await writer.drain()
            await asyncio.sleep(0)


async def end_stream(writer: Writer) -> None:
    writer.write(b"0\r\n\r\n")
    await writer.drain()


def event(data: Any, name: str = "", ends: str = "\n") -> bytes:
    said = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return ((f"event: {name}{ends}" if name else "") + f"data: {said}{ends}{ends}").encode()


async def _answer(asked: Received, writer: Writer) -> None:
    if asked.method == "GET":
        await send(writer, 200, {"data": []})
        return
    events, whole = events_of(asked)
    if "stream" in asked.path or asked.body.get("stream"):
        await begin_stream(writer)
        for one in events:
            await send_piece(writer, one)
        await end_stream(writer)
    else:
        await send(writer, 200, whole)


def events_of(asked: Received) -> tuple[list[bytes], Any]:
    """How a service that works answers: piece by piece, and whole."""
    body = asked.body
    if asked.path.endswith("/chat/completions"):
        return _chat(body)
    if asked.path.endswith("/v1/messages"):
        return _messages(body)
    return _gemini(body)


def _pieces(structured: bool) -> list[str]:
    if not structured:
        return WORDS
    text = json.dumps(ANSWER)
    return [text[:7], text[7:]]


def _chat(body: Any) -> tuple[list[bytes], Any]:
    pieces = _pieces("response_format" in body)
    usage = {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}
    model = f"{body['model']}-2024"

    def chunk(delta: Any, reason: str | None = None) -> Any:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return {"object": "chat.completion.chunk", "model": model, "choices": [choice]}

    events = [event(chunk({"role": "assistant", "content": ""})), b": a comment\n\n"]
    events += [event(chunk({"content": one})) for one in pieces]
    events += [
        event(chunk({}, "stop")),
        event({"model": model, "choices": [], "usage": usage}),
        event("[DONE]"),
    ]
    message = {"role": "assistant", "content": "".join(pieces), "refusal": None}
    whole = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage,
    }
    return events, whole


def _messages(body: Any) -> tuple[list[bytes], Any]:
    by_tool = "tools" in body
    pieces = _pieces(by_tool or "output_config" in body)
    base = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "stop_reason": None,
    }
    reason = "tool_use" if by_tool else "end_turn"
    start = {**base, "content": [], "usage": {"input_tokens": 7, "output_tokens": 1}}
    block = (
        {"type": "tool_use", "id": "t1", "name": "answer", "input": {}}
        if by_tool
        else {"type": "text", "text": ""}
    )
    kind, key = ("input_json_delta", "partial_json") if by_tool else ("text_delta", "text")
    said = [
        ("message_start", {"message": start}),
        ("content_block_start", {"index": 0, "content_block": block}),
        ("ping", {}),
        *(("content_block_delta", {"index": 0, "delta": {"type": kind, key: one}}) for one in pieces),
        ("content_block_stop", {"index": 0}),
        (
            "message_delta",
            {"delta": {"stop_reason": reason, "stop_sequence": None}, "usage": {"output_tokens": 4}},
        ),
        ("message_stop", {}),
    ]
    events = [event({"type": name, **data}, name, "\r\n") for name, data in said]
    content = {**block, "input": ANSWER} if by_tool else {"type": "text", "text": "".join(pieces)}
    whole = {
        **base,
        "stop_reason": reason,
        "content": [content],
        "usage": {"input_tokens": 7, "output_tokens": 4},
    }
    return events, whole


def _gemini(body: Any) -> tuple[list[bytes], Any]:
    pieces = _pieces("responseMimeType" in body.get("generationConfig", {}))
    usage = {"promptTokenCount": 7, "candidatesTokenCount": 3, "thoughtsTokenCount": 1, "totalTokenCount": 11}

    def said(text: str, **more: Any) -> Any:
        parts = [{"text": "hm", "thought": True}, {"text": text}]
        candidate = {"content": {"parts": parts, "role": "model"}, "index": 0, **more}
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-x"}

    *first, last = pieces
    events = [event(said(one)) for one in first] + [event(said(last, finishReason="STOP"))]
    return events, said("".join(pieces), finishReason="STOP")


@contextmanager
def model_server() -> Iterator[ModelServer]:
    """A server for the time of a test."""
    server = ModelServer()
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    stop: list[asyncio.Event] = []

    async def run() -> None:
        stop.append(asyncio.Event())
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        server.port = listening.sockets[0].getsockname()[1]
        ready.set()
        await stop[0].wait()
        listening.close()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    try:
        assert ready.wait(30)
        yield server
    finally:
        loop.call_soon_threadsafe(stop[0].set)
        thread.join(30)
        loop.close()
