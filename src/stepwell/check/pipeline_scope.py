"""Scope of the pipeline rules: one pipeline of one view as a graph."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, final

from stepwell.model import StepDefinition
from stepwell.model.component import Component
from stepwell.model.graph import Linked, Node, OutputOf, Pipeline
from stepwell.model.layer import given_by
from stepwell.source.diagnostic import Related, Span

__all__ = ["PipelineScope", "part_of"]

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@final
class PipelineScope(NamedTuple):
    """One pipeline of one view.

    Args:
        components: node id to the components of its step by kind; empty if the sources were not read.
        skipped: names of steps whose definitions cannot be read, which is reported there.
    """

    linked: Linked
    components: Mapping[str, Mapping[str, Component]] = _NOTHING
    skipped: Collection[str] = ()

    @property
    def pipeline(self) -> Pipeline:
        return Pipeline.of(self.linked)

    @property
    def nodes(self) -> Mapping[str, Node]:
        return self.linked.nodes

    @property
    def view(self) -> str:
        """Title of the view."""
        return self.linked.view.title

    def at(self, node: Node, *inner: str | int, key: bool = False) -> Span:
        """Return the location of a part of a node; a placeholder if the node was created in code."""
        return node.where(*inner, key=key) or self.anywhere

    def needed_at(self, node: Node, wanted: str) -> Span:
        """Return the location at which a node refers to an upstream node."""
        for name, upstream in node.inputs.items():
            if upstream.node == wanted:
                return self.at(node, "inputs", name)
        return self.at(node, "depends_on", node.depends_on.index(wanted))

    def field_at(self, *pointer: str | int, key: bool = False) -> Span:
        """Return the location of a field of the pipeline."""
        sources = self.linked.definition.sources
        if not sources:
            return self.anywhere
        document = given_by(sources, pointer)
        return document.key_span(pointer) if key else document.value_span(pointer)

    @property
    def anywhere(self) -> Span:
        """Placeholder location of a pipeline without a file."""
        return Span(f"<pipeline {self.pipeline.name}>")

    def edges(self) -> Iterator[tuple[Node, str, OutputOf, Node]]:
        """Yield each edge between existing nodes: node, input, output reference, upstream node."""
        for node in self.nodes.values():
            for name, reference in node.inputs.items():
                upstream = self.nodes.get(reference.node)
                if upstream is not None:
                    yield node, name, reference, upstream

    def related(self, message: str, step: StepDefinition, *pointer: str) -> tuple[Related, ...]:
        """Return a location in the interface of a step, with a message."""
        if not step.sources:
            return ()
        document = given_by(step.sources, ("interface", *pointer))
        return (Related(message, document.key_span(("interface", *pointer))),)

    def related_parameters(self, node: Node) -> tuple[Related, ...]:
        """Return the location of the parameters of a node's step."""
        sources = node.definition.sources if node.definition is not None else ()
        if not sources:
            return ()
        span = given_by(sources, ("parameters",)).key_span(("parameters",))
        return (Related("the step's parameters are declared in", span),)


def part_of(node: Node, name: str) -> Mapping[str, Any] | None:
    """Return ``inputs`` or ``outputs`` of a node's step, or ``None`` if it has no interface."""
    interface = node.definition.interface if node.definition is not None else None
    if interface is None:
        return None
    part: Mapping[str, Any] = interface.get(name) or _NOTHING
    return part
