"""Immutable records of runs, steps and attempts, their comparison and statistics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, final

from stepwell.run.pipelines.task import Artifact, StepState
from stepwell.source.immutable import InNotebook

__all__ = [
    "AttemptRecord",
    "Developer",
    "RunRecord",
    "StepDifference",
    "StepRecord",
    "busy_spans",
    "compare_runs",
    "developers_of",
]


@final
@dataclass(frozen=True, slots=True)
class StepDifference:
    """Difference of one step between two runs.

    Args:
        before: ``None`` if the earlier run lacks the step.
        inputs: inputs with different digests or in only one run.
    """

    node: str
    before: StepRecord | None
    after: StepRecord | None
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    changed: bool

    @property
    def is_same(self) -> bool:
        """Return whether both runs have the step with the same result and outputs."""
        before, after = self.before, self.after
        if before is None or after is None or self.outputs:
            return False
        return before.state is after.state or (before.state.is_good and after.state.is_good)

    @property
    def why(self) -> str:
        """Return the explanation of the difference; empty if there is none."""
        if self.before is None or self.after is None:
            return "only the later run has it" if self.before is None else "only the earlier run has it"
        if self.inputs:
            return f"input {' and '.join(f'`{name}`' for name in self.inputs)} differs"
        if self.changed:
            return "script, settings or installed packages differ"
        return "not reproducible: all inputs and settings are equal" if self.outputs else ""


def compare_runs(before: RunRecord, after: RunRecord) -> tuple[StepDifference, ...]:
    """Return the difference of every step, in the order of the later run, then the earlier one."""
    old = {step.node: step for step in before.steps}
    new = {step.node: step for step in after.steps}
    return tuple(_difference(node, old.get(node), new.get(node)) for node in dict.fromkeys((*new, *old)))


def _difference(node: str, before: StepRecord | None, after: StepRecord | None) -> StepDifference:
    if before is None or after is None:
        return StepDifference(node, before, after, (), (), changed=False)
    outputs = [{artifact.name: artifact.digest for artifact in step.outputs} for step in (before, after)]
    known = bool(before.key and after.key)
    return StepDifference(
        node,
        before,
        after,
        _differing(before.inputs, after.inputs) if known else (),
        _differing(*outputs) if before.state.is_good and after.state.is_good else (),
        changed=known and before.key != after.key,
    )


def _differing(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name in dict.fromkeys((*before, *after)) if before.get(name) != after.get(name))


@final
@dataclass(frozen=True, slots=True)
class Developer:
    """Statistics of one developer's steps in a run.

    Args:
        name: workspace; empty for the core.
    """

    name: str
    steps: int
    done: int
    failed: int
    attempts: int
    seconds: float


def developers_of(run: RunRecord) -> tuple[Developer, ...]:
    """Return the statistics of every developer, the core first, then by name."""
    developers = []
    for name in sorted({step.developer for step in run.steps}):
        own = [step for step in run.steps if step.developer == name]
        attempts = [attempt for step in own for attempt in step.attempts]
        developers.append(
            Developer(
                name,
                len(own),
                sum(step.state.is_good for step in own),
                sum(step.state is StepState.FAILED for step in own),
                len(attempts),
                sum(max(0.0, each.ended - each.began) for each in attempts if each.ended is not None),
            )
        )
    return tuple(developers)


def busy_spans(attempts: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Merge start and end of attempts to disjoint spans in order."""
    spans: list[tuple[float, float]] = []
    for began, ended in sorted(attempts):
        if spans and began <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], ended))
        elif ended > began:
            spans.append((began, ended))
    return spans


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
        """Return the duration of the last attempt in seconds; 0 if none ended or the result was cached."""
        last = self.attempts[-1] if self.attempts and self.state is not StepState.CACHED else None
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

    @property
    def seconds(self) -> float:
        """Return the time in which attempts ran, in seconds, without the time before a resume."""
        attempts = (attempt for step in self.steps for attempt in step.attempts)
        spans = busy_spans((each.began, each.ended) for each in attempts if each.ended is not None)
        return sum(ended - began for began, ended in spans)

    def step(self, node: str) -> StepRecord:
        """Return the record of a step.

        Raises:
            KeyError: no such step.
        """
        for step in self.steps:
            if step.node == node:
                return step
        raise KeyError(node)
