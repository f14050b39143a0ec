"""What the record has of runs: values, as they were when they were read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, final

from stepwell.run.pipelines.task import Artifact, StepState
from stepwell.source.notebook_repr import in_notebook

__all__ = ["AttemptRecord", "RunRecord", "StepRecord"]


@final
@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One attempt at a step, as the record has it.

    Args:
        number: from 1.
        began: seconds since 1970.
        ended: seconds since 1970; ``None`` while it has not.
        folder: with its log and its sandbox, relative to the folder of the run; empty where there is none.
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
    """One step of a run, as the record has it.

    Args:
        developer: the workspace whose step it is; empty for the core.
        key: what its outputs depend on; empty while that is not known.
        began: seconds since 1970, of the first attempt; ``None`` where there was none.
        inputs: their digests by name.
        attempts: in their order.
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
        """How long its last attempt took; 0 where none ended."""
        last = self.attempts[-1] if self.attempts else None
        return 0.0 if last is None or last.ended is None else max(0.0, last.ended - last.began)


@final
@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run, as the record has it.

    Args:
        workspace: in whose view; ``None`` for the core.
        mode: ``run`` or ``test``.
        began: seconds since 1970.
        ended: seconds since 1970; ``None`` while it has not.
        folder: an absolute path, with one folder for each step that was begun.
        steps: in an order that respects what needs what.
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
        """One of its steps.

        Raises:
            KeyError: it has none of that id.
        """
        for one in self.steps:
            if one.node == node:
                return one
        raise KeyError(node)

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        return in_notebook(self, include, exclude)

    def _repr_html_(self) -> str:
        return str(in_notebook(self)["text/html"])
