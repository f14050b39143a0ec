"""Services that misbehave: the error texts, without secrets."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest
from tests import model_servers
from tests.model_servers import (
    ModelServer,
    Received,
    Writer,
    begin_stream,
    events_of,
    model_server,
    send,
    send_piece,
)

from stepwell.model.provider_protocol import (
    Failure,
    Message,
    Provider,
    ProviderError,
    Request,
    Response,
    Setup,
)
from stepwell.run.providers.factory import implementation_by_name
from stepwell.run.providers.http_errors import retry_delay

pytestmark = pytest.mark.slow

KEY = "correct-horse-battery-staple-123"
SERVICES = ("openai_compatible", "anthropic", "gemini")
ERRORS = {
    "openai_compatible": lambda said: {"error": {"message": said, "type": "x", "code": None}},
    "anthropic": lambda said: {"type": "error", "error": {"type": "x_error", "message": said}},
    "gemini": lambda said: {"error": {"code": 400, "message": said, "status": "X"}},
}
SCHEMA = {"type": "object", "required": ["title", "pages"], "properties": {"pages": {"type": "integer"}}}
KEY_HEADER = {
    "openai_compatible": ("authorization", f"Bearer {KEY}"),
    "anthropic": ("x-api-key", KEY),
    "gemini": ("x-goog-api-key", KEY),
}


@pytest.fixture(scope="module")
def _server() -> Iterator[ModelServer]:
    with model_server() as running:
        yield running


@pytest.fixture
def server(_server: ModelServer) -> ModelServer:
    _server.behave = None
    _server.asked.clear()
    return _server


def make(service: str, server: ModelServer, **settings: Any) -> Provider:
    setup = Setup(
        "Remote", ("small-1",), {"base_url": server.url, **settings}, ("api_key",), {"api_key": KEY}.get
    )
    provider: Provider = implementation_by_name(service)(setup)
    return provider


def ask(provider: Provider, *, stream: bool = False, **more: Any) -> Response:
    """One request, whole or streamed; whatever it starts is over afterwards."""
    more.setdefault("timeout", 60)
    request = Request((Message("system", "Be brief."), Message("user", "What?")), **more)

    async def exchange() -> Response:
        try:
            if not stream:
                return await provider.complete(request)
            last = None
            async for chunk in provider.stream(request):
                last = chunk.response
            assert last is not None
            return last
        finally:
            await provider.close()

    return asyncio.run(exchange())


def fault(provider: Provider, **more: Any) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        ask(provider, **more)
    told = raised.value
    assert KEY not in str(told) + repr(told) + repr(provider)
    return told


def test_a_chat_completion_is_requested_as_the_service_knows_it(server: ModelServer) -> None:
    response = ask(
        make("openai_compatible", server, headers={"x-team": "fraud"}),
        schema=SCHEMA,
        max_tokens=9,
        temperature=0.5,
        stop=("END",),
        settings={"seed": 3},
    )
    assert response.data == model_servers.ANSWER
    assert (response.model, response.finish) == ("small-1-2024", "end")
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (7, 4)
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.headers["x-team"]) == ("POST", "/chat/completions", "fraud")
    assert asked.body == {
        "seed": 3,
        "model": "small-1",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What?"}],
        "max_tokens": 9,
        "temperature": 0.5,
        "stop": ["END"],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": SCHEMA, "strict": False},
        },
    }


def test_a_message_is_requested_as_the_service_knows_it(server: ModelServer) -> None:
    response = ask(make("anthropic", server), schema=SCHEMA, max_tokens=9, stop=("END",), stream=True)
    assert response.data == model_servers.ANSWER
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (7, 4)
    (asked,) = server.asked
    assert (asked.path, asked.headers["anthropic-version"]) == ("/v1/messages", "2023-06-01")
    assert asked.body == {
        "model": "small-1",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "What?"}],
        "system": "Be brief.",
        "stop_sequences": ["END"],
        "tools": [
            {
                "name": "answer",
                "description": "Returns the answer in the requested format.",
                "input_schema": SCHEMA,
            }
        ],
        "tool_choice": {"type": "tool", "name": "answer"},
        "stream": True,
    }


def test_content_is_generated_as_the_service_knows_it(server: ModelServer) -> None:
    response = ask(make("gemini", server), schema=SCHEMA, max_tokens=9, model="models/large-1")
    assert response.data == model_servers.ANSWER
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (7, 4)
    (asked,) = server.asked
    assert asked.path == "/models/large-1:generateContent"
    assert asked.body == {
        "contents": [{"role": "user", "parts": [{"text": "What?"}]}],
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {
            "maxOutputTokens": 9,
            "responseMimeType": "application/json",
            "responseJsonSchema": SCHEMA,
        },
    }


@pytest.mark.parametrize("service", SERVICES)
def test_the_key_is_sent_in_its_header_and_nowhere_else(service: str, server: ModelServer) -> None:
    ask(make(service, server))
    (asked,) = server.asked
    header, value = KEY_HEADER[service]
    assert asked.headers[header] == value
    rest = {key: said for key, said in asked.headers.items() if key != header}
    assert KEY not in json.dumps([asked.path, asked.body, rest])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, Failure.INVALID_REQUEST),
        (401, Failure.AUTHENTICATION),
        (403, Failure.AUTHENTICATION),
        (404, Failure.NOT_FOUND),
        (422, Failure.INVALID_REQUEST),
        (429, Failure.RATE_LIMITED),
        (500, Failure.UNAVAILABLE),
        (503, Failure.UNAVAILABLE),
        (504, Failure.TIMEOUT),
        (529, Failure.UNAVAILABLE),
    ],
)
def test_a_status_is_reported_with_the_words_of_the_service_but_never_the_key(
    service: str, status: int, failure: Failure, stream: bool, server: ModelServer
) -> None:
    async def behave(_: Received, writer: Writer) -> bool:
        return not await send(
            writer, status, ERRORS[service](f"bad key {KEY}\nor so"), {"connection": "close"}
        )

    server.behave = behave
    told = fault(make(service, server), stream=stream)
    assert told.failure is failure
    assert told.message == f"HTTP {status}: bad key {'*' * len(KEY)} or so"


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"retry-after": "7"}, {}, 7.0),
        ({"retry-after": "1.5"}, {}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, {}, 0.25),
        ({"retry-after": "soon"}, {}, None),
        ({"retry-after": "999999999"}, {}, 86400.0),
        (
            {},
            {
                "error": {
                    "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "12s"}]
                }
            },
            12.0,
        ),
        ({}, [{"error": {"details": "odd"}}], None),
        ({}, {}, None),
    ],
)
def test_the_delay_before_a_retry_is_read_from_header_or_body(
    headers: dict[str, str], body: Any, seconds: float | None, server: ModelServer
) -> None:
    async def behave(_: Received, writer: Writer) -> bool:
        return not await send(writer, 429, body, {**headers, "connection": "close"})

    server.behave = behave
    assert fault(make("gemini", server)).retry_after == seconds


def test_when_to_ask_again_may_be_a_date() -> None:
    found = retry_delay({"retry-after": formatdate(time.time() + 120, usegmt=True)}, b"")
    assert found is not None
    assert 60 < found <= 120
    assert retry_delay({"retry-after": formatdate(0, usegmt=True)}, b"") == 0.0


def test_a_key_that_gemini_calls_an_invalid_argument_is_an_invalid_key(server: ModelServer) -> None:
    async def behave(_: Received, writer: Writer) -> bool:
        details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
        error = {
            "code": 400,
            "message": "API key not valid.",
            "status": "INVALID_ARGUMENT",
            "details": details,
        }
        return not await send(writer, 400, {"error": error}, {"connection": "close"})

    server.behave = behave
    assert fault(make("gemini", server)).failure is Failure.AUTHENTICATION


BODIES = {
    "an empty body": (b"", "the answer is empty"),
    "no JSON": (b"<html>", "the answer is not JSON"),
    "half of some JSON": (b'{"choices": [', "the answer is not JSON"),
    "a list": (b"[]", "the answer is not a JSON object"),
    "another object": (b'{"a": 1}', "the answer has an unexpected format: KeyError: "),
    "parts of another kind": (
        b'{"choices": 3, "content": [4], "candidates": [5]}',
        "the answer has an unexpected format: ",
    ),
}


@pytest.mark.parametrize("case", BODIES)
@pytest.mark.parametrize("service", SERVICES)
def test_a_malformed_answer_is_reported(service: str, case: str, server: ModelServer) -> None:
    content, message = BODIES[case]

    async def behave(_: Received, writer: Writer) -> bool:
        return await send(writer, 200, content) or True

    server.behave = behave
    told = fault(make(service, server))
    assert told.failure is Failure.MALFORMED
    assert told.message.startswith(message)


@pytest.mark.parametrize("service", SERVICES)
def test_an_answer_that_breaks_off_is_reported(service: str, server: ModelServer) -> None:
    async def behave(asked: Received, writer: Writer) -> bool:
        whole = json.dumps(events_of(asked)[1]).encode()
        await send(writer, 200, whole[:20], {"content-length": str(len(whole))})
        return True

    server.behave = behave
    told = fault(make(service, server))
    assert told.failure is Failure.MALFORMED
    assert told.message.startswith("the answer is incomplete")


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("politely", [True, False])
def test_a_stream_that_breaks_off_is_reported(service: str, politely: bool, server: ModelServer) -> None:
    async def behave(asked: Received, writer: Writer) -> bool:
        await begin_stream(writer)
        for one in events_of(asked)[0][:2]:
            await send_piece(writer, one)
        if politely:
            await model_servers.end_stream(writer)
        return True

    server.behave = behave
    told = fault(make(service, server), stream=True)
    assert told.failure is Failure.MALFORMED
    assert told.message.startswith("the answer is incomplete")


@pytest.mark.parametrize("service", SERVICES)
def test_a_connection_that_is_closed_without_an_answer_is_reported(service: str, server: ModelServer) -> None:
    async def behave(_: Received, __: Writer) -> bool:
        return True

    server.behave = behave
    assert fault(make(service, server)).message.startswith("the answer is incomplete")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("service", SERVICES)
def test_a_slow_answer_is_a_timeout_and_its_connection_is_closed(
    service: str, stream: bool, server: ModelServer
) -> None:
    async def behave(asked: Received, writer: Writer) -> bool:
        if stream:
            await begin_stream(writer)
            await send_piece(writer, events_of(asked)[0][0])
        await asyncio.sleep(3600)
        return True

    server.behave = behave
    told = fault(make(service, server), stream=stream, timeout=0.3)
    assert told.failure is Failure.TIMEOUT
    assert "0.3 s" in told.message


def test_a_server_that_does_not_answer_is_reported(server: ModelServer) -> None:
    told = fault(make("openai_compatible", server, base_url="http://127.0.0.1:9"))
    assert told.failure is Failure.UNAVAILABLE
    assert told.message.startswith("connection failed")


def test_a_redirect_is_not_followed_for_the_key_would_go_with_it(server: ModelServer) -> None:
    async def behave(_: Received, writer: Writer) -> bool:
        return not await send(writer, 307, {}, {"location": f"{server.url}/elsewhere", "connection": "close"})

    server.behave = behave
    told = fault(make("openai_compatible", server))
    assert told.failure is Failure.NOT_FOUND
    assert told.message == f"HTTP 307: redirected to {server.url}/elsewhere"
    assert [one.path for one in server.asked] == ["/chat/completions"]


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_without_end_is_cut(stream: bool, server: ModelServer) -> None:
    async def behave(_: Received, writer: Writer) -> bool:
        await begin_stream(writer)
        for _number in range(10_000):
            await send_piece(writer, b"x" * 1000)
        return True

    server.behave = behave
    told = fault(make("openai_compatible", server, max_output=20_000), stream=stream)
    assert (told.failure, told.message) == (Failure.MALFORMED, "the answer exceeds 20000 bytes")


def test_an_answer_that_is_no_stream_is_reported(server: ModelServer) -> None:
    async def behave(_: Received, writer: Writer) -> bool:
        return await send(writer, 200, {}) or True

    server.behave = behave
    told = fault(make("openai_compatible", server), stream=True)
    assert told.message == "expected an event stream, got application/json"


MIDDLE = {
    "openai_compatible": ({"error": {"message": "broken", "type": "server_error"}}, Failure.UNAVAILABLE),
    "anthropic": (
        {"type": "error", "error": {"type": "rate_limit_error", "message": "broken"}},
        Failure.RATE_LIMITED,
    ),
    "gemini": (
        {"error": {"code": 403, "message": "broken", "status": "PERMISSION_DENIED"}},
        Failure.AUTHENTICATION,
    ),
}


@pytest.mark.parametrize("service", SERVICES)
def test_an_error_in_the_middle_of_a_stream_is_reported(service: str, server: ModelServer) -> None:
    data, failure = MIDDLE[service]

    async def behave(asked: Received, writer: Writer) -> bool:
        await begin_stream(writer)
        await send_piece(writer, events_of(asked)[0][0])
        await send_piece(writer, model_servers.event(data, "error"))
        return True

    server.behave = behave
    told = fault(make(service, server), stream=True)
    assert (told.failure, told.message) == (failure, "error during the answer: broken")


REFUSALS = {
    "openai_compatible": {
        "choices": [{"message": {"content": None, "refusal": "no"}, "finish_reason": "stop"}]
    },
    "anthropic": {"content": [], "stop_reason": "refusal", "model": "m"},
    "gemini": {"promptFeedback": {"blockReason": "SAFETY"}},
}


@pytest.mark.parametrize("service", SERVICES)
def test_rejected_requests_are_not_repeated(service: str, server: ModelServer) -> None:
    async def behave(_: Received, writer: Writer) -> bool:
        return await send(writer, 200, REFUSALS[service]) or True

    server.behave = behave
    told = fault(make(service, server))
    assert told.failure is Failure.REFUSED
    assert not told.passes


def test_data_that_does_not_fit_is_reported_with_its_position(server: ModelServer) -> None:
    schema = {"type": "object", "properties": {"pages": {"type": "string"}, "title": {"type": "null"}}}
    told = fault(make("gemini", server), schema=schema)
    assert told.failure is Failure.MALFORMED
    fault_of_pages = "`pages` must be text, got the number 412"
    assert told.message == f"the answer does not match the schema: {fault_of_pages} (and 1 more)"


def test_a_truncated_answer_is_marked(server: ModelServer) -> None:
    async def behave(asked: Received, writer: Writer) -> bool:
        whole = events_of(asked)[1]
        whole["choices"][0]["finish_reason"] = "length"
        whole["choices"][0]["message"]["content"] = '{"title": "Du'
        return await send(writer, 200, whole) or True

    server.behave = behave
    assert ask(make("openai_compatible", server)).finish == "length"
    told = fault(make("openai_compatible", server), schema=SCHEMA)
    assert told.message == "the answer is not JSON: truncated at the maximum length"


def test_a_stream_of_the_service_may_end_lines_as_it_likes(server: ModelServer) -> None:
    text = "one\u2028two\u0085three"

    async def behave(_: Received, writer: Writer) -> bool:
        await begin_stream(writer)
        chunk = {"choices": [{"delta": {"content": text}, "finish_reason": None}]}
        end = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
        await send_piece(writer, model_servers.event(chunk, ends="\r"))
        await send_piece(writer, b"id: 4\nretry: 10\n: comment\n" + model_servers.event(end, ends="\r\n"))
        await model_servers.end_stream(writer)
        return True

    server.behave = behave
    assert ask(make("openai_compatible", server), stream=True).text == text


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("status", [200, 404])
def test_a_server_that_answers_no_json_is_unhealthy(service: str, status: int, server: ModelServer) -> None:
    async def behave(_: Received, writer: Writer) -> bool:
        return not await send(writer, status, b"<html>It works!</html>", {"connection": "close"})

    async def probe() -> None:
        server.behave = behave
        provider = make(service, server)
        with pytest.raises(ProviderError, match="the answer is not JSON"):
            await provider.probe()
        await provider.close()

    asyncio.run(probe())


@pytest.mark.parametrize("service", SERVICES)
def test_the_health_check_requests_the_list_of_models(service: str, server: ModelServer) -> None:
    async def behave(_: Received, writer: Writer) -> bool:
        return not await send(writer, 404, {}, {"connection": "close"})

    async def probe() -> None:
        provider = make(service, server)
        await provider.probe()
        server.behave = behave
        await provider.probe()  # some servers have no such list, and are there all the same
        await provider.close()

    asyncio.run(probe())
    assert {one.method for one in server.asked} == {"GET"}
    assert "models" in server.asked[0].path


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"base_url": "ftp://x"},
            "setting `base_url` must start with `https://` or `http://` and contain a host",
        ),
        ({"base_url": "https://x?a=b"}, "setting `base_url` must not contain a user, query or fragment"),
        (
            {"base_url": "http://models.example.com"},
            (
                "the secret would be sent unencrypted: use https, or set `plain_http: true` "
                "if the network is trusted"
            ),
        ),
        ({"base_ulr": "https://x"}, "unknown setting `base_ulr` (did you mean `base_url`?)"),
        ({"timeout": 0}, "setting `timeout` must be a number of seconds greater than zero"),
        ({"headers": {"a": 1}}, "setting `headers` must be a mapping of strings"),
    ],
)
def test_settings_that_cannot_be_used_are_reported(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        implementation_by_name("openai_compatible")(Setup("Remote", (), settings, ("api_key",)))
    assert str(raised.value) == message


def test_no_model_is_reported() -> None:
    provider = implementation_by_name("openai_compatible")(Setup("Remote"))
    assert fault(provider).message == "no model in the request or in the provider's `models`"


def test_the_logs_of_the_libraries_have_no_key(server: ModelServer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for service in SERVICES:
            ask(make(service, server))
            ask(make(service, server), stream=True)
    assert "HTTP Request: POST" in caplog.text
    assert KEY not in caplog.text


def test_a_cancelled_request_leaves_no_connection(server: ModelServer) -> None:
    async def behave(_: Received, __: Writer) -> bool:
        await asyncio.sleep(3600)
        return True

    server.behave = behave

    async def cancel() -> None:
        provider = make("openai_compatible", server)
        running = asyncio.ensure_future(provider.complete(Request((Message("user", "What?"),))))
        while not server.asked:
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
        await provider.close()

    asyncio.run(cancel())
