"""Provider requests of steps: build the request, retry, and convert the answer for later steps."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from stepwell import RunContext
from stepwell.model.provider_protocol import Failure, Message, ProviderError, Request, Response
from stepwell.run.workflows import Prompt, Scope, StepFailed, Turn, compose

__all__ = [
    "DEFAULT_CONDITIONS",
    "answer_of",
    "ask",
    "conversation",
    "json_in",
    "persist",
    "prompt_of",
    "request_of",
]

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")

MODELS: Final = {"haiku": "claude-haiku-4-5", "sonnet": "claude-sonnet-4-5", "opus": "claude-opus-4-1"}
"""Short model names of legacy workflow files."""

_FENCED: Final = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n[ \t]*```", re.DOTALL)

CONDITIONS: Final[Mapping[str, frozenset[Failure]]] = {
    "timeout": frozenset({Failure.TIMEOUT}),
    "rate_limit": frozenset({Failure.RATE_LIMITED}),
    "api_error": frozenset({Failure.UNAVAILABLE, Failure.RATE_LIMITED, Failure.MALFORMED}),
    "temporary_error": frozenset({Failure.UNAVAILABLE, Failure.RATE_LIMITED, Failure.TIMEOUT}),
    "max_turns": frozenset(),
}
"""Failures for each condition of a retry configuration."""

DEFAULT_CONDITIONS: Final = ("temporary_error",)
"""Retried if ``retry_on`` is not set: no connection, HTTP 429 and 5xx, and timeouts."""


async def ask(
    context: RunContext,
    prompt: Prompt,
    options: Mapping[str, Any],
    schema: Mapping[str, Any] | None = None,
    turns: Iterable[Turn] = (),
) -> dict[str, Any]:
    """Send the prompt to the step's provider, with the configured retries.

    Args:
        options: the step's ``claude_options``, or equivalent names.
        schema: JSON Schema of the answer.
        turns: preceding conversation.

    Returns:
        The answer for later steps.

    Raises:
        ProviderError: every attempt failed.
    """
    request = request_of(prompt, options, schema, turns)
    retries = options.get("retry_config") or {}

    async def once() -> Response:
        return await complete(context, request)

    failures: list[ProviderError] = []
    response = await persist(once, retries, retries.get("retry_on", DEFAULT_CONDITIONS), failures)
    return {**answer_of(response, context, options), **attempts_of(failures)}


def attempts_of(failures: Sequence[ProviderError]) -> dict[str, Any]:
    """Return the record of the attempts before an answer; empty if the first one succeeded."""
    if not failures:
        return {}
    faults = [{"failure": error.failure.value, "message": error.message} for error in failures]
    return {"attempts": len(failures) + 1, "failures": faults}


async def complete(context: RunContext, request: Request) -> Response:
    """Send one request to the step's provider.

    Raises:
        StepFailed: the step has no provider.
        ProviderError: the request failed, or the answer is empty.
    """
    if context.provider is None:
        raise StepFailed(Scope.of(context.values).path, "no provider is available")
    response = await context.provider.complete(request)
    if response.data is None and not response.text.strip():
        raise ProviderError(context.provider.name, Failure.MALFORMED, "the answer is empty")
    return response


async def persist(
    call: Callable[[], Awaitable[T]],
    config: Mapping[str, Any],
    conditions: Iterable[str],
    failures: list[ProviderError] | None = None,
) -> T:
    """Retry a call with a delay, at least as long as the provider requests.

    Args:
        config: ``max_retries``, ``backoff_strategy`` and ``base_delay_ms``.
        conditions: keys of ``CONDITIONS`` to retry on, or texts that the message contains.
        failures: receives the failures that are retried.

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
    strategy = waits.get(config.get("backoff_strategy", ""), wait_exponential(multiplier=first, max=60))

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        asked_for = error.retry_after if isinstance(error, ProviderError) else None
        return max(strategy(state), asked_for or 0)

    def note(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome is not None else None
        if failures is not None and isinstance(error, ProviderError):
            failures.append(error)

    words = tuple(conditions)
    retryable = frozenset().union(*(CONDITIONS.get(word, frozenset()) for word in words))
    texts = tuple(word.lower() for word in words if word not in CONDITIONS)
    retrying = AsyncRetrying(
        stop=stop_after_attempt(config.get("max_retries", 0) + 1),
        wait=wait,
        before_sleep=note,
        retry=retry_if_exception(
            lambda error: (
                isinstance(error, ProviderError)
                and (error.failure in retryable or any(text in error.message.lower() for text in texts))
            )
        ),
        reraise=True,
    )
    return await retrying(call)


def prompt_of(parameters: Mapping[str, Any], context: RunContext, key: str = "prompt") -> Prompt:
    """Return the composed prompt of a step."""
    return compose(parameters.get(key, ""), Scope.of(context.values), context.folder)


def conversation(
    prompt: Prompt, options: Mapping[str, Any], context: RunContext
) -> tuple[str, tuple[Turn, ...]]:
    """Return the conversation of a prompt: its name and the turns so far.

    Args:
        prompt: a ``claude_continue`` part names the conversation.
        options: ``session_id`` names the conversation.
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
    """Return a request for a provider.

    Args:
        schema: JSON Schema of the answer.
        turns: preceding conversation.
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
    """Return a provider's answer for later steps.

    Args:
        options: ``output_format: json`` parses the text as JSON.
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
    """Return the JSON list or mapping in a text or its code fence, or ``None``."""
    fenced = _FENCED.search(text)
    for candidate in (text, fenced[1] if fenced else ""):
        try:
            value = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, (dict, list)):
            return value
    return None
