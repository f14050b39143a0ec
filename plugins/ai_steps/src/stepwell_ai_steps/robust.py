"""``claude_robust``: retries and fallbacks."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from stepwell import RunContext
from stepwell.model.provider_protocol import ProviderError
from stepwell.run.workflows import Prompt, Scope, shortened
from stepwell_ai_steps.asking import answer_of, complete, persist, prompt_of, request_of
from stepwell_ai_steps.presets import with_preset

__all__ = ["FALLBACKS", "ask_robustly"]

_LENGTH: Final = 500
"""Maximum length of a simplified prompt, in characters."""


async def ask_robustly(parameters: Mapping[str, Any], context: RunContext) -> Any:
    """Send the prompt with the configured retries, then use the fallback."""
    config = {"max_retries": 3, **(parameters.get("retry_config") or {})}
    options = with_preset(parameters.get("preset", "production"), parameters.get("claude_options"))
    prompt = prompt_of(parameters, context)
    request = request_of(prompt, options)
    key = hashlib.sha256(prompt.text.encode()).hexdigest()
    attempts = 0

    async def once() -> Any:
        nonlocal attempts
        attempts += 1
        return await complete(context, request)

    conditions = config.get("retry_conditions", ("timeout", "rate_limit", "temporary_error"))
    try:
        response = await persist(once, config, conditions)
    except ProviderError as error:
        fallback = config.get("fallback_action", "graceful_degradation")
        answer = await FALLBACKS[fallback](prompt, options, context, error, key)
        return {**answer, "fallback": fallback, "fault": error.message, "attempts": attempts}
    answer = answer_of(response, context, options)
    return {**answer, "attempts": attempts, "prompt_digest": key}


async def _degrade(_: Prompt, __: Mapping[str, Any], ___: RunContext, error: ProviderError, ____: str) -> Any:
    return {
        "text": f"No answer ({error.failure.value}). The workflow continued without it.",
        "degraded": True,
    }


async def _recall(
    prompt: Prompt, options: Mapping[str, Any], context: RunContext, error: ProviderError, key: str
) -> Any:
    flow = Scope.of(context.values)
    earlier = flow.setting.recall("answer", key)
    if earlier is None:
        return await _degrade(prompt, options, context, error, key)
    return {"text": earlier.get("text", ""), "cached": True}


async def _simplify(
    prompt: Prompt, options: Mapping[str, Any], context: RunContext, error: ProviderError, key: str
) -> Any:
    simple = Prompt(f"Answer briefly and simply:\n{shortened(prompt.text, _LENGTH)}")
    plain = {name: options[name] for name in ("model", "timeout_ms") if name in options}
    try:
        response = await complete(context, request_of(simple, plain))
    except ProviderError:
        return await _degrade(prompt, options, context, error, key)
    return {**answer_of(response, context, plain), "simplified": True}


async def _warn(
    _: Prompt, __: Mapping[str, Any], context: RunContext, error: ProviderError, ____: str
) -> Any:
    step = Scope.of(context.values).step or context.definition.name
    text = f"Step `{step}` has no answer ({error.failure.value}) and requires attention."
    return {
        "text": text,
        "emergency": True,
        "requires_attention": True,
    }


FALLBACKS: Final[Mapping[str, Callable[..., Awaitable[Any]]]] = MappingProxyType(
    {
        "graceful_degradation": _degrade,
        "cached_response": _recall,
        "use_cached_response": _recall,
        "simplified_prompt": _simplify,
        "emergency_response": _warn,
    }
)
"""Fallback functions by name."""
