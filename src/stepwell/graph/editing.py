"""Pipelines made and changed in code: every change gives another value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from stepwell.documents import freeze
from stepwell.errors import PipelineError
from stepwell.graph.nodes import Node, OutputOf
from stepwell.graph.values import Pipeline
from stepwell.graph.words import fed_by
from stepwell.model import StepDefinition
from stepwell.naming import closest

__all__ = ["with_connection", "with_step", "without_connection", "without_step"]


def with_step(
    pipeline: Pipeline,
    one: str,
    step: str | StepDefinition,
    *,
    workspace: str | None,
    job_type: str | None,
    config: Mapping[str, Any],
    inputs: Mapping[str, str],
    depends_on: Iterable[str],
) -> Pipeline:
    """A pipeline with one more step; ``Pipeline.add_step`` tells the rest.

    Raises:
        PipelineError: it has a step of that id, or none that is needed.
    """
    if one in pipeline.nodes:
        raise PipelineError(f"`{pipeline.name}` has a step `{one}`; remove it first")
    fed: dict[str, OutputOf] = {}
    given: dict[str, str] = {}
    for name, word in inputs.items():
        read = fed_by(word)
        if isinstance(read, OutputOf):
            fed[name] = read
        else:
            given[name] = read
    node = Node(
        one,
        step if isinstance(step, str) else step.name,
        workspace,
        job_type,
        None if isinstance(step, str) else step,
        freeze(config),
        MappingProxyType(fed),
        tuple(dict.fromkeys(depends_on)),
        MappingProxyType(given),
    )
    for wanted in node.needs:
        if wanted != one:
            _node(pipeline, wanted)
    return replace(pipeline, nodes=MappingProxyType({**pipeline.nodes, one: node}))


def without_step(pipeline: Pipeline, one: str) -> Pipeline:
    """A pipeline without a step.

    Raises:
        PipelineError: it has none of that id, or another step needs it.
    """
    _node(pipeline, one)
    needing = [f"`{each.id}`" for each in pipeline.nodes.values() if one in each.needs and each.id != one]
    if needing:
        raise PipelineError(f"`{one}` is needed by {', '.join(needing)}; disconnect or remove these first")
    nodes = {name: node for name, node in pipeline.nodes.items() if name != one}
    return replace(pipeline, nodes=MappingProxyType(nodes))


def with_connection(pipeline: Pipeline, source: str, target: str) -> Pipeline:
    """A pipeline in which one step needs another, or feeds an input of it.

    Args:
        pipeline: the pipeline.
        source: ``step_id.output``, or the id alone.
        target: ``step_id.input`` where the source names an output, else the id alone.

    Raises:
        PipelineError: it has no such step, or only one of the two names a part.
    """
    earlier, dot, output = source.partition(".")
    later, other_dot, name = target.partition(".")
    if dot != other_dot:
        raise PipelineError(
            f"`{source}` and `{target}` do not go together: name an output and an input, or neither"
        )
    _node(pipeline, earlier)
    node = _node(pipeline, later)
    if dot:
        fed = {**node.inputs, name: OutputOf(earlier, output)}
        given = {key: one for key, one in node.given.items() if key != name}
        changed = replace(node, inputs=MappingProxyType(fed), given=MappingProxyType(given))
    else:
        changed = replace(node, depends_on=tuple(dict.fromkeys((*node.depends_on, earlier))))
    return _with(pipeline, changed)


def without_connection(pipeline: Pipeline, source: str, target: str) -> Pipeline:
    """A pipeline in which nothing of one step goes to another any more.

    Args:
        pipeline: the pipeline.
        source: the id of the earlier step.
        target: the id of the later one.

    Raises:
        PipelineError: it has no such step, or the later one does not need the earlier one.
    """
    _node(pipeline, source)
    node = _node(pipeline, target)
    if source not in node.needs:
        raise PipelineError(f"`{target}` does not need `{source}`")
    inputs = {name: fed for name, fed in node.inputs.items() if fed.node != source}
    depends_on = tuple(one for one in node.depends_on if one != source)
    return _with(pipeline, replace(node, inputs=MappingProxyType(inputs), depends_on=depends_on))


def _with(pipeline: Pipeline, node: Node) -> Pipeline:
    return replace(pipeline, nodes=MappingProxyType({**pipeline.nodes, node.id: node}))


def _node(pipeline: Pipeline, one: str) -> Node:
    node = pipeline.nodes.get(one)
    if node is None:
        near = closest(one, pipeline.nodes)
        hint = f" (did you mean `{near[0]}`?)" if near else ""
        raise PipelineError(f"`{pipeline.name}` has no step `{one}`{hint}")
    return node
