"""Immutable pipelines, from files or code."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, final

from stepwell.model import StepDefinition
from stepwell.model.graph.link import Among, Linked, Sees, definition_of, link
from stepwell.model.graph.node import (
    Edge,
    Node,
    OutputOf,
    fill,
    freeze_fields,
    levels_of,
    parameters_in,
    upstream_of,
)
from stepwell.source.diagnostic import Span
from stepwell.source.document import FrozenMapping
from stepwell.source.errors import PipelineError
from stepwell.source.immutable import InNotebook, immutable
from stepwell.source.spelling import suggest
from stepwell.source.wording import parenthesised

__all__ = ["Clash", "Pipeline", "clashes"]

_NOTHING: Mapping[str, Any] = FrozenMapping()


@final
@immutable
@dataclass(frozen=True, slots=True)
class Pipeline(InNotebook):
    """A graph of steps.

    Args:
        parameters: name to default; ``None`` if a run must set the parameter.
        nodes: the steps by id, in stated order.
        workspace: ``None`` for the core.
        extensions: the custom ``x-`` fields.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    nodes: Mapping[str, Node] = field(default_factory=lambda: _NOTHING)
    workspace: str | None = None
    extensions: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    _levels: tuple[tuple[str, ...], ...] | None = field(default=None, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        freeze_fields(self, ("parameters", "nodes", "extensions"))

    @classmethod
    def from_view(cls, view: Sees, name: str, among: Among | None = None) -> Pipeline:
        """Return the graph of a pipeline in a view, including extended pipelines.

        Invalid pipelines are allowed: an unknown step is a node without a definition, and the first of two
        nodes with the same id counts. Use ``stepwell check`` to report errors.

        Args:
            among: views and job types for references such as ``workspace:Name``, from ``Registry.among``.

        Raises:
            UnknownPipeline: with suggestions.
        """
        return cls.of(link(view, definition_of(view, name), among or Among()))

    @classmethod
    def of(cls, linked: Linked) -> Pipeline:
        """Return the graph of a linked definition."""
        definition = linked.definition
        return cls(
            definition.name,
            definition.data.get("description", ""),  # absent from an invalid definition
            linked.parameters,
            linked.nodes,
            linked.view.workspace,
            definition.extensions,
        )

    @property
    def edges(self) -> Iterator[Edge]:
        """All edges in the order of their target nodes, including edges from unknown nodes."""
        for node in self.nodes.values():
            fed = set()
            for name, item in node.inputs.items():
                fed.add(item.node)
                yield Edge(item.node, node.id, item.output, name)
            for needed in node.depends_on:
                if needed not in fed:
                    yield Edge(needed, node.id)

    @property
    def levels(self) -> tuple[tuple[str, ...], ...]:
        """Nodes in levels; nodes of a level can run concurrently.

        Raises:
            PipelineError: the graph has a cycle.
        """
        if self._levels is None:  # computed on first access
            object.__setattr__(self, "_levels", levels_of(self))
        return self._levels or ()

    @property
    def order(self) -> tuple[str, ...]:
        """Nodes in a stable execution order: by level, then as stated.

        Raises:
            PipelineError: the graph has a cycle.
        """
        return tuple(item for level in self.levels for item in level)

    def config_of(self, node: str, values: Mapping[str, Any] = _NOTHING) -> Mapping[str, Any]:
        """Return the configuration of a node with parameters filled in.

        Args:
            values: parameters of the run; others use their defaults.
        """
        filled: Mapping[str, Any] = fill(self.nodes[node].config, {**self.parameters, **values})
        return filled

    def add_step(
        self,
        id: str,  # noqa: A002 - the field's name
        step: str | StepDefinition,
        *,
        workspace: str | None = None,
        job_type: str | None = None,
        config: Mapping[str, Any] = _NOTHING,
        inputs: Mapping[str, str] = _NOTHING,
        depends_on: Iterable[str] = (),
    ) -> Pipeline:
        """Return a copy with an additional step at the end.

        Args:
            workspace: the view that provides the step, if not the pipeline's.
            inputs: input name to ``step_id.output`` or ``${parameter}``.
            depends_on: upstream steps besides those of ``inputs``.

        Raises:
            PipelineError: the id is taken, or a referenced step is unknown.
        """
        if id in self.nodes:
            raise PipelineError(f"`{self.name}` already has a step `{id}`; remove it first")
        fed: dict[str, OutputOf] = {}
        given: dict[str, str] = {}
        for name, word in inputs.items():
            read = upstream_of(word)
            if isinstance(read, OutputOf):
                fed[name] = read
            else:
                given[name] = read
        node = Node(
            id,
            step if isinstance(step, str) else step.name,
            workspace,
            job_type,
            None if isinstance(step, str) else step,
            config,
            fed,
            tuple(dict.fromkeys(depends_on)),
            given,
        )
        for wanted in node.needs:
            if wanted != id:
                self._node(wanted)
        return replace(self, nodes={**self.nodes, id: node})

    def remove_step(self, id: str) -> Pipeline:  # noqa: A002 - the field's name
        """Return a copy without a step.

        Raises:
            PipelineError: the step is unknown, or another step depends on it.
        """
        self._node(id)
        needing = [f"`{each.id}`" for each in self.nodes.values() if id in each.needs and each.id != id]
        if needing:
            raise PipelineError(f"`{id}` is needed by {', '.join(needing)}; disconnect or remove these first")
        nodes = {name: node for name, node in self.nodes.items() if name != id}
        return replace(self, nodes=nodes)

    def connect(self, source: str, target: str) -> Pipeline:
        """Return a copy with ``source`` (``step_id.output``) connected to ``target`` (``step_id.input``).

        With two ids, the second step depends on the first.

        Raises:
            PipelineError: a step is unknown, or only one argument names a part.
        """
        earlier, dot, output = source.partition(".")
        later, other_dot, name = target.partition(".")
        if dot != other_dot:
            raise PipelineError(
                f"cannot connect `{source}` to `{target}`: write both an output and an input, or neither"
            )
        self._node(earlier)
        node = self._node(later)
        if dot:
            fed = {**node.inputs, name: OutputOf(earlier, output)}
            given = {key: item for key, item in node.given.items() if key != name}
            changed = replace(node, inputs=fed, given=given)
        else:
            changed = replace(node, depends_on=tuple(dict.fromkeys((*node.depends_on, earlier))))
        return self._with(changed)

    def disconnect(self, source: str, target: str) -> Pipeline:
        """Return a copy without edges between two steps.

        Raises:
            PipelineError: a step is unknown, or the steps are not connected.
        """
        self._node(source)
        node = self._node(target)
        if source not in node.needs:
            raise PipelineError(f"`{target}` is not connected to `{source}`")
        inputs = {name: fed for name, fed in node.inputs.items() if fed.node != source}
        depends_on = tuple(item for item in node.depends_on if item != source)
        return self._with(replace(node, inputs=inputs, depends_on=depends_on))

    def clone(self, name: str, description: str | None = None) -> Pipeline:
        """Return a copy with another name and, by default, the same description."""
        return replace(self, name=name, description=self.description if description is None else description)

    def merge(self, other: Pipeline, name: str, description: str = "") -> Pipeline:
        """Return the union of two pipelines; identical steps are merged.

        Raises:
            PipelineError: a step or parameter differs, or the views differ.
        """
        if self.workspace != other.workspace:
            raise PipelineError(f"`{self.name}` and `{other.name}` belong to different views")
        messages = sorted(str(clash) for clash in clashes(self, other))
        if messages:
            raise PipelineError(f"cannot merge `{self.name}` and `{other.name}`: {'; '.join(messages)}")
        return Pipeline(
            name,
            description or f"{self.name} and {other.name}.",
            {**self.parameters, **other.parameters},
            {**self.nodes, **other.nodes},
            self.workspace,
            {**self.extensions, **other.extensions},
        )

    def split(self, parts: Mapping[str, Collection[str]]) -> tuple[Pipeline, ...]:
        """Split the pipeline into parts, each with the parameters that it uses.

        Args:
            parts: part name to step ids; a step may be in several parts.

        Raises:
            PipelineError: a step is in no part, or depends on a step of another part.
        """
        everywhere = {item for ids in parts.values() for item in ids}
        for item in everywhere - self.nodes.keys():
            raise PipelineError(f"`{self.name}` has no step `{item}`")
        for node_id in self.nodes:
            if node_id not in everywhere:
                raise PipelineError(f"step `{node_id}` is in none of the parts")
        made: list[Pipeline] = []
        for name, ids in parts.items():
            nodes = {key: node for key, node in self.nodes.items() if key in ids}
            for node in nodes.values():
                for wanted in node.needs:
                    if wanted not in nodes:
                        raise PipelineError(
                            f"`{node.id}` of `{name}` needs `{wanted}`, which is in another part"
                        )
            used = {parameter for node in nodes.values() for parameter in _parameters(node)}
            parameters = {key: parameter for key, parameter in self.parameters.items() if key in used}
            made.append(
                Pipeline(
                    name,
                    self.description,
                    parameters,
                    nodes,
                    self.workspace,
                    self.extensions,
                )
            )
        return tuple(made)

    def to_yaml(self, among: Among | None = None) -> str:
        """Return the pipeline as YAML, which ``from_yaml`` reads."""
        from stepwell.model.graph.serialize import to_yaml

        return to_yaml(self, among or Among())

    def to_json(self, among: Among | None = None) -> str:
        """Return the pipeline as JSON.

        Raises:
            ValueError: JSON cannot represent a value.
        """
        from stepwell.model.graph.serialize import to_json

        return to_json(self, among or Among())

    @classmethod
    def from_yaml(cls, text: str, view: Sees | None = None, among: Among | None = None) -> Pipeline:
        """Parse a pipeline from YAML.

        Args:
            text: as in a pipeline file; ``description`` is optional.
            view: resolves step names; without a view, steps have no definition.
            among: other views and job types for step references.

        Raises:
            PipelineError: the text is invalid; the message lists all findings with lines.
        """
        from stepwell.model.graph.serialize import from_yaml

        return cls.of(from_yaml(text, view, among))

    @classmethod
    def from_json(cls, text: str, view: Sees | None = None, among: Among | None = None) -> Pipeline:
        """Parse a pipeline from JSON.

        Raises:
            PipelineError: the text is invalid.
        """
        from stepwell.model.graph.serialize import from_json

        return cls.of(from_json(text, view, among))

    def _with(self, node: Node) -> Pipeline:
        return replace(self, nodes={**self.nodes, node.id: node})

    def _node(self, id: str) -> Node:  # noqa: A002 - the field's name
        node = self.nodes.get(id)
        if node is None:
            hint = parenthesised(suggest(id, self.nodes))
            raise PipelineError(f"`{self.name}` has no step `{id}`{hint}")
        return node


@final
class Clash(NamedTuple):
    """Conflicting definition in two pipelines.

    Args:
        what: ``step`` or ``parameter``.
        first: location in the first pipeline, if any.
        second: location in the second pipeline, if any.
    """

    what: str
    name: str
    differs: tuple[str, ...] = ()
    first: Span | None = None
    second: Span | None = None

    def __str__(self) -> str:
        differs = (
            f" with different {', '.join(f'`{field}`' for field in self.differs)}" if self.differs else ""
        )
        places = [f"{item.path}:{item.line}" for item in (self.first, self.second) if item is not None]
        at = f" ({' and '.join(places)})" if places else ""
        return f"both define {self.what} `{self.name}`{differs}{at}"


_FIELDS = (
    "step", "workspace", "job_type", "config", "inputs", "given", "depends_on", "extensions", "definition",
)  # fmt: skip


def clashes(first: Pipeline, second: Pipeline) -> Iterator[Clash]:
    """Return the steps and parameters that prevent merging two pipelines."""
    for name in first.parameters.keys() & second.parameters.keys():
        if not _same(first.parameters[name], second.parameters[name]):
            yield Clash("parameter", name)
    for key, node in first.nodes.items():
        other = second.nodes.get(key)
        if other is not None:
            differs = tuple(field for field in _FIELDS if getattr(node, field) != getattr(other, field))
            if differs:
                yield Clash("step", key, differs, node.place, other.place)


def _parameters(node: Node) -> Iterator[str]:
    yield from node.given.values()
    for _, name in parameters_in(node.config):
        yield name


def _same(left: object, right: object) -> bool:
    """Compare defaults by type and value: 1, 1.0 and true differ."""
    return type(left) is type(right) and left == right
