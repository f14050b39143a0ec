"""What a run of a pipeline would do, without doing any of it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, final

from stepwell.model.graph import Pipeline, workspace_of
from stepwell.source.errors import PipelineError
from stepwell.source.spelling import closest

__all__ = ["PlannedStep", "Preview", "preview_of"]

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@final
class PlannedStep(NamedTuple):
    """One step as a run would meet it.

    Args:
        level: from 1; steps of one level may run at the same time.
        id: what the pipeline calls it.
        step: the step's name.
        workspace: from whose view; ``None`` for the core.
        job_type: the variant.
        script: the file that its container starts; ``None`` for one that starts none.
        config: its configuration, parameters filled in.
        reads: each input to what feeds it: ``step_id.output``, or the value of a parameter.
        after: the steps that it waits for.
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
        parameters: every parameter with the value that it would have.
        unset: parameters that have no value yet: a run would be refused.
    """

    steps: tuple[PlannedStep, ...]
    parameters: Mapping[str, Any]
    unset: tuple[str, ...]


def preview_of(pipeline: Pipeline, values: Mapping[str, Any] = _NOTHING) -> Preview:
    """What a run would do.

    Args:
        pipeline: the pipeline.
        values: the parameters that the run sets.

    Raises:
        PipelineError: a parameter is not one of the pipeline's, or its steps need each other in a circle.
    """
    for name in values:
        if name not in pipeline.parameters:
            near = closest(name, pipeline.parameters)
            hint = f" (did you mean `{near[0]}`?)" if near else ""
            raise PipelineError(f"`{pipeline.name}` has no parameter `{name}`{hint}")
    parameters = {**pipeline.parameters, **values}
    steps: list[PlannedStep] = []
    for level, ids in enumerate(pipeline.levels, 1):
        for one in ids:
            node = pipeline.nodes[one]
            interface = (node.definition.interface if node.definition is not None else None) or _NOTHING
            reads: dict[str, Any] = {name: str(fed) for name, fed in node.inputs.items()}
            reads.update((name, parameters.get(parameter)) for name, parameter in node.given.items())
            steps.append(
                PlannedStep(
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
