"""Builds the graph of a definition: merges ``extends`` and resolves all names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol, final

from stepwell.model import PipelineDefinition, StepDefinition
from stepwell.model.graph.node import Node, OutputOf, Stated, StepReference, read_step, upstream_of
from stepwell.model.layer import Source, apply_layers, given_by
from stepwell.source.diagnostic import Span
from stepwell.source.document import Document
from stepwell.source.errors import UnknownPipeline
from stepwell.source.merge_patch import merge_patch
from stepwell.source.spelling import DEFAULT_SUFFIXES, closest

__all__ = [
    "Among",
    "ExtendsLink",
    "Flat",
    "FlatStep",
    "Linked",
    "Pipelines",
    "Repeated",
    "Sees",
    "definition_of",
    "flatten",
    "link",
]


class Pipelines(Protocol):
    """Pipelines of a view."""

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names in order."""

    def get(self, name: str, /) -> PipelineDefinition | None: ...

    def hidden(self, name: str, /) -> tuple[PipelineDefinition, ...]:
        """Return the hidden definitions of a name, topmost first."""


@final
class FlatStep(NamedTuple):
    """A step merged from all extended pipelines.

    Args:
        data: as an entry of ``steps``.
        stated: locations of its statements, topmost first.
    """

    data: Mapping[str, Any]
    stated: tuple[Stated, ...]


@final
class ExtendsLink(NamedTuple):
    """One ``extends`` of a chain.

    Args:
        place: its location; ``None`` without a file.
    """

    name: str
    extends: str
    place: Span | None


@final
class Repeated(NamedTuple):
    """Duplicate id in a list of steps; the first step counts."""

    id: str
    first: Stated
    again: Stated


@final
class Flat(NamedTuple):
    """A definition merged with all pipelines that it extends.

    Args:
        parameters: by name, with defaults.
        way: the chain of ``extends``, starting at the definition.
        missing: the end of the chain, if its pipeline is unknown.
        cycle: the cyclic part of the chain, if any.
        left_out: unknown ids in ``without`` with their locations.
    """

    parameters: Mapping[str, Any]
    entries: Mapping[str, FlatStep]
    way: tuple[ExtendsLink, ...] = ()
    missing: ExtendsLink | None = None
    cycle: tuple[ExtendsLink, ...] = ()
    repeated: tuple[Repeated, ...] = ()
    left_out: tuple[tuple[str, Span | None], ...] = ()


@final
class _Part(NamedTuple):
    """Own content of one pipeline in the chain.

    Args:
        sources: its documents, topmost first.
    """

    data: Mapping[str, Any]
    sources: tuple[Source, ...]

    def document(self, *pointer: str | int) -> Document | None:
        """Return the document that sets a value."""
        return given_by(self.sources, pointer) if self.sources else None


def flatten(pipelines: Pipelines, definition: PipelineDefinition) -> Flat:
    """Merge a definition with all pipelines that it extends."""
    parts: list[_Part] = []
    way: list[ExtendsLink] = []
    seen: list[tuple[str, tuple[Source, ...]]] = []
    missing: ExtendsLink | None = None
    cycle: tuple[ExtendsLink, ...] = ()
    at: PipelineDefinition | None = definition
    while at is not None:
        key = (at.name, at.sources)
        if key in seen:
            cycle = tuple(way[seen.index(key) :])
            break
        seen.append(key)
        part, below = _parted(pipelines, at)
        parts.append(part)
        if at.extends is None:
            break
        document = part.document("extends")
        way.append(
            ExtendsLink(at.name, at.extends, None if document is None else document.value_span(("extends",)))
        )
        if below is None:
            missing = way[-1]
        at = below
    return _laid(parts, tuple(way), missing, cycle)


def _parted(pipelines: Pipelines, definition: PipelineDefinition) -> tuple[_Part, PipelineDefinition | None]:
    """Split a definition into its own content and its base."""
    name = definition.extends
    whole = _Part(definition.data, definition.sources)
    if name is None or name != definition.name:
        return whole, None if name is None else pipelines.get(name)
    saying = next(
        (at for at, source in enumerate(definition.sources) if source.document.data.get("extends") == name),
        -1,
    )
    rest = definition.sources[saying + 1 :]
    if saying >= 0 and rest:
        own = definition.sources[: saying + 1]
        stated, below = (
            reduce(merge_patch, (item.document.data for item in reversed(own))),
            apply_layers(rest),
        )
        assert below is not None  # noqa: S101 - the lowest source of a definition is whole
        return _Part(stated, own), PipelineDefinition(below.data, below.sources)
    return whole, next(iter(pipelines.hidden(name)), None)


def _laid(
    parts: list[_Part],
    way: tuple[ExtendsLink, ...],
    missing: ExtendsLink | None,
    cycle: tuple[ExtendsLink, ...],
) -> Flat:
    parameters: Mapping[str, Any] = {}
    entries: dict[str, FlatStep] = {}
    repeated: list[Repeated] = []
    left_out: list[tuple[str, Span | None]] = []
    for part in reversed(parts):
        parameters = {**parameters, **(part.data.get("parameters") or {})}
        for at, item in enumerate(part.data.get("without") or ()):
            document = part.document("without")
            if entries.pop(item, None) is None:
                place = None if document is None else document.value_span(("without", at))
                left_out.append((item, place))
        _lay(part, entries, repeated)
    return Flat(parameters, entries, way, missing, cycle, tuple(repeated), tuple(left_out))


def _lay(part: _Part, entries: dict[str, FlatStep], repeated: list[Repeated]) -> None:
    """Merge the steps of a pipeline into those of its base."""
    document = part.document("steps")
    own: dict[str, tuple[Stated, ...]] = {}
    for at, step in enumerate(part.data.get("steps") or ()):
        step_id = step["id"]
        stated = () if document is None else (Stated(document, ("steps", at)),)
        if step_id in own:
            if stated:
                repeated.append(Repeated(step_id, own[step_id][0], stated[0]))
            continue
        own[step_id] = stated
        below = entries.get(step_id)
        if below is None:
            entries[step_id] = FlatStep(step, stated)
        else:
            entries[step_id] = FlatStep(merge_patch(below.data, step), (*stated, *below.stated))


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
    pipeline = view.pipelines.get(name)
    if pipeline is None:
        raise UnknownPipeline(name, closest(name, view.pipelines, 3), view.title)
    return pipeline


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
    step_id: str,
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
        step_id,
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
    return next((name for name, output in outputs.items() if word in output.get("aliases", ())), word)
