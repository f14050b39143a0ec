"""Provider ``anthropic``: the Messages API.

Source: Anthropic API reference, "Create a Message", "Streaming messages", "Errors".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, final

from stepwell.model.provider_protocol import Request, Setup
from stepwell.run.providers.factory import ProviderSettings
from stepwell.run.providers.http import Web
from stepwell.run.providers.message_format import AnswerSoFar, Conversing, Finish, refuse_answer
from stepwell.run.providers.structured_output import needed_model
from stepwell.source.document import thaw

__all__ = ["anthropic"]

_FINISH: Final[Mapping[str, Finish]] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "stop_sequence": "stop",
}
_INPUT_TOKENS: Final = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_TOOL: Final = "answer"
_VALUE: Final = "value"


def anthropic(setup: Setup) -> Conversing:
    """Return a client of the Messages API.

    Settings, besides those of every HTTP provider: ``version`` of the API; ``max_tokens``, the default limit
    (4096); ``structured``, how a schema is requested: ``tool`` (the default) forces a tool call,
    ``output_format`` uses the API's structured outputs. Secret: ``api_key``.
    """
    settings = ProviderSettings(setup.settings, "anthropic")
    web = Web(setup, settings, "https://api.anthropic.com", ("x-api-key", ""))
    return Conversing(web, _Messages(setup, settings))


@final
class _Messages:
    probe_path = "/v1/models?limit=1"

    def __init__(self, setup: Setup, settings: ProviderSettings) -> None:
        self._name = setup.name
        self._models = setup.models
        self._max_tokens = settings.count("max_tokens", 4096)
        self._by_tool = settings.one_of("structured", ("tool", "output_format")) == "tool"
        self.headers: Mapping[str, str] = {"anthropic-version": settings.text("version", "2023-06-01")}

    def target(self, request: Request, *, streaming: bool) -> tuple[str, dict[str, Any]]:
        model = needed_model(self._name, request, self._models)
        turns = [message for message in request.messages if message.role != "system"]
        body: dict[str, Any] = {
            **thaw(request.settings),
            "model": model,
            "max_tokens": request.max_tokens or self._max_tokens,
            "messages": [{"role": message.role, "content": message.content} for message in turns],
        }
        system = "\n\n".join(message.content for message in request.messages if message.role == "system")
        if system:
            body["system"] = system
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.stop:
            body["stop_sequences"] = list(request.stop)
        if request.schema is not None:
            body |= self._structured(thaw(request.schema))
        if streaming:
            body["stream"] = True
        return "/v1/messages", body

    def read(self, request: Request, body: Mapping[str, Any], reading: AnswerSoFar) -> None:
        for block in body["content"]:
            if block["type"] == "text" and not self._calls_tool(request):
                reading.text += block["text"]
            elif block["type"] == "tool_use":
                reading.data = _unwrapped(request, block["input"])
                reading.text = json.dumps(reading.data, ensure_ascii=False)
        reading.model = str(body.get("model", ""))
        self._finish(body.get("stop_reason") or "end_turn", reading)
        _count(body.get("usage") or {}, reading)

    def read_event(self, request: Request, name: str, body: Mapping[str, Any], reading: AnswerSoFar) -> str:
        kind = body.get("type") or name
        if kind == "message_start":
            message = body["message"]
            reading.model = str(message.get("model", ""))
            _count(message.get("usage") or {}, reading)
        elif kind == "content_block_delta":
            return self._delta(request, body["delta"], reading)
        elif kind == "message_delta":
            _count(body.get("usage") or {}, reading)
            reading.reason = body["delta"].get("stop_reason") or reading.reason
        elif kind == "message_stop":
            self._finish(reading.reason, reading)
            with suppress(ValueError):  # a truncated answer is reported as invalid JSON
                if reading.pieces:
                    reading.data = _unwrapped(request, json.loads("".join(reading.pieces)))
        return ""

    def _delta(self, request: Request, delta: Mapping[str, Any], reading: AnswerSoFar) -> str:
        if delta["type"] == "text_delta" and not self._calls_tool(request):
            return str(delta["text"])
        if delta["type"] == "input_json_delta":
            piece = str(delta["partial_json"])
            reading.pieces.append(piece)
            return piece if _is_object(request.schema) else ""
        return ""

    def _calls_tool(self, request: Request) -> bool:
        return self._by_tool and request.schema is not None

    def _structured(self, schema: Any) -> dict[str, Any]:
        if not self._by_tool:
            return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
        tool = {
            "name": _TOOL,
            "description": "Returns the answer in the requested format.",
            "input_schema": _wrapped(schema),
        }
        return {"tools": [tool], "tool_choice": {"type": "tool", "name": _TOOL}}

    def _finish(self, reason: str, reading: AnswerSoFar) -> None:
        if reason == "refusal":
            refuse_answer(self._name, "the model declined")
        reading.finish = _FINISH.get(reason, "end")


def _count(usage: Mapping[str, Any], reading: AnswerSoFar) -> None:
    counts = [usage.get(key) for key in _INPUT_TOKENS]
    if usage.get("input_tokens") is not None:
        reading.input_tokens = sum(int(count or 0) for count in counts)
    if usage.get("output_tokens") is not None:
        reading.output_tokens = int(usage["output_tokens"])


def _is_object(schema: Any) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") == "object"


def _wrapped(schema: Any) -> Any:
    """Return the schema in an object, because the input of a tool must be one."""
    if _is_object(schema):
        return schema
    parent = schema if isinstance(schema, Mapping) else {}
    definitions = {key: parent[key] for key in ("$defs", "definitions") if key in parent}
    return {"type": "object", "properties": {_VALUE: schema}, "required": [_VALUE], **definitions}


def _unwrapped(request: Request, data: Any) -> Any:
    return data if _is_object(request.schema) else data[_VALUE]
