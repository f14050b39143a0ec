"""Variants of a pipeline: one step alone, or a step from another workspace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import final

from stepwell.live.registry import Registry
from stepwell.model.graph import Pipeline
from stepwell.source.errors import PipelineError

__all__ = ["Swap", "Trial", "alone", "swaps"]


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
