"""Asking a provider: from a step's options to a request, and from its answer to what later steps see."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from stepwell import RunContext
from stepwell.model.provider_protocol import Failure, Message, ProviderError, Request, Response
from stepwell.run.workflows import Prompt, Scope, StepFailed, Turn, compose

__all__ = ["answer_of", "ask", "conversation", "json_in", "persist", "prompt_of", "request_of"]

T = TypeVar("T")

MODELS: Final = {"haiku": "claude-haiku-4-5", "sonnet": "claude-sonnet-4-5", "opus": "claude-opus-4-1"}
"""The short names of models that old workflow files use."""

_FENCED: Final = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n[ \t]*```", re.DOTALL)

CONDITIONS: Final[Mapping[str, frozenset[Failure]]] = {
    "timeout": frozenset({Failure.TIMEOUT}),
    "rate_limit": frozenset({Failure.RATE_LIMITED}),
    "api_error": frozenset({Failure.UNAVAILABLE, Failure.RATE_LIMITED, Failure.MALFORMED}),
    "temporary_error": frozenset({Failure.UNAVAILABLE, Failure.RATE_LIMITED, Failure.TIMEOUT}),
    "max_turns": frozenset(),
}
"""The failures that each word of a retry configuration stands for."""


async def ask(
    context: RunContext,
    prompt: Prompt,
    options: Mapping[str, Any],
    schema: Mapping[str, Any] | None = None,
    turns: Iterable[Turn] = (),
) -> dict[str, Any]:
    """Ask the step's provider, again where the options say so.

    Args:
        context: of the step.
        prompt: what is said.
        options: the step's ``claude_options``, or what has the same names.
        schema: a JSON Schema that the answer must fit.
        turns: the conversation before it.

    Returns:
        The answer as later steps see it.

    Raises:
        ProviderError: there is none.
    """
    request = request_of(prompt, options, schema, turns)
    retries = options.get("retry_config") or {}

    async def once() -> Response:
        return await complete(context, request)

    response = await persist(once, retries, retries.get("retry_on", ()))
    return answer_of(response, context, options)


async def complete(context: RunContext, request: Request) -> Response:
    """Ask the step's provider once.

    Raises:
        StepFailed: the step was given none.
        ProviderError: there is no answer.
    """
    if context.provider is None:
        raise StepFailed(Scope.of(context.values).path, "it has no provider to ask")
    return await context.provider.complete(request)


async def persist(
    call: Callable[[], Awaitable[T]], config: Mapping[str, Any], conditions: Iterable[str]
) -> T:
    """Call something again when it fails, with waits between.

    Args:
        call: what is called.
        config: ``max_retries``, ``backoff_strategy`` and ``base_delay_ms``.
        conditions: words of ``CONDITIONS``, after which it is called again.

    Raises:
        ProviderError: the last failure.
    """
    from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt
    from tenacity.wait import wait_exponential, wait_fixed, wait_incrementing

    first = config.get("base_delay_ms", 1000) / 1000
    waits = {
        "linear": wait_incrementing(start=first, increment=first, max=60),
        "fixed": wait_fixed(first),
    }
    again = frozenset().union(*(CONDITIONS[word] for word in conditions))
    retrying = AsyncRetrying(
        stop=stop_after_attempt(config.get("max_retries", 0) + 1),
        wait=waits.get(config.get("backoff_strategy", ""), wait_exponential(multiplier=first, max=60)),
        retry=retry_if_exception(lambda error: isinstance(error, ProviderError) and error.failure in again),
        reraise=True,
    )
    return await retrying(call)


def prompt_of(parameters: Mapping[str, Any], context: RunContext, key: str = "prompt") -> Prompt:
    """The prompt of a step, put together."""
    return compose(parameters.get(key, ""), Scope.of(context.values), context.folder)


def conversation(
    prompt: Prompt, options: Mapping[str, Any], context: RunContext
) -> tuple[str, tuple[Turn, ...]]:
    """The conversation that a prompt goes on with: its name, and what was said so far.

    Args:
        prompt: the prompt; a ``claude_continue`` part of it names one.
        options: the step's; ``session_id`` names one.
        context: of the step.
    """
    name = prompt.session or str(options.get("session_id", "")) or context.session
    flow = Scope.of(context.values)
    if name and options.get("resume_session") and not flow.turns(name):
        flow.say(name, *(flow.setting.recall("session", name) or ()))
    return name, flow.turns(name) if name else ()


def request_of(
    prompt: Prompt,
    options: Mapping[str, Any],
    schema: Mapping[str, Any] | None = None,
    turns: Iterable[Turn] = (),
) -> Request:
    """What a provider is asked.

    Args:
        prompt: what is said.
        options: the step's.
        schema: a JSON Schema that the answer must fit.
        turns: the conversation before it.
    """
    system = "\n\n".join(
        options[key] for key in ("system_prompt", "append_system_prompt") if options.get(key)
    )
    messages = [Message("system", system)] if system else []
    messages += [
        Message("assistant" if turn["role"] == "assistant" else "user", turn["content"]) for turn in turns
    ]
    messages.append(Message("user", prompt.text))
    model = options.get("model")
    limit = options.get("timeout_ms")
    return Request(
        tuple(messages),
        model=MODELS.get(model, model) if model is not None else None,
        schema=schema,
        max_tokens=options.get("max_tokens"),
        temperature=options.get("temperature"),
        timeout=None if limit is None else limit / 1000,
        settings={key: options[key] for key in ("top_p", "top_k") if key in options},
    )


def answer_of(response: Response, context: RunContext, options: Mapping[str, Any]) -> dict[str, Any]:
    """A provider's answer as later steps see it.

    Args:
        response: the answer.
        context: of the step.
        options: the step's; ``output_format: json`` reads the text as JSON besides.
    """
    answer: dict[str, Any] = {"text": response.text, "finish": response.finish}
    if context.provider is not None:
        answer["provider"] = context.provider.name
    if response.model:
        answer["model"] = response.model
    if response.usage is not None:
        answer["usage"] = {
            "input_tokens": response.usage.input_tokens,
            "output_tokens": response.usage.output_tokens,
        }
    data = response.data
    if data is None and options.get("output_format") == "json":
        data = json_in(response.text)
    if data is not None:
        answer["data"] = data
    return answer


def json_in(text: str) -> Any:
    """The list or mapping that a text holds as JSON, alone or in a fence; ``None`` where it holds none."""
    fenced = _FENCED.search(text)
    for candidate in (text, fenced[1] if fenced else ""):
        try:
            held = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(held, (dict, list)):
            return held
    return None
