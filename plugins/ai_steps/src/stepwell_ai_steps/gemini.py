"""``gemini`` and ``gemini_instructor``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stepwell import RunContext
from stepwell.model.provider_protocol import Failure, ProviderError
from stepwell.run.workflows import faults
from stepwell_ai_steps.asking import ask, json_in, prompt_of

__all__ = ["ask_gemini", "ask_instructor"]

_PLAIN: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "description": "The answer."},
        "analysis": {"type": "string", "description": "How the answer was derived."},
        "summary": {"type": "string", "description": "A short version of the answer."},
    },
    "required": ["text"],
}
"""Default schema of the answer."""


async def ask_gemini(parameters: Mapping[str, Any], context: RunContext) -> Any:
    """Send the prompt to Gemini."""
    return await ask(context, prompt_of(parameters, context), _options(parameters))


async def ask_instructor(parameters: Mapping[str, Any], context: RunContext) -> Any:
    """Request data that matches a schema from Gemini, and retry on a mismatch."""
    schema = parameters.get("schema") or _PLAIN
    prompt, options = prompt_of(parameters, context), _options(parameters)
    left = parameters.get("max_retries", 2)
    while True:
        try:
            answer = await ask(context, prompt, options, schema)
        except ProviderError as error:
            if error.failure is not Failure.MALFORMED:
                raise
            answer, fault = {}, error.message
        else:
            answer.setdefault("data", json_in(answer["text"]))
            fault = next(iter(faults(schema, answer["data"])), "")
        if not fault:
            return answer
        if left <= 0:
            break
        left -= 1
    if parameters.get("validation_mode") == "loose" and answer:
        return {**answer, "fault": fault}
    name = context.provider.name if context.provider is not None else "none"
    raise ProviderError(name, Failure.MALFORMED, f"the answer does not match the schema: {fault}")


def _options(parameters: Mapping[str, Any]) -> dict[str, Any]:
    budget = parameters.get("token_budget") or {}
    options = {key: parameters[key] for key in ("model", "system_prompt") if key in parameters}
    options.update({key: budget[key] for key in ("temperature", "top_p", "top_k") if key in budget})
    if "max_output_tokens" in budget:
        options["max_tokens"] = budget["max_output_tokens"]
    return options
