"""The nodes of a pipeline, and what ties them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol, final

from stepwell.model import StepDefinition
from stepwell.source.diagnostic import Span
from stepwell.source.document import Document, FrozenMapping, Pointer, freeze_mapping
from stepwell.source.immutable import immutable

__all__ = [
    "Edge",
    "Graph",
    "Node",
    "OutputOf",
    "Stated",
    "StepReference",
    "fed_by",
    "fill",
    "freeze_fields",
    "parameter_named",
    "parameters_in",
    "read_step",
    "written_step",
]


_WHOLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def parameter_named(value: Any) -> str | None:
    """The parameter that a value stands for, if it does."""
    if not isinstance(value, str):
        return None
    found = _WHOLE.fullmatch(value)
    return None if found is None else found[1]


def parameters_in(value: Any, pointer: Pointer = ()) -> Iterator[tuple[Pointer, str]]:
    """Every value inside read-only data that stands for a parameter, with where it is."""
    name = parameter_named(value)
    if name is not None:
        yield pointer, name
    elif isinstance(value, Mapping):
        for key, below in value.items():
            yield from parameters_in(below, (*pointer, key))
    elif isinstance(value, tuple):
        for at, below in enumerate(value):
            yield from parameters_in(below, (*pointer, at))


def fill(value: Any, values: Mapping[str, Any]) -> Any:
    """Read-only data with the values of parameters in the places that stand for them."""
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
    """Freeze the mappings that a value is made with, so that it can be hashed and sent elsewhere."""
    for name in names:
        given = getattr(value, name)
        if type(given) is not FrozenMapping:
            object.__setattr__(value, name, freeze_mapping(given))


@final
@immutable
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
        output: the output that is handed over; ``None`` for an edge of ``depends_on``.
    """

    source: str
    target: str
    output: str | None = None
    input: str | None = None


@final
class Stated(NamedTuple):
    """A place in a document that says something of a node.

    Args:
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
@immutable
@dataclass(frozen=True, slots=True)
class Node:
    """One step of a pipeline.

    Args:
        workspace: whose view the step is taken from, where it is named as ``workspace:Name``; ``None`` for
            the pipeline's own view.
        job_type: the variant, where it is named as ``Name:job_type``.
        definition: the step as that view serves it; ``None`` where there is none.
        config: the configuration, which the step's ``parameters`` describe; a value ``${name}`` stands for
            a parameter of the pipeline (``Pipeline.config_of``).
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

    def __post_init__(self) -> None:
        freeze_fields(self, ("config", "inputs", "given", "extensions"))

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


@final
class StepReference(NamedTuple):
    """What a word that names a step says.

    Args:
        workspace: whose view it is taken from; ``None`` for the pipeline's own.
        job_type: the variant; ``None`` where none is named.
        other: another way to read the word, where both are possible.
    """

    name: str
    workspace: str | None = None
    job_type: str | None = None
    other: tuple[str, str] | None = None


def read_step(word: str, workspaces: Collection[str], job_types: Collection[str]) -> StepReference:
    """Read ``Name``, ``Name:job_type``, ``workspace:Name`` or ``workspace:Name:job_type``.

    Of two parts the first is a workspace where the project has one of that id, and otherwise the second is
    a job type. Where the first is a workspace and the second a job type, too, both readings are given.
    Of three parts the first and the last may be empty.
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
    """The word that ``read_step`` reads as these, whatever workspaces and job types there are."""
    if workspace is None and job_type is None:
        return name
    return f"{workspace or ''}:{name}:{job_type or ''}"


def fed_by(word: str) -> OutputOf | str:
    """What feeds an input: an output of another node, or the name of a parameter."""
    parameter = parameter_named(word)
    if parameter is not None:
        return parameter
    node, _, output = word.partition(".")
    return OutputOf(node, output)
