"""How a run is made, and which steps of its pipeline it has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import final

from stepwell.run.pipelines.plan import RunPlan
from stepwell.run.pipelines.task import AttemptLimits
from stepwell.source.errors import PipelineError

__all__ = ["Options", "StepSelection", "chosen"]


@final
@dataclass(frozen=True, slots=True)
class Options:
    """How a run is made.

    Args:
        limits: what one attempt may take.
        cache: whether a step is left out that an earlier run made just so.
        machine: the variables of the machine that every script gets besides its own, such as ``PATH``.
    """

    retries: int = 0
    limits: AttemptLimits = field(default_factory=AttemptLimits)
    cache: bool = True
    machine: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({"PATH": os.defpath}))


@final
@dataclass(frozen=True, slots=True)
class StepSelection:
    """Which steps of a pipeline are run.

    Args:
        start: this one and all that need it, whatever the cache has; ``None`` for no such wish.
    """

    start: str | None = None
    only: str | None = None


def chosen(plan: RunPlan, choice: StepSelection) -> tuple[frozenset[str], frozenset[str]]:
    """The steps that may be run, and those of them that are run whatever the cache has.

    Raises:
        PipelineError: it names a step that is not there.
    """
    for named in (choice.start, choice.only):
        if named is not None and named not in plan.steps:
            there = ", ".join(plan.steps)
            raise PipelineError(f"`{plan.pipeline.name}` has no step `{named}` (its steps are {there})")
    if choice.only is not None:
        return frozenset({choice.only}), frozenset({choice.only})
    if choice.start is not None:
        below = frozenset(plan.below(choice.start))
        return below, below
    return frozenset(plan.steps), frozenset()
