"""The value that a pipeline is: frozen, whether it comes from a file or was made in code."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, final

from stepwell.model import StepDefinition
from stepwell.model.graph.link import Among, Linked, Sees, definition_of, link
from stepwell.model.graph.node import Edge, Node, OutputOf, fed_by, fill, freeze_fields, parameters_in
from stepwell.model.graph.order import levels_of
from stepwell.source.diagnostic import Span
from stepwell.source.document import FrozenMapping
from stepwell.source.errors import PipelineError
from stepwell.source.immutable import immutable
from stepwell.source.notebook_repr import in_notebook
from stepwell.source.spelling import suggest
from stepwell.source.wording import parenthesised

__all__ = ["Clash", "Pipeline", "clashes"]

_NOTHING: Mapping[str, Any] = FrozenMapping()


@final
@immutable
@dataclass(frozen=True, slots=True)
class Pipeline:
    """A graph of steps.

    Args:
        parameters: the values that a run may set, by name, each with its default; ``None`` where a run must
            set one.
        nodes: the steps by id, in the order in which they are stated.
        workspace: whose view it is; ``None`` for the core.
        extensions: the fields that begin with ``x-``, which are the team's own.
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
        """The graph of a pipeline of a view, with all that it extends.

        What is wrong with it is told by ``stepwell check``; here a step that nobody has is a node without
        a definition, and of two nodes of one id the first counts.

        Args:
            among: every view and the project's job types, for steps that are named as ``workspace:Name``;
                ``Registry.among`` gives it.

        Raises:
            UnknownPipeline: with suggestions.
        """
        return cls.of(link(view, definition_of(view, name), among or Among()))

    @classmethod
    def of(cls, linked: Linked) -> Pipeline:
        """The graph of a linked definition."""
        definition = linked.definition
        return cls(
            definition.name,
            definition.description,
            linked.parameters,
            linked.nodes,
            linked.view.workspace,
            definition.extensions,
        )

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        return in_notebook(self, include, exclude)

    def _repr_html_(self) -> str:
        return str(in_notebook(self)["text/html"])

    @property
    def edges(self) -> Iterator[Edge]:
        """Every edge, in the order of the later nodes; also those from nodes that are not there."""
        for node in self.nodes.values():
            fed = set()
            for name, one in node.inputs.items():
                fed.add(one.node)
                yield Edge(one.node, node.id, one.output, name)
            for needed in node.depends_on:
                if needed not in fed:
                    yield Edge(needed, node.id)

    @property
    def levels(self) -> tuple[tuple[str, ...], ...]:
        """The nodes in groups: those of one need only nodes of earlier ones, so they may run at once.

        Raises:
            PipelineError: they need each other in a circle.
        """
        if self._levels is None:  # worked out once, when first asked for
            object.__setattr__(self, "_levels", levels_of(self))
        return self._levels or ()

    @property
    def order(self) -> tuple[str, ...]:
        """The nodes in an order in which they can run, always the same: by level, then as they are stated.

        Raises:
            PipelineError: they need each other in a circle.
        """
        return tuple(one for level in self.levels for one in level)

    def config_of(self, node: str, values: Mapping[str, Any] = _NOTHING) -> Mapping[str, Any]:
        """The configuration of a node with parameters filled in.

        Args:
            values: the parameters that a run sets; the others have their defaults.
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
        """The same with one more step at the end.

        Args:
            workspace: whose view the step is taken from, where that is not the pipeline's own.
            inputs: its inputs by name, each with ``step_id.output`` or ``${parameter}``.
            depends_on: the steps that must be done before, besides those that feed it.

        Raises:
            PipelineError: there is a step of that id, or none that is named.
        """
        if id in self.nodes:
            raise PipelineError(f"`{self.name}` has a step `{id}`; remove it first")
        fed: dict[str, OutputOf] = {}
        given: dict[str, str] = {}
        for name, word in inputs.items():
            read = fed_by(word)
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
        """The same without one step.

        Raises:
            PipelineError: there is none of that id, or another step needs it.
        """
        self._node(id)
        needing = [f"`{each.id}`" for each in self.nodes.values() if id in each.needs and each.id != id]
        if needing:
            raise PipelineError(f"`{id}` is needed by {', '.join(needing)}; disconnect or remove these first")
        nodes = {name: node for name, node in self.nodes.items() if name != id}
        return replace(self, nodes=nodes)

    def connect(self, source: str, target: str) -> Pipeline:
        """The same with ``source`` (``step_id.output``) feeding ``target`` (``step_id.input``).

        With two ids alone, the second step depends on the first.

        Raises:
            PipelineError: there is no such step, or only one of the two names a part.
        """
        earlier, dot, output = source.partition(".")
        later, other_dot, name = target.partition(".")
        if dot != other_dot:
            raise PipelineError(
                f"`{source}` and `{target}` do not go together: name an output and an input, or neither"
            )
        self._node(earlier)
        node = self._node(later)
        if dot:
            fed = {**node.inputs, name: OutputOf(earlier, output)}
            given = {key: one for key, one in node.given.items() if key != name}
            changed = replace(node, inputs=fed, given=given)
        else:
            changed = replace(node, depends_on=tuple(dict.fromkeys((*node.depends_on, earlier))))
        return self._with(changed)

    def disconnect(self, source: str, target: str) -> Pipeline:
        """The same with nothing of one step going to another.

        Raises:
            PipelineError: there is no such step, or the second does not need the first.
        """
        self._node(source)
        node = self._node(target)
        if source not in node.needs:
            raise PipelineError(f"`{target}` does not need `{source}`")
        inputs = {name: fed for name, fed in node.inputs.items() if fed.node != source}
        depends_on = tuple(one for one in node.depends_on if one != source)
        return self._with(replace(node, inputs=inputs, depends_on=depends_on))

    def clone(self, name: str, description: str | None = None) -> Pipeline:
        """The same under another name, with the same description where none is given."""
        return replace(self, name=name, description=self.description if description is None else description)

    def merge(self, other: Pipeline, name: str, description: str = "") -> Pipeline:
        """One pipeline of this and another; a step that both have alike is in it once.

        Raises:
            PipelineError: a step or a parameter of one name differs, or they are of two views.
        """
        if self.workspace != other.workspace:
            raise PipelineError(f"`{self.name}` and `{other.name}` are of two views")
        found = sorted(str(one) for one in clashes(self, other))
        if found:
            raise PipelineError(f"`{self.name}` and `{other.name}` cannot be one: {'; '.join(found)}")
        return Pipeline(
            name,
            description or f"{self.name} and {other.name}.",
            {**self.parameters, **other.parameters},
            {**self.nodes, **other.nodes},
            self.workspace,
            {**self.extensions, **other.extensions},
        )

    def split(self, parts: Mapping[str, Collection[str]]) -> tuple[Pipeline, ...]:
        """Several pipelines of this one, each with the parameters that its steps use.

        Args:
            parts: the name of each part to the ids of its steps; a step may be in several.

        Raises:
            PipelineError: a step is in no part, or needs one that is not in its own part.
        """
        everywhere = {one for ids in parts.values() for one in ids}
        for one in everywhere - self.nodes.keys():
            raise PipelineError(f"`{self.name}` has no step `{one}`")
        for one in self.nodes:
            if one not in everywhere:
                raise PipelineError(f"the step `{one}` is in no part")
        made: list[Pipeline] = []
        for name, ids in parts.items():
            nodes = {one: node for one, node in self.nodes.items() if one in ids}
            for node in nodes.values():
                for wanted in node.needs:
                    if wanted not in nodes:
                        raise PipelineError(
                            f"`{node.id}` of `{name}` needs `{wanted}`, which is in another part"
                        )
            used = {one for node in nodes.values() for one in _parameters(node)}
            parameters = {key: one for key, one in self.parameters.items() if key in used}
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
        """The YAML of its file; ``from_yaml`` gives the same again."""
        from stepwell.model.graph.serialize import to_yaml

        return to_yaml(self, among or Among())

    def to_json(self, among: Among | None = None) -> str:
        """The same as JSON.

        Raises:
            ValueError: a value has no form in JSON.
        """
        from stepwell.model.graph.serialize import to_json

        return to_json(self, among or Among())

    @classmethod
    def from_yaml(cls, text: str, view: Sees | None = None, among: Among | None = None) -> Pipeline:
        """The pipeline of a YAML text.

        Args:
            text: the text, as the file of a pipeline has it; ``description`` may be left out.
            view: whose steps it names; without one no step has a definition.
            among: what else it may name.

        Raises:
            PipelineError: the text is no pipeline; the message has every finding with its line.
        """
        from stepwell.model.graph.serialize import from_yaml

        return cls.of(from_yaml(text, view, among))

    @classmethod
    def from_json(cls, text: str, view: Sees | None = None, among: Among | None = None) -> Pipeline:
        """The pipeline of a JSON text.

        Raises:
            PipelineError: the text is no pipeline.
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
    """Something that two pipelines both have, and say differently.

    Args:
        what: ``step`` or ``parameter``.
        first: where the first says it, if a file does.
        second: where the second says it.
    """

    what: str
    name: str
    differs: tuple[str, ...] = ()
    first: Span | None = None
    second: Span | None = None

    def __str__(self) -> str:
        differs = f", which differ in {', '.join(f'`{one}`' for one in self.differs)}" if self.differs else ""
        places = [f"{one.path}:{one.line}" for one in (self.first, self.second) if one is not None]
        at = f" ({' and '.join(places)})" if places else ""
        return f"both have a {self.what} `{self.name}`{differs}{at}"


_FIELDS = (
    "step", "workspace", "job_type", "config", "inputs", "given", "depends_on", "extensions", "definition",
)  # fmt: skip


def clashes(first: Pipeline, second: Pipeline) -> Iterator[Clash]:
    """What keeps two pipelines from being one: steps and parameters of one name that differ."""
    for name in first.parameters.keys() & second.parameters.keys():
        if not _same(first.parameters[name], second.parameters[name]):
            yield Clash("parameter", name)
    for one, node in first.nodes.items():
        other = second.nodes.get(one)
        if other is not None:
            differs = tuple(field for field in _FIELDS if getattr(node, field) != getattr(other, field))
            if differs:
                yield Clash("step", one, differs, node.place, other.place)


def _parameters(node: Node) -> Iterator[str]:
    yield from node.given.values()
    for _, name in parameters_in(node.config):
        yield name


def _same(one: object, other: object) -> bool:
    """Whether two defaults are alike: 1, 1.0 and true are three values."""
    return type(one) is type(other) and one == other
