"""What an engine is: it makes attempts at steps, wherever it has room, and says how each ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, final, runtime_checkable

from stepwell.run.pipelines.task import AttemptOutcome, Task
from stepwell.source.errors import StepwellError

__all__ = ["Engine", "EngineError", "Session"]


@final
class EngineError(StepwellError):
    """An engine cannot be used; the message says why, and what to do."""


class Session(Protocol):
    """An engine at work on one run."""

    @property
    def room(self) -> int:
        """How many attempts it wants to have at once."""

    @property
    def resources(self) -> Mapping[str, float]:
        """The most that one attempt can have of each resource."""

    def submit(self, task: Task) -> None:
        """Have an attempt made: ``stepwell.run.pipelines.perform(task)``, in any process."""

    def finished(self, seconds: float) -> AttemptOutcome | None:
        """The outcome of an attempt that has ended; ``None`` when none does within some seconds.

        An attempt whose worker is gone has failed with the kind ``lost``. Each attempt is told once.
        """

    def close(self) -> None:
        """End what is not ended and let go of all that was taken."""


@runtime_checkable
class Engine(Protocol):
    """What makes attempts at steps.

    Who runs a pipeline decides which step is due, what a retry is and what the record says: an engine decides
    only where an attempt is made. So every engine gives the same results and the same record.
    """

    @property
    def name(self) -> str:
        """What it is called, in commands and in the record."""

    def start(self) -> Session:
        """Begin work.

        Raises:
            EngineError: it cannot be used here.
        """
