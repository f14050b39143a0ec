"""Engine protocol: executes attempts at steps and returns their outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, final, runtime_checkable

from stepwell.run.pipelines.task import AttemptOutcome, Task
from stepwell.source.errors import StepwellError

__all__ = ["Engine", "EngineError", "Session"]


@final
class EngineError(StepwellError):
    """The engine cannot be used; the message explains why and how to fix it."""


class Session(Protocol):
    """An engine executing one run."""

    @property
    def shares_folders(self) -> bool:
        """Return whether its processes see the project's folder under the same path (default: yes)."""

    @property
    def room(self) -> int:
        """Return the maximum number of submitted attempts."""

    @property
    def resources(self) -> Mapping[str, float]:
        """Return the largest amount of each resource that one attempt can use."""

    def submit(self, task: Task) -> None:
        """Submit an attempt; any process may execute it with ``perform(task)``."""

    def finished(self, seconds: float) -> AttemptOutcome | None:
        """Return the outcome of a finished attempt, or ``None`` after a timeout.

        Each attempt is returned once; the failure of a lost worker has the kind ``lost``.
        """

    def close(self) -> None:
        """Stop all attempts and release all resources."""


@runtime_checkable
class Engine(Protocol):
    """Executes attempts at steps.

    The scheduler decides order, retries and records; the engine decides only where an attempt runs. All
    engines therefore produce the same results and records.
    """

    @property
    def name(self) -> str:
        """Return the name in commands and records."""

    def start(self) -> Session:
        """Start a session.

        Raises:
            EngineError: the engine cannot be used here.
        """
