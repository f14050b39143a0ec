"""How the steps of a run went, developer by developer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from stepwell.pipelines.runs.recorded import RunRecord
from stepwell.pipelines.runs.task import State

__all__ = ["Developer", "developers_of"]


@final
@dataclass(frozen=True, slots=True)
class Developer:
    """The steps of one developer in a run.

    Args:
        name: the workspace; empty for the core.
        steps: how many.
        done: how many gave what they should, now or in an earlier run.
        failed: how many did not.
        attempts: of all of them.
        seconds: that their attempts took together.
    """

    name: str
    steps: int
    done: int
    failed: int
    attempts: int
    seconds: float


def developers_of(run: RunRecord) -> tuple[Developer, ...]:
    """Every developer who has a step in a run, the core first, then by name.

    Args:
        run: which run.
    """
    found = []
    for name in sorted({one.developer for one in run.steps}):
        own = [one for one in run.steps if one.developer == name]
        attempts = [each for one in own for each in one.attempts]
        found.append(
            Developer(
                name,
                len(own),
                sum(one.state.is_good for one in own),
                sum(one.state is State.FAILED for one in own),
                len(attempts),
                sum(max(0.0, each.ended - each.began) for each in attempts if each.ended is not None),
            )
        )
    return tuple(found)
