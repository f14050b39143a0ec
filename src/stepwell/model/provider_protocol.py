"""Provider protocol: requests, responses and errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, Literal, Protocol, final, runtime_checkable

from stepwell.source.errors import StepwellError
from stepwell.source.immutable import record

__all__ = [
    "Chunk",
    "Failure",
    "Message",
    "Provider",
    "ProviderError",
    "Request",
    "Response",
    "Setup",
    "Usage",
]


@final
@record
class Message:
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@final
@dataclass(frozen=True, slots=True)
class Request:
    """A request to a provider.

    Args:
        model: default is the provider's first model.
        schema: JSON Schema (draft 2020-12) of the response; the result is in ``Response.data``.
        temperature: randomness, from 0.
        timeout: seconds for the whole exchange; ``None`` for the provider's default.
        settings: implementation-specific settings.
    """

    messages: tuple[Message, ...]
    model: str | None = None
    schema: Mapping[str, Any] | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    stop: tuple[str, ...] = ()
    timeout: float | None = None
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@final
@record
class Usage:
    """Token usage of an exchange."""

    input_tokens: int = 0
    output_tokens: int = 0


@final
@record
class Response:
    """Response of a provider.

    Args:
        data: structured output that matches the requested schema.
        model: name of the responding model, as reported by the provider.
        finish: stop reason: complete, ``max_tokens`` reached, or a sequence of ``stop``.
        usage: ``None`` if the provider does not report it.
    """

    text: str
    data: Any = None
    model: str = ""
    finish: Literal["end", "length", "stop"] = "end"
    usage: Usage | None = None


@final
@record
class Chunk:
    """Part of a streamed response; the last one has no text but the complete Response."""

    text: str
    response: Response | None = None


@final
class Failure(Enum):
    """Category of a provider error."""

    AUTHENTICATION = "authentication"
    INVALID_REQUEST = "invalid request"
    MALFORMED = "malformed answer"
    NOT_FOUND = "not found"
    RATE_LIMITED = "rate limited"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"


@final
class ProviderError(StepwellError):
    """Failed request to a provider.

    Args:
        message: one sentence without secrets.
        retry_after: seconds until the provider accepts a retry.
    """

    def __init__(
        self, provider: str, failure: Failure, message: str, retry_after: float | None = None
    ) -> None:
        self.provider = provider
        self.failure = failure
        self.message = message
        self.retry_after = retry_after
        super().__init__(f"provider {provider}: {failure.value}: {message}")

    def __reduce__(self) -> tuple[type[ProviderError], tuple[str, Failure, str, float | None]]:
        return ProviderError, (self.provider, self.failure, self.message, self.retry_after)

    @property
    def passes(self) -> bool:
        """Whether a retry or another provider may succeed."""
        return self.failure not in (Failure.INVALID_REQUEST, Failure.REFUSED)


@runtime_checkable
class Provider(Protocol):
    """Sends requests to a model; all implementations pass one contract test.

    Several tasks of an event loop may use a provider concurrently. Providers never store requests.
    """

    name: str

    async def complete(self, request: Request) -> Response:
        """Send a request and return the response.

        Raises:
            ProviderError: the only exception besides cancellation.
        """

    def stream(self, request: Request) -> AsyncIterator[Chunk]:
        """Send a request and yield the response in chunks; the last chunk has the complete response.

        Raises:
            ProviderError: the only exception besides cancellation.
        """

    async def probe(self) -> None:
        """Check the provider's health.

        Raises:
            ProviderError: the provider is not available.
        """

    async def close(self) -> None:
        """Close connections and processes; idempotent."""


@final
@dataclass(frozen=True, slots=True)
class Setup:
    """Only argument of an implementation, which returns a Provider.

    Implementations raise ``ValueError`` with one sentence for missing or invalid settings.

    Args:
        models: the provider's model names, the default first.
        settings: the definition's ``settings``.
        secrets: names in the definition's ``secrets``.
        secret: returns a secret by name; ``None`` if it is not declared. Call it for every request and never
            store the result. Raises ``ProviderError`` if the reference cannot be resolved.
        folder: the project folder, absolute.
        provider: returns another provider of the view by name.
    """

    name: str
    models: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    secrets: tuple[str, ...] = ()
    secret: Callable[[str], str | None] = field(default=lambda _: None, repr=False)
    folder: str = ""
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    provider: Callable[[str], Provider] | None = field(default=None, repr=False)
