"""What is run: options, selected steps, and variants of a pipeline."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, final

from stepwell.live.registry import Registry
from stepwell.model.graph import Pipeline
from stepwell.run.pipelines.plan import RunPlan
from stepwell.run.pipelines.task import AttemptLimits
from stepwell.source.errors import PipelineError

__all__ = ["Options", "StepSelection", "Swap", "Trial", "alone", "chosen", "swaps"]


@final
@dataclass(frozen=True, slots=True)
class Swap:
    """A pipeline with one step from another workspace.

    Args:
        pipeline: ``None`` if the workspace lacks the step.
    """

    node: str
    workspace: str
    pipeline: Pipeline | None
    is_same: bool = False


@final
@dataclass(frozen=True, slots=True)
class Trial:
    """Result of a run with one step from another workspace.

    Args:
        state: ``works``, ``does not work``, ``the same`` or ``not there``.
        ran: number of steps that ran.
        cached: number of steps whose outputs came from the cache.
    """

    step: str
    workspace: str
    state: str
    run: str | None = None
    failed: str | None = None
    fault: str | None = None
    ran: int = 0
    cached: int = 0


def alone(pipeline: Pipeline, node: str) -> Pipeline:
    """Return a pipeline of one step without inputs and dependencies.

    Raises:
        PipelineError: unknown step.
    """
    if node not in pipeline.nodes:
        available = ", ".join(pipeline.nodes)
        raise PipelineError(f"`{pipeline.name}` has no step `{node}` (available: {available})")
    return replace(pipeline, nodes={node: replace(pipeline.nodes[node], inputs={}, depends_on=())})


def swaps(registry: Registry, pipeline: Pipeline, workspaces: Iterable[str]) -> Iterator[Swap]:
    """Yield one variant of a pipeline for each of its steps and each workspace.

    Raises:
        UnknownWorkspace: with suggestions.
    """
    for workspace in workspaces:
        view = registry.view(workspace)
        for node in pipeline.nodes.values():
            definition = view.get(node.step)
            if definition is None:
                yield Swap(node.id, workspace, None)
                continue
            own = registry.view(node.workspace or pipeline.workspace)
            same = node.definition is not None and node.definition == definition
            if same and own.get(node.step) is not None:
                scripts = [each.components(node.step)["script"].place for each in (own, view)]
                same = scripts[0] == scripts[1]
            other = replace(node, workspace=workspace, definition=definition)
            nodes = MappingProxyType({**pipeline.nodes, node.id: other})
            yield Swap(node.id, workspace, replace(pipeline, nodes=nodes), same)


@final
@dataclass(frozen=True, slots=True)
class Options:
    """Options of a run.

    Args:
        limits: of each attempt.
        cache: whether to reuse outputs of earlier runs.
        machine: environment variables that every script gets, e.g. ``PATH``.
        fetch: outputs to copy from the shared store at the end; ``final`` are those that no step reads.
    """

    retries: int = 0
    limits: AttemptLimits = field(default_factory=AttemptLimits)
    cache: bool = True
    machine: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({"PATH": os.defpath}))
    fetch: Literal["none", "final", "all"] = "none"


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
