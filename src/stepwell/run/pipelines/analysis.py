"""Graph analysis of a pipeline: size, shape, critical path and recommendations."""

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
    "CriticalPath",
    "Preview",
    "StepPreview",
    "analyse",
    "critical_path",
    "preview_of",
]


_MANY: Final = 5
"""Fan-out from which a recommendation is given."""
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@final
class CriticalPath(NamedTuple):
    """The critical path of a pipeline, which bounds the duration of a run.

    Args:
        length: in steps or in seconds.
    """

    nodes: tuple[str, ...]
    length: float
    in_seconds: bool


@final
@dataclass(frozen=True, slots=True)
class Analysis:
    """Graph metrics of a pipeline.

    Args:
        levels: groups of steps that may run concurrently.
        by_workspace: number of steps per workspace; ``None`` is the core.
        by_type: number of steps per ``sagemaker_step_type``; ``None`` is no type.
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
    critical_path: CriticalPath
    recommendations: tuple[str, ...]

    @property
    def depth(self) -> int:
        """Return the minimum number of sequential steps."""
        return len(self.levels)

    @property
    def width(self) -> int:
        """Return the maximum number of concurrent steps."""
        return max(map(len, self.levels), default=0)


def analyse(pipeline: Pipeline, seconds: Mapping[str, float] = _NOTHING) -> Analysis:
    """Analyze the graph of a pipeline.

    Args:
        seconds: known durations of steps; with them, the critical path is measured in seconds.

    Raises:
        PipelineError: the steps form a cycle.
    """
    nodes, levels = pipeline.nodes, pipeline.levels
    needs = _needs(nodes)
    fan_out = Counter(needed for all_needed in needs.values() for needed in all_needed)
    crossed, edges = crossing(pipeline)
    path = _longest(levels, needs, seconds)
    crossings = Counter(
        (workspace_of(pipeline, nodes[edge.source]), workspace_of(pipeline, nodes[edge.target]))
        for edge in crossed
    )
    types = Counter(
        node.definition.sagemaker_step_type if node.definition is not None else None
        for node in nodes.values()
    )
    return Analysis(
        len(nodes),
        edges,
        levels,
        MappingProxyType({node_id: len(needed) for node_id, needed in needs.items()}),
        MappingProxyType({node_id: fan_out[node_id] for node_id in nodes}),
        MappingProxyType(Counter(workspace_of(pipeline, node) for node in nodes.values())),
        MappingProxyType(types),
        crossed,
        MappingProxyType(crossings),
        path,
        tuple(_recommended(pipeline, levels, needs, fan_out, len(crossed), edges)),
    )


def critical_path(pipeline: Pipeline, seconds: Mapping[str, float] = _NOTHING) -> CriticalPath:
    """Return the critical path of a pipeline.

    Raises:
        PipelineError: the steps form a cycle.
    """
    return _longest(pipeline.levels, _needs(pipeline.nodes), seconds)


def _needs(nodes: Mapping[str, Node]) -> dict[str, tuple[str, ...]]:
    return {
        node_id: tuple(needed for needed in node.needs if needed in nodes) for node_id, node in nodes.items()
    }


def _longest(
    levels: tuple[tuple[str, ...], ...], needs: Mapping[str, tuple[str, ...]], seconds: Mapping[str, float]
) -> CriticalPath:
    known = bool(seconds)
    length: dict[str, float] = {}
    before: dict[str, str | None] = {}
    for level in levels:
        for node in level:
            last = max(needs[node], key=length.__getitem__, default=None)
            before[node] = last
            own = seconds.get(node, 0.0) if known else 1
            length[node] = (length[last] if last is not None else 0) + own
    at = max(length, key=length.__getitem__, default=None)
    total = length[at] if at is not None else 0
    path: list[str] = []
    while at is not None:
        path.append(at)
        at = before[at]
    return CriticalPath(tuple(reversed(path)), total, known)


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
        crossing_edges = f"{crossed} of {edges} edges cross" if edges > 1 else "The only edge crosses"
        yield f"{crossing_edges} workspaces: move shared steps into the core or into one workspace."
    if len(nodes) >= _MANY and len(levels) == len(nodes):
        yield "All steps run sequentially: each one waits for the previous one."
    if len(nodes) > 1:
        for node_id, needed in needs.items():
            if not needed and not fan_out.get(node_id):
                yield f"`{node_id}` is not connected to any other step: move it into a separate pipeline."
    for node_id in nodes:
        if fan_out.get(node_id, 0) >= _MANY:
            yield f"{fan_out[node_id]} steps wait for `{node_id}`: speed it up or cache its outputs."
    for node_id, node in nodes.items():
        old = node.definition.deprecated if node.definition is not None else None
        if old is not None:
            instead = f": use `{old.replaced_by}`" if old.replaced_by else ""
            yield f"`{node_id}` runs `{node.step}`, which is deprecated{instead}."
    yield from _twins(nodes)


def _twins(nodes: Mapping[str, Node]) -> Iterator[str]:
    """Report steps that repeat the work of another step."""
    seen: dict[Any, str] = {}
    for node_id, node in nodes.items():
        if not node.inputs and not node.given and not node.config:
            continue  # identical inputs cannot be assumed
        key = repr((
            node.step,
            node.workspace,
            node.job_type,
            sorted(node.config.items(), key=lambda pair: pair[0]),
            sorted((name, str(source)) for name, source in node.inputs.items()),
            sorted(node.given.items()),
        ))  # fmt: skip
        first = seen.setdefault(key, node_id)
        if first != node_id:
            yield f"`{first}` and `{node_id}` run the same step with the same inputs: remove one of them."


@final
class StepPreview(NamedTuple):
    """One step of a run preview.

    Args:
        level: counted from 1; steps of one level may run concurrently.
        workspace: ``None`` for the core.
        script: entry point of the container, if any.
        reads: source of each input: ``step_id.output``, or the value of a parameter.
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
    """Preview of a run, with steps in execution order."""

    steps: tuple[StepPreview, ...]
    parameters: Mapping[str, Any]
    unset: tuple[str, ...]


def preview_of(pipeline: Pipeline, values: Mapping[str, Any] = _NOTHING) -> Preview:
    """Return the preview of a run.

    Raises:
        PipelineError: a parameter is unknown, or the steps form a cycle.
    """
    for name in values:
        if name not in pipeline.parameters:
            hint = parenthesised(suggest(name, pipeline.parameters))
            raise PipelineError(f"`{pipeline.name}` has no parameter `{name}`{hint}")
    parameters = {**pipeline.parameters, **values}
    steps: list[StepPreview] = []
    for level, ids in enumerate(pipeline.levels, 1):
        for node_id in ids:
            node = pipeline.nodes[node_id]
            interface = (node.definition.interface if node.definition is not None else None) or _NOTHING
            reads: dict[str, Any] = {name: str(source) for name, source in node.inputs.items()}
            reads.update((name, parameters.get(parameter)) for name, parameter in node.given.items())
            steps.append(
                StepPreview(
                    level,
                    node_id,
                    node.step,
                    workspace_of(pipeline, node),
                    node.job_type,
                    interface.get("entry_point"),
                    pipeline.config_of(node_id, values),
                    MappingProxyType(reads),
                    node.needs,
                )
            )
    unset = tuple(name for name, value in parameters.items() if value is None)
    return Preview(tuple(steps), MappingProxyType(parameters), unset)
