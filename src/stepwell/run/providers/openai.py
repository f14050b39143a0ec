"""Provider ``openai_compatible``: chat completions of OpenAI and compatible servers.

Source: OpenAI API reference, "Create chat completion" and "Streaming".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, final
from urllib.parse import urlsplit

from stepwell.model.provider_protocol import Request, Setup
from stepwell.run.providers.factory import ProviderSettings
from stepwell.run.providers.http import Web
from stepwell.run.providers.message_format import AnswerSoFar, Conversing, Finish, refuse_answer
from stepwell.run.providers.structured_output import needed_model
from stepwell.source.document import thaw

__all__ = ["openai_compatible"]

_FINISH: Final[Mapping[str, Finish]] = {"length": "length", "max_tokens": "length"}


def openai_compatible(setup: Setup) -> Conversing:
    """Return a client of chat completions.

    Settings, besides those of every HTTP provider: ``strict``, whether the schema is enforced, which not
    every schema allows; ``stream_usage``, whether a stream reports token usage (default: true);
    ``max_tokens_field``, the name of the limit in requests; ``probe_path``. Secret: ``api_key``, optional for
    local servers.
    """
    settings = ProviderSettings(setup.settings, "openai_compatible")
    web = Web(setup, settings, "https://api.openai.com/v1", ("authorization", "Bearer "))
    return Conversing(web, _ChatCompletions(setup, settings, web.base_url))


@final
class _ChatCompletions:
    headers: Mapping[str, str] = {}

    def __init__(self, setup: Setup, settings: ProviderSettings, base_url: str) -> None:
        self._name = setup.name
        self._models = setup.models
        self._strict = setup.settings.get("strict") is True
        self._stream_usage = setup.settings.get("stream_usage") is not False
        is_openai = urlsplit(base_url).hostname == "api.openai.com"
        usual = "max_completion_tokens" if is_openai else "max_tokens"
        self._max_tokens_field = settings.text("max_tokens_field", usual)
        self.probe_path = settings.text("probe_path", "/models")

    def target(self, request: Request, *, streaming: bool) -> tuple[str, dict[str, Any]]:
        model = needed_model(self._name, request, self._models)
        body: dict[str, Any] = {
            **thaw(request.settings),
            "model": model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        }
        if request.max_tokens is not None:
            body[self._max_tokens_field] = request.max_tokens
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.stop:
            body["stop"] = list(request.stop)
        if request.schema is not None:
            schema = {"name": "answer", "schema": thaw(request.schema), "strict": self._strict}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        if streaming:
            body["stream"] = True
            if self._stream_usage:
                body["stream_options"] = {"include_usage": True}
        return "/chat/completions", body

    def read(self, request: Request, body: Mapping[str, Any], reading: AnswerSoFar) -> None:  # noqa: ARG002
        choice = body["choices"][0]
        message = choice["message"]
        if message.get("refusal"):
            refuse_answer(self._name, str(message["refusal"]))
        self._finish(choice.get("finish_reason") or "stop", reading)
        reading.text = _text(message.get("content"))
        self._rest(body, reading)

    def read_event(
        self,
        request: Request,  # noqa: ARG002
        name: str,  # noqa: ARG002
        body: Mapping[str, Any],
        reading: AnswerSoFar,
    ) -> str:
        self._rest(body, reading)
        choices = body.get("choices")
        if not choices:  # the last event reports only usage
            return ""
        choice = choices[0]
        delta = choice.get("delta") or {}
        if delta.get("refusal"):
            refuse_answer(self._name, str(delta["refusal"]))
        if choice.get("finish_reason"):
            self._finish(choice["finish_reason"], reading)
        return _text(delta.get("content"))

    def _finish(self, reason: str, reading: AnswerSoFar) -> None:
        if reason == "content_filter":
            refuse_answer(self._name, "the answer was blocked by the content filter")
        reading.finish = _FINISH.get(reason, "end")

    def _rest(self, body: Mapping[str, Any], reading: AnswerSoFar) -> None:
        reading.model = str(body.get("model") or reading.model)
        usage = body.get("usage")
        if usage:
            reading.input_tokens = int(usage.get("prompt_tokens") or 0)
            reading.output_tokens = int(usage.get("completion_tokens") or 0)


def _text(content: Any) -> str:
    """Return the text of a message content: a string, nothing or a list of parts."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    return "".join(str(part["text"]) for part in content if part.get("type") == "text")
