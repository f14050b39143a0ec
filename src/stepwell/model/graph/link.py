"""Builds the graph of a definition: resolves ``extends`` and all names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol, final

from stepwell.model import PipelineDefinition, StepDefinition
from stepwell.model.graph.extends import Flat, Pipelines, flatten
from stepwell.model.graph.node import Node, OutputOf, Stated, StepReference, read_step, upstream_of
from stepwell.source.errors import UnknownPipeline
from stepwell.source.spelling import DEFAULT_SUFFIXES, closest

__all__ = ["Among", "Linked", "Sees", "definition_of", "link"]

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Sees(Protocol):
    """Subset of ``stepwell.resolve.view.View`` that a graph needs."""

    @property
    def workspace(self) -> str | None:
        """``None`` for the core."""

    @property
    def title(self) -> str:
        """Title of the view."""

    @property
    def pipelines(self) -> Pipelines: ...

    def get(self, name: str, /) -> StepDefinition | None:
        """Return the step of a name or alias, if any."""

    def __iter__(self) -> Iterator[str]:
        """Iterate over the step names."""


@final
@dataclass(frozen=True, slots=True)
class Among:
    """Views and job types that step references may use."""

    views: Mapping[str, Sees] = field(default_factory=lambda: _NOTHING)
    job_types: tuple[str, ...] = DEFAULT_SUFFIXES


@final
class Linked(NamedTuple):
    """A definition as a graph, as checked by rules.

    Args:
        parameters: with their defaults.
    """

    view: Sees
    definition: PipelineDefinition
    parameters: Mapping[str, Any]
    nodes: Mapping[str, Node]
    readings: Mapping[str, StepReference]
    flat: Flat
    among: Among


def definition_of(view: Sees, name: str) -> PipelineDefinition:
    """Return a pipeline of a view.

    Raises:
        UnknownPipeline: with suggestions.
    """
    found = view.pipelines.get(name)
    if found is None:
        raise UnknownPipeline(name, closest(name, view.pipelines, 3), view.title)
    return found


def link(view: Sees, definition: PipelineDefinition, among: Among) -> Linked:
    """Build the graph of a definition; errors remain visible in the result.

    Args:
        among: other views and job types for step references.
    """
    flat = flatten(view.pipelines, definition)
    steps: dict[tuple[str | None, str], StepDefinition | None] = {}
    nodes: dict[str, Node] = {}
    readings: dict[str, StepReference] = {}
    for key, entry in flat.entries.items():
        reading = read_step(entry.data.get("step", ""), among.views, among.job_types)
        readings[key] = reading
        named = (reading.workspace, reading.name)
        if named not in steps:
            seen = view if named[0] is None else among.views.get(named[0])
            steps[named] = None if seen is None else seen.get(named[1])
        nodes[key] = _node(key, entry.data, reading, steps[named], entry.stated)
    _name_by_output(nodes)
    parameters = MappingProxyType(flat.parameters)
    return Linked(view, definition, parameters, MappingProxyType(nodes), readings, flat, among)


def _node(
    one: str,
    data: Mapping[str, Any],
    reading: StepReference,
    step: StepDefinition | None,
    stated: tuple[Stated, ...],
) -> Node:
    inputs: dict[str, OutputOf] = {}
    given: dict[str, str] = {}
    for name, word in data.get("inputs", _NOTHING).items():
        fed = upstream_of(word)
        if isinstance(fed, OutputOf):
            inputs[name] = fed
        else:
            given[name] = fed
    return Node(
        one,
        reading.name,
        reading.workspace,
        reading.job_type,
        step,
        data.get("config", _NOTHING),
        inputs,
        data.get("depends_on", ()),
        given,
        {key: value for key, value in data.items() if key[:2] == "x-"},
        stated,
    )


def _name_by_output(nodes: dict[str, Node]) -> None:
    """Replace aliases of outputs with their names."""
    from dataclasses import replace

    for key, node in nodes.items():
        named = {
            name: OutputOf(fed.node, real)
            for name, fed in node.inputs.items()
            if (real := _output_named(nodes.get(fed.node), fed.output)) != fed.output
        }
        if named:
            nodes[key] = replace(node, inputs={**node.inputs, **named})


def _output_named(node: Node | None, word: str) -> str:
    interface = node.definition.interface if node is not None and node.definition is not None else None
    outputs: Mapping[str, Any] = (interface or _NOTHING).get("outputs") or _NOTHING
    if word in outputs:
        return word
    return next((name for name, said in outputs.items() if word in said.get("aliases", ())), word)
