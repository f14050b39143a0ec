"""The nodes of a pipeline, and what ties them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, final

from stepwell.model import StepDefinition
from stepwell.source.diagnostic import Span
from stepwell.source.document import Document, Pointer

__all__ = ["Edge", "Graph", "Node", "OutputOf", "Stated"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@final
@dataclass(frozen=True, slots=True)
class OutputOf:
    """An output of another node, as an input names it: ``node.output``."""

    node: str
    output: str

    def __str__(self) -> str:
        return f"{self.node}.{self.output}"


@final
class Edge(NamedTuple):
    """That one node must be done before another.

    Args:
        source: the earlier node.
        target: the later one.
        output: the output that is handed over; ``None`` for an edge of ``depends_on``.
        input: the input that takes it.
    """

    source: str
    target: str
    output: str | None = None
    input: str | None = None


@final
class Stated(NamedTuple):
    """A place in a document that says something of a node.

    Args:
        document: which one.
        pointer: the way to the entry of ``steps``.
    """

    document: Document
    pointer: Pointer

    def has(self, *inner: str | int) -> bool:
        """Whether it says something of a part of the node."""
        data: Any = self.document.data
        for step in (*self.pointer, *inner):
            if isinstance(data, Mapping):
                if step not in data:
                    return False
            elif not isinstance(data, tuple) or not isinstance(step, int) or step >= len(data):
                return False
            data = data[step]
        return True

    def span(self, *inner: str | int, key: bool = False) -> Span:
        """Where it says it, or the nearest thing on the way."""
        whole = (*self.pointer, *inner)
        return self.document.key_span(whole) if key else self.document.value_span(whole)


@final
@dataclass(frozen=True, slots=True)
class Node:
    """One step of a pipeline.

    Args:
        id: what the pipeline calls it, once.
        step: the step's name, or an alias of it.
        workspace: whose view the step is taken from, where it is named as ``workspace:Name``; ``None`` for
            the pipeline's own view.
        job_type: the variant, where it is named as ``Name:job_type``.
        definition: the step as that view serves it; ``None`` where there is none.
        config: the configuration, which the step's ``parameters`` describe; a value ``${name}`` stands for
            a parameter of the pipeline (``Pipeline.config_of``).
        inputs: the step's inputs by name, each with the output that feeds it.
        given: the step's inputs that a parameter of the pipeline feeds: input to parameter.
        depends_on: the nodes that must be done before, beside those that feed it.
        extensions: the keys that begin with ``x-``, which are the team's own.
        stated: where files say something of it, topmost first; none for one that was made in code.
    """

    id: str
    step: str
    workspace: str | None = None
    job_type: str | None = None
    definition: StepDefinition | None = None
    config: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    inputs: Mapping[str, OutputOf] = field(default_factory=lambda: _NOTHING)
    depends_on: tuple[str, ...] = ()
    given: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    extensions: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    stated: tuple[Stated, ...] = field(default=(), compare=False, repr=False)

    @property
    def needs(self) -> tuple[str, ...]:
        """The nodes that must be done before this one, each once, in the order in which they are named."""
        return tuple(dict.fromkeys((*(one.node for one in self.inputs.values()), *self.depends_on)))

    @property
    def place(self) -> Span | None:
        """Where its file names the step; ``None`` for one that was made in code."""
        return self.where("step")

    def where(self, *inner: str | int, key: bool = False) -> Span | None:
        """Where the topmost file that says something of a part of it says it.

        Args:
            inner: the way to the part, e.g. ``"inputs", "data"``; of one that nobody states, the nearest
                thing on its way.
            key: whether to give the key's place and not the value's.
        """
        if not self.stated:
            return None
        for depth in range(len(inner), 0, -1):
            for one in self.stated:
                if one.has(*inner[:depth]):
                    return one.span(*inner[:depth], key=key)
        return self.stated[0].span("id")


class Graph(Protocol):
    """What functions of graphs read of a ``Pipeline``."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def description(self) -> str:
        """Its purpose."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The default of each parameter."""

    @property
    def nodes(self) -> Mapping[str, Node]:
        """The steps by id."""

    @property
    def workspace(self) -> str | None:
        """The id of its workspace; ``None`` for the core."""

    @property
    def extensions(self) -> Mapping[str, Any]:
        """The fields that begin with ``x-``."""

    @property
    def edges(self) -> Iterator[Edge]:
        """Every edge."""
