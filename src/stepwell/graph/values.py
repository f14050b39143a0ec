"""The value that a pipeline is: frozen, whether it comes from a file or was made in code."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, final

from stepwell.graph.nodes import Edge, Node
from stepwell.model import StepDefinition
from stepwell.shown import in_notebook

if TYPE_CHECKING:
    from stepwell.graph.linking import Among, Sees

__all__ = ["Pipeline"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@final
@dataclass(frozen=True, slots=True)
class Pipeline:
    """A graph of steps.

    Args:
        name: what it is called.
        description: what it is for.
        parameters: the values that a run may set, by name, each with its default; ``None`` where a run must
            set one.
        nodes: the steps by id, in the order in which they are stated.
        workspace: whose view it is; ``None`` for the core.
        extensions: the fields that begin with ``x-``, which are the team's own.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    nodes: Mapping[str, Node] = field(default_factory=lambda: MappingProxyType({}))
    workspace: str | None = None
    extensions: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    _levels: tuple[tuple[str, ...], ...] | None = field(default=None, init=False, compare=False, repr=False)

    @classmethod
    def from_view(cls, view: Sees, name: str, among: Among | None = None) -> Pipeline:
        """The graph of a pipeline of a view, with all that it extends.

        What is wrong with it is told by ``stepwell check``; here a step that nobody has is a node without
        a definition, and of two nodes of one id the first counts.

        Args:
            view: whose pipeline, and whose steps.
            name: the pipeline.
            among: every view and the project's job types, for steps that are named as ``workspace:Name``;
                ``Registry.among`` gives it.

        Raises:
            UnknownPipeline: with suggestions.
        """
        from stepwell.graph.linking import Among, definition_of, link

        return link(view, definition_of(view, name), among or Among()).pipeline

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
        from stepwell.graph.ordering import levels_of

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
            node: its id.
            values: the parameters that a run sets; the others have their defaults.
        """
        from stepwell.graph.filling import fill

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
            id: what the pipeline calls it.
            step: the step's name, or the step itself.
            workspace: whose view the step is taken from, where that is not the pipeline's own.
            job_type: the variant.
            config: its configuration; it is copied.
            inputs: its inputs by name, each with ``step_id.output`` or ``${parameter}``.
            depends_on: the steps that must be done before, besides those that feed it.

        Raises:
            PipelineError: there is a step of that id, or none that is named.
        """
        from stepwell.graph.editing import with_step

        return with_step(
            self,
            id,
            step,
            workspace=workspace,
            job_type=job_type,
            config=config,
            inputs=inputs,
            depends_on=depends_on,
        )

    def remove_step(self, id: str) -> Pipeline:  # noqa: A002 - the field's name
        """The same without one step.

        Raises:
            PipelineError: there is none of that id, or another step needs it.
        """
        from stepwell.graph.editing import without_step

        return without_step(self, id)

    def connect(self, source: str, target: str) -> Pipeline:
        """The same with ``source`` (``step_id.output``) feeding ``target`` (``step_id.input``).

        With two ids alone, the second step depends on the first.

        Raises:
            PipelineError: there is no such step, or only one of the two names a part.
        """
        from stepwell.graph.editing import with_connection

        return with_connection(self, source, target)

    def disconnect(self, source: str, target: str) -> Pipeline:
        """The same with nothing of one step going to another.

        Raises:
            PipelineError: there is no such step, or the second does not need the first.
        """
        from stepwell.graph.editing import without_connection

        return without_connection(self, source, target)

    def clone(self, name: str, description: str | None = None) -> Pipeline:
        """The same under another name, with the same description where none is given."""
        return replace(self, name=name, description=self.description if description is None else description)

    def merge(self, other: Pipeline, name: str, description: str = "") -> Pipeline:
        """One pipeline of this and another; a step that both have alike is in it once.

        Raises:
            PipelineError: a step or a parameter of one name differs, or they are of two views.
        """
        from stepwell.graph.joining import merge

        return merge(self, other, name, description or f"{self.name} and {other.name}.")

    def split(self, parts: Mapping[str, Collection[str]]) -> tuple[Pipeline, ...]:
        """Several pipelines of this one, each with the parameters that its steps use.

        Args:
            parts: the name of each part to the ids of its steps; a step may be in several.

        Raises:
            PipelineError: a step is in no part, or needs one that is not in its own part.
        """
        from stepwell.graph.joining import split

        return split(self, parts)

    def to_yaml(self, among: Among | None = None) -> str:
        """The YAML of its file; ``from_yaml`` gives the same again.

        Args:
            among: what decides how the words of its steps are read.
        """
        from stepwell.graph.linking import Among
        from stepwell.graph.writing import to_yaml

        return to_yaml(self, among or Among())

    def to_json(self, among: Among | None = None) -> str:
        """The same as JSON.

        Raises:
            ValueError: a value has no form in JSON.
        """
        from stepwell.graph.linking import Among
        from stepwell.graph.writing import to_json

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
        from stepwell.graph.writing import from_yaml

        return from_yaml(text, view, among)

    @classmethod
    def from_json(cls, text: str, view: Sees | None = None, among: Among | None = None) -> Pipeline:
        """The pipeline of a JSON text.

        Raises:
            PipelineError: the text is no pipeline.
        """
        from stepwell.graph.writing import from_json

        return from_json(text, view, among)
