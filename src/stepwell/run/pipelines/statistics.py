"""What differs between two runs of a pipeline: what each step came to, what it took, and what it gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from stepwell.run.pipelines.run_record import RunRecord, StepRecord
from stepwell.run.pipelines.task import StepState

__all__ = [
    "Developer",
    "StepDifference",
    "compare_runs",
    "developers_of",
]


@final
@dataclass(frozen=True, slots=True)
class StepDifference:
    """One step in two runs.

    Args:
        before: in the earlier run; ``None`` where that has no such step.
        inputs: the inputs that differ by digest, or that only one run has.
    """

    node: str
    before: StepRecord | None
    after: StepRecord | None
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    changed: bool

    @property
    def is_same(self) -> bool:
        """Whether both runs have it, it ended well or ill in both alike, and gave the same."""
        before, after = self.before, self.after
        if before is None or after is None or self.outputs:
            return False
        return before.state is after.state or (before.state.is_good and after.state.is_good)

    @property
    def why(self) -> str:
        """What explains the difference, in words; empty when nothing does or there is none."""
        if self.before is None or self.after is None:
            return "only the later run has it" if self.before is None else "only the earlier run has it"
        if self.inputs:
            return f"its input {' and '.join(f'`{one}`' for one in self.inputs)} differs"
        if self.changed:
            return "its script, its settings or what is installed differ"
        return "it is not repeatable: nothing that it depends on differs" if self.outputs else ""


def compare_runs(before: RunRecord, after: RunRecord) -> tuple[StepDifference, ...]:
    """Every step that one of two runs has, in the order of the later run, then of the earlier."""
    old = {one.node: one for one in before.steps}
    new = {one.node: one for one in after.steps}
    return tuple(_difference(node, old.get(node), new.get(node)) for node in dict.fromkeys((*new, *old)))


def _difference(node: str, before: StepRecord | None, after: StepRecord | None) -> StepDifference:
    if before is None or after is None:
        return StepDifference(node, before, after, (), (), changed=False)
    gave = [{held.name: held.digest for held in one.outputs} for one in (before, after)]
    known = bool(before.key and after.key)
    return StepDifference(
        node,
        before,
        after,
        _differing(before.inputs, after.inputs) if known else (),
        _differing(*gave) if before.state.is_good and after.state.is_good else (),
        changed=known and before.key != after.key,
    )


def _differing(one: Mapping[str, str], other: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name in dict.fromkeys((*one, *other)) if one.get(name) != other.get(name))


@final
@dataclass(frozen=True, slots=True)
class Developer:
    """The steps of one developer in a run.

    Args:
        name: the workspace; empty for the core.
    """

    name: str
    steps: int
    done: int
    failed: int
    attempts: int
    seconds: float


def developers_of(run: RunRecord) -> tuple[Developer, ...]:
    """Every developer who has a step in a run, the core first, then by name."""
    found = []
    for name in sorted({one.developer for one in run.steps}):
        own = [one for one in run.steps if one.developer == name]
        attempts = [each for one in own for each in one.attempts]
        found.append(
            Developer(
                name,
                len(own),
                sum(one.state.is_good for one in own),
                sum(one.state is StepState.FAILED for one in own),
                len(attempts),
                sum(max(0.0, each.ended - each.began) for each in attempts if each.ended is not None),
            )
        )
    return tuple(found)
