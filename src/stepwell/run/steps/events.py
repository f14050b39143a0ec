"""Events of step runs, in the order in which they happen."""

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
    """A provider that was selected for one attempt."""

    @property
    def provider(self) -> Provider: ...

    @property
    def reason(self) -> str:
        """Explanation of the choice, as text."""


class Providers(Protocol):
    """Selects providers; ``providers.ProviderRegistry`` implements it."""

    def select(
        self, requires: Iterable[str], *, exclude: Mapping[str, str], session: str, view: View | None
    ) -> ProviderOfAttempt:
        """Return the provider for the next attempt.

        Args:
            requires: capabilities that the provider must have.
            exclude: providers to skip, each with the reason.
            session: conversation that should stay with one provider; empty for none.
            view: visible providers; ``None`` allows only a fallback.

        Raises:
            StepwellError: no provider matches; the message explains why.
        """


_log = logging.getLogger(__name__)


@final
@dataclass(frozen=True, slots=True)
class RunStarted:
    """Start of a run.

    Args:
        workspace: ``None`` for the core.
        parent: number of the enclosing run.
    """

    run: int
    step: str
    workspace: str | None
    parent: int | None = None


@final
@dataclass(frozen=True, slots=True)
class ProviderChosen:
    """Selection of a provider for the next attempt.

    Args:
        excluded: providers that have already failed in this round, in order.
    """

    run: int
    step: str
    provider: str
    reason: str = ""
    excluded: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """Start of an attempt.

    Args:
        number: counted from 1.
        provider: ``None`` when the step needs none.
    """

    run: int
    step: str
    number: int
    provider: str | None = None


@final
@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """End of an attempt, successful or not."""

    run: int
    step: str
    attempt: Attempt


@final
@dataclass(frozen=True, slots=True)
class RunEnded:
    """End of a run, successful or not."""

    run: int
    step: str
    result: StepResult


Event = RunStarted | ProviderChosen | AttemptStarted | AttemptEnded | RunEnded
Subscriber = Callable[[Event], object]


@final
@dataclass(slots=True)
class Events:
    """Event subscribers, each called in the thread and task of the event."""

    subscribers: tuple[Subscriber, ...] = field(default=())

    def notify(self, event: Event) -> None:
        """Notify every subscriber, even when one of them raises."""
        for subscriber in self.subscribers:
            with Contained() as outcome:
                subscriber(event)
            if outcome.error is not None:
                _log.error("an event subscriber failed", exc_info=outcome.error)
