"""What is told while steps run, in the order in which it happens."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, final

from stepwell.model.provider_protocol import Provider
from stepwell.resolve.view import View
from stepwell.run.steps.result import Attempt, StepResult
from stepwell.source.foreign_code import Contained

__all__ = [
    "AttemptEnded",
    "AttemptStarted",
    "Event",
    "Events",
    "ProviderChosen",
    "ProviderOfAttempt",
    "Providers",
    "RunEnded",
    "RunStarted",
    "Subscriber",
]


class ProviderOfAttempt(Protocol):
    """A provider that was chosen for one attempt."""

    @property
    def provider(self) -> Provider:
        """The provider; it keeps its own limits and notes its own failures."""

    @property
    def reason(self) -> str:
        """Why it, in words."""


class Providers(Protocol):
    """Chooses a provider; ``providers.ProviderRegistry`` is one."""

    def select(
        self, requires: Iterable[str], *, exclude: Mapping[str, str], session: str, view: View | None
    ) -> ProviderOfAttempt:
        """The provider for the next attempt.

        Args:
            requires: the capabilities that it must have.
            session: a conversation that should stay with one; empty for none.
            view: what the run sees; ``None`` where it sees nothing but a fallback.

        Raises:
            StepwellError: none fits; the message says why.
        """


_log = logging.getLogger(__name__)


@final
@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins.

    Args:
        workspace: in whose view; ``None`` for the core.
        parent: the run that it is nested in; ``None`` for none.
    """

    run: int
    step: str
    workspace: str | None
    parent: int | None = None


@final
@dataclass(frozen=True, slots=True)
class ProviderChosen:
    """A provider is chosen for the next attempt.

    Args:
        reason: why it, in words; empty where it is not said.
        excluded: the providers that have failed in this round, in order.
    """

    run: int
    step: str
    provider: str
    reason: str = ""
    excluded: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """An attempt begins.

    Args:
        number: from 1.
        provider: the name of the provider; ``None`` for none.
    """

    run: int
    step: str
    number: int
    provider: str | None = None


@final
@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """An attempt ends, one way or another."""

    run: int
    step: str
    attempt: Attempt


@final
@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run ends, one way or another."""

    run: int
    step: str
    result: StepResult


Event = RunStarted | ProviderChosen | AttemptStarted | AttemptEnded | RunEnded
Subscriber = Callable[[Event], object]


@final
@dataclass(slots=True)
class Events:
    """Who is told. A subscriber is called in the thread and the task that the event happens in."""

    subscribers: tuple[Subscriber, ...] = field(default=())

    def tell(self, event: Event) -> None:
        """Tell everybody, whatever one of them raises."""
        for subscriber in self.subscribers:
            with Contained() as outcome:
                subscriber(event)
            if outcome.error is not None:
                _log.error("a subscriber failed; the others are told all the same", exc_info=outcome.error)
