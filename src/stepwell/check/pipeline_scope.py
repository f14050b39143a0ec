"""What the rules of pipelines look at: one pipeline of one view as a graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
        components: the parts of the step of each node by kind, by id; empty where no sources were looked at.
    """

    linked: Linked
    components: Mapping[str, Mapping[str, Component]] = _NOTHING

    @property
    def pipeline(self) -> Pipeline:
        """The graph."""
        return Pipeline.of(self.linked)

    @property
    def nodes(self) -> Mapping[str, Node]:
        """Its nodes by id."""
        return self.linked.nodes

    @property
    def view(self) -> str:
        """The view in words."""
        return self.linked.view.title

    def at(self, node: Node, *inner: str | int, key: bool = False) -> Span:
        """Where a part of a node is stated; for one that was made in code a place that names the pipeline."""
        return node.where(*inner, key=key) or self.anywhere

    def needed_at(self, node: Node, wanted: str) -> Span:
        """Where a node says that it needs another."""
        for name, fed in node.inputs.items():
            if fed.node == wanted:
                return self.at(node, "inputs", name)
        return self.at(node, "depends_on", node.depends_on.index(wanted))

    def field_at(self, *pointer: str | int, key: bool = False) -> Span:
        """Where a field of the pipeline itself is stated."""
        sources = self.linked.definition.sources
        if not sources:
            return self.anywhere
        document = given_by(sources, pointer)
        return document.key_span(pointer) if key else document.value_span(pointer)

    @property
    def anywhere(self) -> Span:
        """The pipeline as a whole, where no file states it."""
        return Span(f"<pipeline {self.pipeline.name}>")

    def feeds(self) -> Iterator[tuple[Node, str, OutputOf, Node]]:
        """Every edge between nodes that are there: the later one, its input, the output, the earlier one."""
        for node in self.nodes.values():
            for name, fed in node.inputs.items():
                earlier = self.nodes.get(fed.node)
                if earlier is not None:
                    yield node, name, fed, earlier

    def related(self, message: str, step: StepDefinition, *pointer: str) -> tuple[Related, ...]:
        """A place in the definition of a step, with words that tie it."""
        if not step.sources:
            return ()
        document = given_by(step.sources, ("interface", *pointer))
        return (Related(message, document.key_span(("interface", *pointer))),)

    def related_parameters(self, node: Node) -> tuple[Related, ...]:
        """Where the step of a node says what configuration it takes."""
        sources = node.definition.sources if node.definition is not None else ()
        if not sources:
            return ()
        place = given_by(sources, ("parameters",)).key_span(("parameters",))
        return (Related("what the step asks for is here", place),)


def part_of(node: Node, name: str) -> Mapping[str, Any] | None:
    """``inputs`` or ``outputs`` of a node's step; ``None`` where nobody says what they are."""
    interface = node.definition.interface if node.definition is not None else None
    if interface is None:
        return None
    found: Mapping[str, Any] = interface.get(name) or _NOTHING
    return found
