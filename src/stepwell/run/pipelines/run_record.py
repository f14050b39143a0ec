"""Immutable records of runs, steps and attempts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from stepwell.run.pipelines.task import Artifact, StepState
from stepwell.source.notebook_repr import InNotebook

__all__ = ["AttemptRecord", "RunRecord", "StepRecord"]


@final
@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """Record of one attempt.

    Args:
        number: counted from 1.
        began: seconds since 1970.
        ended: seconds since 1970; ``None`` while running.
        folder: contains log and sandbox; relative to the folder of the run; may be empty.
    """

    number: int
    state: StepState
    began: float
    ended: float | None
    exit_code: int | None
    fault: str
    folder: str
    worker: str


@final
@dataclass(frozen=True, slots=True)
class StepRecord:
    """Record of one step of a run.

    Args:
        developer: workspace of the step; empty for the core.
        key: cache key; empty while unknown.
        began: start of the first attempt, in seconds since 1970.
        inputs: digests by name.
    """

    node: str
    step: str
    developer: str
    needs: tuple[str, ...]
    state: StepState
    key: str
    fault: str
    kind: str
    help: str
    began: float | None
    ended: float | None
    inputs: Mapping[str, str]
    outputs: tuple[Artifact, ...]
    attempts: tuple[AttemptRecord, ...]

    @property
    def seconds(self) -> float:
        """Return the duration of the last attempt in seconds; 0 if none has ended."""
        last = self.attempts[-1] if self.attempts else None
        return 0.0 if last is None or last.ended is None else max(0.0, last.ended - last.began)


@final
@dataclass(frozen=True, slots=True)
class RunRecord(InNotebook):
    """Record of one run.

    Args:
        workspace: ``None`` for the core.
        mode: ``run`` or ``test``.
        began: seconds since 1970.
        ended: seconds since 1970; ``None`` while running.
        folder: absolute path.
        steps: in topological order.
    """

    id: str
    pipeline: str
    workspace: str | None
    engine: str
    mode: str
    parameters: Mapping[str, Any]
    state: StepState
    began: float
    ended: float | None
    folder: str
    steps: tuple[StepRecord, ...]

    def step(self, node: str) -> StepRecord:
        """Return the record of a step.

        Raises:
            KeyError: no such step.
        """
        for step in self.steps:
            if step.node == node:
                return step
        raise KeyError(node)
