"""``pipeline``: a workflow inside a workflow, so deep and no deeper."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from stepwell import RunContext
from stepwell.run.workflows import Scope, StepFailed, evaluate, nested, run_steps, seen

__all__ = ["run_workflow"]


async def run_workflow(parameters: Mapping[str, Any], context: RunContext) -> Any:
    """Run another workflow, and keep of it what is asked for."""
    flow = Scope.of(context.values)
    config = parameters.get("config") or {}
    most = min(config.get("max_depth", flow.setting.max_depth), flow.setting.max_depth)
    if flow.depth >= most:
        raise StepFailed(flow.path, f"workflows lie more than {most} deep in each other")
    stated = _stated(parameters, flow)
    variables = {**stated.get("variables", {}), **(parameters.get("inputs") or {})}
    inner = flow.apart(variables, bool(config.get("inherit_context", False)))
    work = run_steps(stated["steps"], inner, nested(context))
    limit = config.get("timeout_seconds")
    try:
        await asyncio.wait_for(work, limit)
    except (asyncio.TimeoutError, TimeoutError):
        raise StepFailed(flow.path, f"the workflow inside it took longer than {limit:g} s") from None
    except StepFailed as error:
        if not config.get("continue_on_error", False):
            raise
        return {"success": False, "error": str(error), "data": _kept(parameters, inner)}
    return {"success": True, "data": _kept(parameters, inner)}


def _stated(parameters: Mapping[str, Any], flow: Scope) -> Mapping[str, Any]:
    """The workflow that is run.

    Raises:
        StepFailed: there is none, or it cannot be run.
    """
    if "pipeline" in parameters:
        stated: Mapping[str, Any] = parameters["pipeline"]
        return stated
    if "pipeline_file" not in parameters:
        raise StepFailed(flow.path, "it names neither a `pipeline_file` nor a `pipeline`")
    if flow.setting.load is None:
        raise StepFailed(flow.path, "there is no folder to read a `pipeline_file` from")
    return flow.setting.load(parameters["pipeline_file"])


def _kept(parameters: Mapping[str, Any], inner: Scope) -> dict[str, Any]:
    wanted = parameters.get("outputs")
    if wanted is None:
        return dict(inner.own)
    kept: dict[str, Any] = {}
    for one in wanted:
        way, name = (
            (one, one.rpartition(".")[2]) if isinstance(one, str) else (one["path"], one.get("as", ""))
        )
        answers = {step: seen(answer) for step, answer in inner.own.items()}
        kept[name or way.rpartition(".")[2]] = evaluate(way, {**inner.variables, **answers, "steps": answers})
    return kept
