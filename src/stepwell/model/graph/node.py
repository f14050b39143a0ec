"""Nodes and edges of a pipeline, their execution order, and cycles."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, NamedTuple, Protocol, final

from stepwell.model import StepDefinition
from stepwell.source.diagnostic import Span
from stepwell.source.document import Document, FrozenMapping, Pointer, freeze_mapping
from stepwell.source.errors import PipelineError
from stepwell.source.immutable import immutable, record

__all__ = [
    "Edge",
    "Graph",
    "Node",
    "OutputOf",
    "Stated",
    "StepReference",
    "crossing",
    "cycles_in",
    "fill",
    "freeze_fields",
    "levels_of",
    "parameter_named",
    "parameters_in",
    "parameters_inside",
    "read_step",
    "texts_in",
    "upstream_of",
    "workspace_of",
    "written_step",
]


def workspace_of(pipeline: Graph, node: Node) -> str | None:
    """Return the workspace whose view provides the step; ``None`` for the core."""
    return pipeline.workspace if node.workspace is None else node.workspace


def crossing(pipeline: Graph) -> tuple[tuple[Edge, ...], int]:
    """Return the edges across workspaces, one per pair of nodes, and the number of all pairs."""
    nodes = pipeline.nodes
    whose = {key: workspace_of(pipeline, node) for key, node in nodes.items()}
    pairs = {(edge.source, edge.target): edge for edge in pipeline.edges if edge.source in nodes}
    if len(set(whose.values())) < 2:
        return (), len(pairs)
    crossed = tuple(pair for pair in pairs.values() if whose[pair.source] != whose[pair.target])
    return crossed, len(pairs)


_MOST = 20
"""Maximum number of reported cycles."""


def levels_of(pipeline: Graph) -> tuple[tuple[str, ...], ...]:
    """Return the nodes in levels; each level depends only on earlier ones; unknown nodes are ignored.

    Raises:
        PipelineError: the graph has a cycle.
    """
    rank = {node: place for place, node in enumerate(pipeline.nodes)}
    sorter = TopologicalSorter(_needed(pipeline))
    try:
        sorter.prepare()
    except CycleError as error:
        shown = " → ".join(f"`{node}`" for node in error.args[1])
        raise PipelineError(f"steps of `{pipeline.name}` depend on each other in a cycle: {shown}") from None
    levels: list[tuple[str, ...]] = []
    while sorter.is_active():
        ready = sorter.get_ready()
        levels.append(tuple(sorted(ready, key=rank.__getitem__)))
        sorter.done(*ready)
    return tuple(levels)


def cycles_in(pipeline: Graph) -> tuple[tuple[str, ...], ...]:
    """Return disjoint cycles, each starting at its first stated node.

    Returns:
        Each cycle in the direction of data flow, without repeating its first node.
    """
    try:
        levels = levels_of(pipeline)
    except PipelineError:
        levels = ()
    if levels or not pipeline.nodes:
        return ()
    needed = _needed(pipeline)
    rank = {node: place for place, node in enumerate(pipeline.nodes)}
    cycles: list[tuple[str, ...]] = []
    while len(cycles) < _MOST:
        sorter = TopologicalSorter(needed)
        try:
            sorter.prepare()
        except CycleError as error:
            cycle = list(error.args[1][:-1])
            start = cycle.index(min(cycle, key=rank.__getitem__))
            cycles.append((*cycle[start:], *cycle[:start]))
            for item in cycle:
                del needed[item]
            needed = {key: [each for each in wanted if each in needed] for key, wanted in needed.items()}
        else:
            break
    return tuple(cycles)


def _needed(pipeline: Graph) -> dict[str, list[str]]:
    """Return the existing upstream nodes of each node, with repetitions."""
    nodes = pipeline.nodes
    needed: dict[str, list[str]] = {}
    for key, node in nodes.items():
        wanted = [fed.node for fed in node.inputs.values()] if node.inputs else []
        if node.depends_on:
            wanted += node.depends_on
        needed[key] = wanted
    if not nodes.keys() >= {each for wanted in needed.values() for each in wanted}:
        needed = {key: [each for each in wanted if each in nodes] for key, wanted in needed.items()}
    return needed


_WHOLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def parameter_named(value: Any) -> str | None:
    """Return the parameter that a value refers to, if any."""
    if not isinstance(value, str):
        return None
    match = _WHOLE.fullmatch(value)
    return None if match is None else match[1]


_PART: Final = re.compile(r"\$\{[ \t]*([A-Za-z_][A-Za-z0-9_]*)[ \t]*\}")


def parameters_inside(text: str) -> tuple[str, ...]:
    """Return the parameters that a text refers to without being a reference itself; they are not replaced."""
    return () if parameter_named(text) is not None else tuple(dict.fromkeys(_PART.findall(text)))


def texts_in(value: Any, pointer: Pointer = ()) -> Iterator[tuple[Pointer, str]]:
    """Yield the pointer and value of every text in read-only data."""
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, Mapping):
        for key, below in value.items():
            yield from texts_in(below, (*pointer, key))
    elif isinstance(value, tuple):
        for at, below in enumerate(value):
            yield from texts_in(below, (*pointer, at))


def parameters_in(value: Any) -> Iterator[tuple[Pointer, str]]:
    """Yield the pointer and name of every parameter reference in read-only data."""
    for pointer, text in texts_in(value):
        name = parameter_named(text)
        if name is not None:
            yield pointer, name


def fill(value: Any, values: Mapping[str, Any]) -> Any:
    """Return read-only data with parameter references replaced by values."""
    name = parameter_named(value)
    if name is not None:
        return values.get(name, value)
    if isinstance(value, Mapping):
        return FrozenMapping({key: fill(below, values) for key, below in value.items()})
    if isinstance(value, tuple):
        return tuple(fill(below, values) for below in value)
    return value


_NOTHING: Mapping[str, Any] = FrozenMapping()


def freeze_fields(value: object, names: Iterable[str]) -> None:
    """Freeze the mappings of a value, so that it can be hashed and pickled."""
    for name in names:
        given = getattr(value, name)
        if type(given) is not FrozenMapping:
            object.__setattr__(value, name, freeze_mapping(given))


@final
@record
class OutputOf:
    """Reference to an output of another node: ``node.output``."""

    node: str
    output: str

    def __str__(self) -> str:
        return f"{self.node}.{self.output}"


@final
class Edge(NamedTuple):
    """Dependency between two nodes.

    Args:
        output: the connected output; ``None`` for an edge of ``depends_on``.
    """

    source: str
    target: str
    output: str | None = None
    input: str | None = None


@final
class Stated(NamedTuple):
    """Location in a document that defines part of a node.

    Args:
        pointer: the entry of ``steps``.
    """

    document: Document
    pointer: Pointer

    def has(self, *inner: str | int) -> bool:
        """Return whether the document sets a part of the node."""
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
        """Return the location of a part, or of its nearest parent."""
        whole = (*self.pointer, *inner)
        return self.document.key_span(whole) if key else self.document.value_span(whole)


@final
@immutable
@dataclass(frozen=True, slots=True)
class Node:
    """One step of a pipeline.

    Args:
        workspace: view of the step (``workspace:Name``); ``None`` for the pipeline's view.
        job_type: variant of the step (``Name:job_type``).
        definition: ``None`` if the step is unknown.
        config: configuration for the step's ``parameters``; ``${name}`` refers to a pipeline parameter
            (``Pipeline.config_of``).
        depends_on: upstream nodes besides those of ``inputs``.
        extensions: the custom ``x-`` keys.
        stated: locations in files, topmost first; empty for nodes created in code.
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

    def __post_init__(self) -> None:
        freeze_fields(self, ("config", "inputs", "given", "extensions"))

    @property
    def needs(self) -> tuple[str, ...]:
        """Distinct upstream nodes in order."""
        return tuple(dict.fromkeys((*(item.node for item in self.inputs.values()), *self.depends_on)))

    @property
    def place(self) -> Span | None:
        """Location of the step's name; ``None`` for nodes created in code."""
        return self.where("step")

    def where(self, *inner: str | int, key: bool = False) -> Span | None:
        """Return the location of a part in the topmost file that sets it.

        Args:
            inner: the part, e.g. ``"inputs", "data"``; falls back to its nearest parent.
        """
        if not self.stated:
            return None
        for depth in range(len(inner), 0, -1):
            for item in self.stated:
                if item.has(*inner[:depth]):
                    return item.span(*inner[:depth], key=key)
        return self.stated[0].span("id")


class Graph(Protocol):
    """Subset of ``Pipeline`` that graph functions need."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Defaults by parameter."""

    @property
    def nodes(self) -> Mapping[str, Node]:
        """Steps by id."""

    @property
    def workspace(self) -> str | None:
        """``None`` for the core."""

    @property
    def extensions(self) -> Mapping[str, Any]:
        """Custom ``x-`` fields."""

    @property
    def edges(self) -> Iterator[Edge]: ...


@final
class StepReference(NamedTuple):
    """Parsed reference to a step.

    Args:
        workspace: view of the step; ``None`` for the pipeline's view.
        job_type: variant of the step, if any.
        other: the alternative reading of an ambiguous reference.
    """

    name: str
    workspace: str | None = None
    job_type: str | None = None
    other: tuple[str, str] | None = None


def read_step(word: str, workspaces: Collection[str], job_types: Collection[str]) -> StepReference:
    """Parse ``Name``, ``Name:job_type``, ``workspace:Name`` or ``workspace:Name:job_type``.

    In two parts, the first is a workspace if the project has one with this id; otherwise the second is a job
    type. If both apply, both readings are returned. In three parts, the first and the last may be empty.
    """
    first, *rest = word.split(":")
    if not rest:
        return StepReference(first)
    if len(rest) == 2:
        return StepReference(rest[0], first or None, rest[1] or None)
    second = rest[0]
    if first in workspaces:
        other = (first, second) if second in job_types else None
        return StepReference(second, first, None, other)
    if second in job_types or not first or not second:
        return StepReference(first or second, None, second if first else None)
    # Neither is known: a job type is a lower-case word, and a step's name most often is not.
    if second[:1].isupper():
        return StepReference(second, first)
    return StepReference(first, None, second)


def written_step(
    name: str,
    workspace: str | None,
    job_type: str | None,
) -> str:
    """Return an unambiguous reference to a step."""
    if workspace is None and job_type is None:
        return name
    return f"{workspace or ''}:{name}:{job_type or ''}"


def upstream_of(word: str) -> OutputOf | str:
    """Return the source of an input: an output of another node, or a parameter name."""
    parameter = parameter_named(word)
    if parameter is not None:
        return parameter
    node, _, output = word.partition(".")
    return OutputOf(node, output)
