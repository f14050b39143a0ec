"""Protocol of a provider: what it is asked, what it answers and how it fails; nothing is sent here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, Literal, Protocol, final, runtime_checkable

from stepwell.source.errors import StepwellError

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
@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@final
@dataclass(frozen=True, slots=True)
class Request:
    """What a provider is asked.

    Args:
        model: which of the provider's models; its first when left out.
        schema: a JSON Schema (draft 2020-12) that the answer must fit; it comes back as ``Response.data``.
        temperature: how freely it is drawn, from 0.
        timeout: seconds that the whole exchange may take; ``None`` for the provider's own.
        settings: what only one kind of provider understands, by its own names.
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
@dataclass(frozen=True, slots=True)
class Usage:
    """What an exchange took, in tokens."""

    input_tokens: int = 0
    output_tokens: int = 0


@final
@dataclass(frozen=True, slots=True)
class Response:
    """What a provider answers.

    Args:
        data: what the answer says where a schema was asked for; it fits it.
        model: the model that answered, as the provider names it.
        finish: why the answer ended: said all, reached ``max_tokens``, or met one of ``stop``.
        usage: what it took; ``None`` where the provider does not say.
    """

    text: str
    data: Any = None
    model: str = ""
    finish: Literal["end", "length", "stop"] = "end"
    usage: Usage | None = None


@final
@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of an answer that is streamed; the last one has no text and the whole Response."""

    text: str
    response: Response | None = None


@final
class Failure(Enum):
    """What kind of thing went wrong with a provider."""

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
    """A provider did not answer, or not as it was asked.

    Args:
        message: what happened, in one sentence, without any secret.
        retry_after: seconds after which the provider says to ask again.
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
        """Whether the same request may succeed later, or with another provider."""
        return self.failure not in (Failure.INVALID_REQUEST, Failure.REFUSED)


@runtime_checkable
class Provider(Protocol):
    """Answers requests; every implementation passes one contract test.

    It may be asked by several tasks of one event loop at once. It never keeps what it was asked.
    """

    name: str

    async def complete(self, request: Request) -> Response:
        """Answer.

        Raises:
            ProviderError: and nothing else, but for cancellation.
        """

    def stream(self, request: Request) -> AsyncIterator[Chunk]:
        """Answer piece by piece; the last piece has the whole.

        Raises:
            ProviderError: and nothing else, but for cancellation.
        """

    async def probe(self) -> None:
        """Ask for a sign of life.

        Raises:
            ProviderError: there is none.
        """

    async def close(self) -> None:
        """Let go of connections and processes; twice is harmless."""


@final
@dataclass(frozen=True, slots=True)
class Setup:
    """What an implementation is made with: it is called with this alone, and gives a Provider.

    Where a setting is missing or wrong it raises ``ValueError`` with one sentence about it.

    Args:
        models: what it calls its models, the usual one first.
        settings: the definition's ``settings``.
        secrets: the names in the definition's ``secrets``.
        secret: gives a secret by its name in the definition's ``secrets``; ``None`` where none is declared.
            Ask for it with each request, and never keep it. It raises ``ProviderError`` where the
            reference leads nowhere.
        folder: the project's folder, absolute.
        provider: gives another provider of the same view, by its name.
    """

    name: str
    models: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    secrets: tuple[str, ...] = ()
    secret: Callable[[str], str | None] = field(default=lambda _: None, repr=False)
    folder: str = ""
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    provider: Callable[[str], Provider] | None = field(default=None, repr=False)
