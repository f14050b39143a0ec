"""``pipeline``: nested workflows with limited depth."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from stepwell import RunContext
from stepwell.run.workflows import Scope, StepFailed, evaluate, nested, run_steps

__all__ = ["run_workflow"]


async def run_workflow(parameters: Mapping[str, Any], context: RunContext) -> Any:
    """Run another workflow and return the requested outputs."""
    flow = Scope.of(context.values)
    config = parameters.get("config") or {}
    most = min(config.get("max_depth", flow.setting.max_depth), flow.setting.max_depth)
    if flow.depth >= most:
        raise StepFailed(flow.path, f"workflows are nested more than {most} levels deep")
    definition = _definition(parameters, flow)
    variables = {**definition.get("variables", {}), **(parameters.get("inputs") or {})}
    inner = flow.apart(variables, bool(config.get("inherit_context", False)))
    work = run_steps(definition["steps"], inner, nested(context))
    limit = config.get("timeout_seconds", definition.get("timeout_seconds"))
    try:
        await asyncio.wait_for(work, limit)
    except (asyncio.TimeoutError, TimeoutError):
        raise StepFailed(flow.path, f"the nested workflow timed out after {limit:g} s") from None
    except StepFailed as error:
        if not config.get("continue_on_error", False):
            raise
        return {"success": False, "error": str(error), "data": _outputs(parameters, inner)}
    return {"success": True, "data": _outputs(parameters, inner)}


def _definition(parameters: Mapping[str, Any], flow: Scope) -> Mapping[str, Any]:
    """Return the workflow to run.

    Raises:
        StepFailed: it is missing or invalid.
    """
    if "pipeline" in parameters:
        definition: Mapping[str, Any] = parameters["pipeline"]
        return definition
    if "pipeline_file" not in parameters:
        raise StepFailed(flow.path, "`pipeline_file` or `pipeline` is required")
    if flow.setting.load is None:
        raise StepFailed(flow.path, "the step has no folder to read `pipeline_file` from")
    return flow.setting.load(parameters["pipeline_file"])


def _outputs(parameters: Mapping[str, Any], inner: Scope) -> dict[str, Any]:
    wanted = parameters.get("outputs")
    if wanted is None:
        return dict(inner.own)
    outputs: dict[str, Any] = {}
    names = inner.names()
    for output in wanted:
        path, name = (
            (output, output.rpartition(".")[2])
            if isinstance(output, str)
            else (output["path"], output.get("as", ""))
        )
        outputs[name or path.rpartition(".")[2]] = evaluate(path, names)
    return outputs
