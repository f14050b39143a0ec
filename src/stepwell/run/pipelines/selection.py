"""Run options and step selection."""

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
    """Options of a run.

    Args:
        limits: of each attempt.
        cache: whether to reuse outputs of earlier runs.
        machine: environment variables that every script gets, e.g. ``PATH``.
    """

    retries: int = 0
    limits: AttemptLimits = field(default_factory=AttemptLimits)
    cache: bool = True
    machine: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({"PATH": os.defpath}))


@final
@dataclass(frozen=True, slots=True)
class StepSelection:
    """Selection of the steps to run.

    Args:
        start: run this step and everything downstream, ignoring the cache.
        only: run only this step, ignoring the cache.
    """

    start: str | None = None
    only: str | None = None


def chosen(plan: RunPlan, choice: StepSelection) -> tuple[frozenset[str], frozenset[str]]:
    """Return the selected steps, and those that ignore the cache.

    Raises:
        PipelineError: the selection names an unknown step.
    """
    for named in (choice.start, choice.only):
        if named is not None and named not in plan.steps:
            available = ", ".join(plan.steps)
            raise PipelineError(f"`{plan.pipeline.name}` has no step `{named}` (available: {available})")
    if choice.only is not None:
        return frozenset({choice.only}), frozenset({choice.only})
    if choice.start is not None:
        below = frozenset(plan.below(choice.start))
        return below, below
    return frozenset(plan.steps), frozenset()
