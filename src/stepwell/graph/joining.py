"""Two pipelines made one, and one taken apart."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple, final

from stepwell.diagnostics import Span
from stepwell.errors import PipelineError
from stepwell.graph.filling import parameters_in
from stepwell.graph.nodes import Node
from stepwell.graph.values import Pipeline

__all__ = ["Clash", "clashes", "merge", "split"]


@final
class Clash(NamedTuple):
    """Something that two pipelines both have, and say differently.

    Args:
        what: ``step`` or ``parameter``.
        name: the id of the step, or the parameter.
        differs: the fields of the step that differ; nothing for a parameter.
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
    """What keeps two pipelines from being one: steps and parameters of one name that differ.

    Args:
        first: the one.
        second: the other.
    """
    for name in first.parameters.keys() & second.parameters.keys():
        if not _same(first.parameters[name], second.parameters[name]):
            yield Clash("parameter", name)
    for one, node in first.nodes.items():
        other = second.nodes.get(one)
        if other is not None:
            differs = tuple(field for field in _FIELDS if getattr(node, field) != getattr(other, field))
            if differs:
                yield Clash("step", one, differs, node.place, other.place)


def merge(first: Pipeline, second: Pipeline, name: str, description: str) -> Pipeline:
    """One pipeline of two: a step that both have alike is in it once.

    Args:
        first: its steps come first.
        second: the other.
        name: what it is called.
        description: what it is for.

    Raises:
        PipelineError: they clash, or are of two views.
    """
    if first.workspace != second.workspace:
        raise PipelineError(f"`{first.name}` and `{second.name}` are of two views")
    found = sorted(str(one) for one in clashes(first, second))
    if found:
        raise PipelineError(f"`{first.name}` and `{second.name}` cannot be one: {'; '.join(found)}")
    return Pipeline(
        name,
        description,
        MappingProxyType({**first.parameters, **second.parameters}),
        MappingProxyType({**first.nodes, **second.nodes}),
        first.workspace,
        MappingProxyType({**first.extensions, **second.extensions}),
    )


def split(pipeline: Pipeline, parts: Mapping[str, Collection[str]]) -> tuple[Pipeline, ...]:
    """Several pipelines of one, each with the parameters that its steps use.

    Args:
        pipeline: the whole.
        parts: the name of each part to the ids of its steps; a step may be in several.

    Raises:
        PipelineError: a step is in no part, or needs one that is not in its own part.
    """
    everywhere = {one for ids in parts.values() for one in ids}
    for one in everywhere - pipeline.nodes.keys():
        raise PipelineError(f"`{pipeline.name}` has no step `{one}`")
    for one in pipeline.nodes:
        if one not in everywhere:
            raise PipelineError(f"the step `{one}` is in no part")
    made: list[Pipeline] = []
    for name, ids in parts.items():
        nodes = {one: node for one, node in pipeline.nodes.items() if one in ids}
        for node in nodes.values():
            for wanted in node.needs:
                if wanted not in nodes:
                    raise PipelineError(f"`{node.id}` of `{name}` needs `{wanted}`, which is in another part")
        used = {one for node in nodes.values() for one in _parameters(node)}
        parameters = {key: one for key, one in pipeline.parameters.items() if key in used}
        made.append(
            Pipeline(
                name,
                pipeline.description,
                MappingProxyType(parameters),
                MappingProxyType(nodes),
                pipeline.workspace,
                pipeline.extensions,
            )
        )
    return tuple(made)


def _parameters(node: Node) -> Iterator[str]:
    yield from node.given.values()
    for _, name in parameters_in(node.config):
        yield name


def _same(one: object, other: object) -> bool:
    """Whether two defaults are alike: 1, 1.0 and true are three values."""
    return type(one) is type(other) and one == other
