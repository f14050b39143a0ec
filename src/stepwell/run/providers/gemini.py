"""Provider ``gemini``: generateContent of the Gemini API.

Source: Gemini API reference, "Generating content" (GenerateContentResponse, GenerationConfig).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, final
from urllib.parse import quote

from stepwell.model.provider_protocol import Failure, ProviderError, Request, Setup
from stepwell.run.providers.factory import ProviderSettings
from stepwell.run.providers.http import Web
from stepwell.run.providers.message_format import AnswerSoFar, Conversing, refuse_answer
from stepwell.run.providers.structured_output import needed_model
from stepwell.source.document import thaw

__all__ = ["gemini"]

_REFUSALS: Final = frozenset(
    {"SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY"}
)


def gemini(setup: Setup) -> Conversing:
    """Return a client of generateContent.

    Settings, besides those of every HTTP provider: ``schema_field``, ``responseJsonSchema`` (the default) or
    ``responseSchema`` for older models. Secret: ``api_key``.
    """
    settings = ProviderSettings(setup.settings, "gemini")
    address = "https://generativelanguage.googleapis.com/v1beta"
    return Conversing(Web(setup, settings, address, ("x-goog-api-key", "")), _Generating(setup, settings))


@final
class _Generating:
    probe_path = "/models?pageSize=1"
    headers: Mapping[str, str] = {}

    def __init__(self, setup: Setup, settings: ProviderSettings) -> None:
        self._name = setup.name
        self._models = setup.models
        self._schema_field = settings.one_of("schema_field", ("responseJsonSchema", "responseSchema"))

    def target(self, request: Request, *, streaming: bool) -> tuple[str, dict[str, Any]]:
        model = needed_model(self._name, request, self._models)
        config: dict[str, Any] = {
            "maxOutputTokens": request.max_tokens,
            "temperature": request.temperature,
            "stopSequences": list(request.stop) or None,
        }
        if request.schema is not None:
            config |= {"responseMimeType": "application/json", self._schema_field: thaw(request.schema)}
        config = {key: value for key, value in config.items() if value is not None}
        settings = thaw(request.settings)
        config = {**settings.pop("generationConfig", {}), **config}
        body: dict[str, Any] = {
            **settings,
            "contents": [
                {
                    "role": "model" if message.role == "assistant" else "user",
                    "parts": [{"text": message.content}],
                }
                for message in request.messages
                if message.role != "system"
            ],
        }
        system = [{"text": message.content} for message in request.messages if message.role == "system"]
        if system:
            body["systemInstruction"] = {"parts": system}
        if config:
            body["generationConfig"] = config
        named = model if "/" in model else f"models/{model}"
        method = "streamGenerateContent?alt=sse" if streaming else "generateContent"
        return f"/{quote(named, safe='/-._~')}:{method}", body

    def read(self, request: Request, body: Mapping[str, Any], reading: AnswerSoFar) -> None:
        reading.text = self.read_event(request, "", body, reading)
        if reading.finish is None:
            reading.finish = "end"

    def read_event(
        self,
        request: Request,  # noqa: ARG002
        name: str,  # noqa: ARG002
        body: Mapping[str, Any],
        reading: AnswerSoFar,
    ) -> str:
        blocked = (body.get("promptFeedback") or {}).get("blockReason")
        if blocked:
            refuse_answer(self._name, f"the prompt was blocked ({blocked})")
        reading.model = str(body.get("modelVersion") or reading.model)
        usage = body.get("usageMetadata")
        if usage:
            reading.input_tokens = int(usage.get("promptTokenCount") or 0)
            thought = int(usage.get("thoughtsTokenCount") or 0)
            reading.output_tokens = int(usage.get("candidatesTokenCount") or 0) + thought
        candidate = body["candidates"][0] if body.get("candidates") else None
        if candidate is None:
            if usage:
                return ""
            raise KeyError("candidates")
        self._finish(candidate.get("finishReason"), reading)
        parts = (candidate.get("content") or {}).get("parts") or ()
        return "".join(str(part["text"]) for part in parts if "text" in part and not part.get("thought"))

    def _finish(self, reason: str | None, reading: AnswerSoFar) -> None:
        if reason is None:
            return
        if reason in _REFUSALS:
            refuse_answer(self._name, f"the answer was blocked ({reason})")
        if reason not in ("STOP", "MAX_TOKENS"):
            raise ProviderError(self._name, Failure.MALFORMED, f"the answer ended with {reason}")
        reading.finish = "length" if reason == "MAX_TOKENS" else "end"
