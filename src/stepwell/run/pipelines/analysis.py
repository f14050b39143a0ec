"""What kind of graph a pipeline is: its size, its shape, its longest way, and what could be better."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple, final

from stepwell.model.graph import Edge, Node, Pipeline, crossing, workspace_of
from stepwell.source.errors import PipelineError
from stepwell.source.spelling import suggest
from stepwell.source.wording import parenthesised

__all__ = [
    "Analysis",
    "Preview",
    "StepPreview",
    "Way",
    "analyse",
    "longest_way",
    "preview_of",
]


_MANY: Final = 5
"""Steps that wait for one, from which on it is told."""
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@final
class Way(NamedTuple):
    """The longest way through a pipeline: nothing makes a run shorter than it.

    Args:
        length: how long it is, in steps or in seconds.
        in_seconds: whether the length is in seconds.
    """

    nodes: tuple[str, ...]
    length: float
    in_seconds: bool


@final
@dataclass(frozen=True, slots=True)
class Analysis:
    """What kind of graph a pipeline is.

    Args:
        levels: the steps in groups that may run at once.
        by_workspace: how many steps are taken from each view; ``None`` for the core.
        by_type: how many steps there are of each ``sagemaker_step_type``; ``None`` for those without.
    """

    nodes: int
    edges: int
    levels: tuple[tuple[str, ...], ...]
    fan_in: Mapping[str, int]
    fan_out: Mapping[str, int]
    by_workspace: Mapping[str | None, int]
    by_type: Mapping[str | None, int]
    crossed: tuple[Edge, ...]
    crossings: Mapping[tuple[str | None, str | None], int]
    critical_path: Way
    recommendations: tuple[str, ...]

    @property
    def depth(self) -> int:
        """How many steps must run one after the other at least."""
        return len(self.levels)

    @property
    def width(self) -> int:
        """How many steps may run at the same time at the most."""
        return max(map(len, self.levels), default=0)


def analyse(pipeline: Pipeline, seconds: Mapping[str, float] = _NOTHING) -> Analysis:
    """Look at a pipeline as a graph.

    Args:
        seconds: how long its steps took, where that is known; the longest way is told in seconds then.

    Raises:
        PipelineError: its steps need each other in a circle.
    """
    nodes, levels = pipeline.nodes, pipeline.levels
    needs = {one: tuple(each for each in node.needs if each in nodes) for one, node in nodes.items()}
    fan_out = Counter(each for needed in needs.values() for each in needed)
    crossed, edges = crossing(pipeline)
    way = _longest(levels, needs, seconds)
    crossings = Counter(
        (workspace_of(pipeline, nodes[one.source]), workspace_of(pipeline, nodes[one.target]))
        for one in crossed
    )
    types = Counter(
        node.definition.sagemaker_step_type if node.definition is not None else None
        for node in nodes.values()
    )
    return Analysis(
        len(nodes),
        edges,
        levels,
        MappingProxyType({one: len(needed) for one, needed in needs.items()}),
        MappingProxyType({one: fan_out[one] for one in nodes}),
        MappingProxyType(Counter(workspace_of(pipeline, node) for node in nodes.values())),
        MappingProxyType(types),
        crossed,
        MappingProxyType(crossings),
        way,
        tuple(_recommended(pipeline, levels, needs, fan_out, len(crossed), edges)),
    )


def longest_way(pipeline: Pipeline, seconds: Mapping[str, float] = _NOTHING) -> Way:
    """The longest way through a pipeline; as part of ``analyse``.

    Raises:
        PipelineError: its steps need each other in a circle.
    """
    nodes = pipeline.nodes
    needs = {one: tuple(each for each in node.needs if each in nodes) for one, node in nodes.items()}
    return _longest(pipeline.levels, needs, seconds)


def _longest(
    levels: tuple[tuple[str, ...], ...], needs: Mapping[str, tuple[str, ...]], seconds: Mapping[str, float]
) -> Way:
    known = bool(seconds)
    length: dict[str, float] = {}
    before: dict[str, str | None] = {}
    for level in levels:
        for one in level:
            last = max(needs[one], key=length.__getitem__, default=None)
            before[one] = last
            length[one] = (length[last] if last is not None else 0) + (seconds.get(one, 0.0) if known else 1)
    at = max(length, key=length.__getitem__, default=None)
    total = length[at] if at is not None else 0
    way: list[str] = []
    while at is not None:
        way.append(at)
        at = before[at]
    return Way(tuple(reversed(way)), total, known)


def _recommended(
    pipeline: Pipeline,
    levels: tuple[tuple[str, ...], ...],
    needs: Mapping[str, tuple[str, ...]],
    fan_out: Mapping[str, int],
    crossed: int,
    edges: int,
) -> Iterator[str]:
    nodes = pipeline.nodes
    if 2 * crossed > edges:
        most = f"{crossed} of {edges} edges cross" if edges > 1 else "The only edge crosses"
        yield f"{most} workspaces: move the steps that several use into the core, or into one workspace."
    if len(nodes) >= _MANY and len(levels) == len(nodes):
        yield "Every step waits for the one before it, so nothing runs at the same time."
    if len(nodes) > 1:
        for one, needed in needs.items():
            if not needed and not fan_out.get(one):
                yield f"`{one}` neither needs another step nor feeds one: it could be a pipeline of its own."
    for one in nodes:
        if fan_out.get(one, 0) >= _MANY:
            yield f"{fan_out[one]} steps wait for `{one}`: make it quick, or cache what it gives."
    for one, node in nodes.items():
        old = node.definition.deprecated if node.definition is not None else None
        if old is not None:
            instead = f": use `{old.replaced_by}`" if old.replaced_by else ""
            yield f"`{one}` runs `{node.step}`, which is deprecated{instead}."
    yield from _twins(nodes)


def _twins(nodes: Mapping[str, Node]) -> Iterator[str]:
    """Steps that do the same with the same."""
    seen: dict[Any, str] = {}
    for one, node in nodes.items():
        if not node.inputs and not node.given and not node.config:
            continue  # nothing says that what they read is the same
        key = repr((
            node.step,
            node.workspace,
            node.job_type,
            sorted(node.config.items(), key=lambda pair: pair[0]),
            sorted((name, str(fed)) for name, fed in node.inputs.items()),
            sorted(node.given.items()),
        ))  # fmt: skip
        first = seen.setdefault(key, one)
        if first != one:
            yield f"`{first}` and `{one}` run the same step with the same inputs: one could do for both."


@final
class StepPreview(NamedTuple):
    """One step as a run would meet it.

    Args:
        level: from 1; steps of one level may run at the same time.
        workspace: from whose view; ``None`` for the core.
        script: the file that its container starts; ``None`` for one that starts none.
        reads: each input to what feeds it: ``step_id.output``, or the value of a parameter.
    """

    level: int
    id: str
    step: str
    workspace: str | None
    job_type: str | None
    script: str | None
    config: Mapping[str, Any]
    reads: Mapping[str, Any]
    after: tuple[str, ...]


@final
class Preview(NamedTuple):
    """A whole run before it is done.

    Args:
        steps: in the order in which they would start.
    """

    steps: tuple[StepPreview, ...]
    parameters: Mapping[str, Any]
    unset: tuple[str, ...]


def preview_of(pipeline: Pipeline, values: Mapping[str, Any] = _NOTHING) -> Preview:
    """What a run would do.

    Raises:
        PipelineError: a parameter is not one of the pipeline's, or its steps need each other in a circle.
    """
    for name in values:
        if name not in pipeline.parameters:
            hint = parenthesised(suggest(name, pipeline.parameters))
            raise PipelineError(f"`{pipeline.name}` has no parameter `{name}`{hint}")
    parameters = {**pipeline.parameters, **values}
    steps: list[StepPreview] = []
    for level, ids in enumerate(pipeline.levels, 1):
        for one in ids:
            node = pipeline.nodes[one]
            interface = (node.definition.interface if node.definition is not None else None) or _NOTHING
            reads: dict[str, Any] = {name: str(fed) for name, fed in node.inputs.items()}
            reads.update((name, parameters.get(parameter)) for name, parameter in node.given.items())
            steps.append(
                StepPreview(
                    level,
                    one,
                    node.step,
                    workspace_of(pipeline, node),
                    node.job_type,
                    interface.get("entry_point"),
                    pipeline.config_of(one, values),
                    MappingProxyType(reads),
                    node.needs,
                )
            )
    unset = tuple(name for name, value in parameters.items() if value is None)
    return Preview(tuple(steps), MappingProxyType(parameters), unset)
