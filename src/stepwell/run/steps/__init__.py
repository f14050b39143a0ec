"""Step execution: lookup, parameter validation, attempts, retries and events."""

from __future__ import annotations

from stepwell.run.steps.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    ProviderChosen,
    ProviderOfAttempt,
    Providers,
    RunEnded,
    RunStarted,
    Subscriber,
)
from stepwell.run.steps.executor import Call, Executor
from stepwell.run.steps.prepare import check_parameters
from stepwell.run.steps.result import Attempt, Context, Fault, StepError, StepResult

__all__ = [
    "Attempt",
    "AttemptEnded",
    "AttemptStarted",
    "Call",
    "Context",
    "Event",
    "Executor",
    "Fault",
    "ProviderChosen",
    "ProviderOfAttempt",
    "Providers",
    "RunEnded",
    "RunStarted",
    "StepError",
    "StepResult",
    "Subscriber",
    "check_parameters",
]
