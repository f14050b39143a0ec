"""Steps that run: looked up in the registry, held to their parameters, timed, tried again, and told."""

from __future__ import annotations

from stepwell.execution.choosing import Choice, Providers
from stepwell.execution.context import Context
from stepwell.execution.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    ProviderChosen,
    RunEnded,
    RunStarted,
    Subscriber,
)
from stepwell.execution.executor import Call, Executor
from stepwell.execution.parameters import check_parameters
from stepwell.execution.results import Attempt, Fault, StepError, StepResult

__all__ = [
    "Attempt",
    "AttemptEnded",
    "AttemptStarted",
    "Call",
    "Choice",
    "Context",
    "Event",
    "Executor",
    "Fault",
    "ProviderChosen",
    "Providers",
    "RunEnded",
    "RunStarted",
    "StepError",
    "StepResult",
    "Subscriber",
    "check_parameters",
]
