"""Pipelines made from others to try something: one step alone, or a step as another workspace has it."""

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
    """A pipeline with one step as another workspace has it.

    Args:
        pipeline: the graph; ``None`` where the workspace has no such step.
    """

    node: str
    workspace: str
    pipeline: Pipeline | None
    is_same: bool = False


@final
@dataclass(frozen=True, slots=True)
class Trial:
    """Whether a pipeline works with one step as another workspace has it.

    Args:
        state: ``works``, ``does not work``, ``the same`` or ``not there``.
    """

    step: str
    workspace: str
    state: str
    run: str | None = None
    failed: str | None = None
    fault: str | None = None


def alone(pipeline: Pipeline, node: str) -> Pipeline:
    """A pipeline of one step, which nothing feeds and which waits for nothing.

    Raises:
        PipelineError: it has none of that id.
    """
    if node not in pipeline.nodes:
        there = ", ".join(pipeline.nodes)
        raise PipelineError(f"`{pipeline.name}` has no step `{node}` (its steps are {there})")
    one = replace(pipeline.nodes[node], inputs={}, depends_on=())
    return replace(pipeline, nodes={node: one})


def swaps(registry: Registry, pipeline: Pipeline, workspaces: Iterable[str]) -> Iterator[Swap]:
    """A pipeline once for each of its steps and each of some workspaces, with the step as that one has it.

    Raises:
        UnknownWorkspace: there is none of an id.
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
                scripts = [one.components(node.step)["script"].place for one in (own, view)]
                same = scripts[0] == scripts[1]
            other = replace(node, workspace=workspace, definition=definition)
            nodes = MappingProxyType({**pipeline.nodes, node.id: other})
            yield Swap(node.id, workspace, replace(pipeline, nodes=nodes), same)
