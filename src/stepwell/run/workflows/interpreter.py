"""Running steps one after the other: conditions, defaults, expressions, time limits, and what is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from stepwell.model.schema_errors import reasons
from stepwell.model.step_type import RunContext
from stepwell.model.validator import InvalidSchema
from stepwell.run.workflows.annotations import filled, parted, rendered
from stepwell.run.workflows.expressions import BadExpression, as_text, holds, render
from stepwell.run.workflows.state import Run, Scope, StepFailed
from stepwell.run.workflows.workflow import PathEscape
from stepwell.source.document import thaw
from stepwell.source.errors import StepwellError

__all__ = ["applies", "fault_of", "faults", "nested", "run_step", "run_steps", "text_of"]

_NOTHING: Final[Mapping[str, Any]] = {}


async def run_steps(steps: Iterable[Mapping[str, Any]], flow: Scope, run: Run) -> None:
    """Run steps in order; the answers are in the flow.

    Raises:
        StepFailed: one failed, and does not say ``continue_on_error``.
    """
    for step in steps:
        await run_step(step, flow, run)


async def run_step(step: Mapping[str, Any], flow: Scope, run: Run) -> None:
    """Run one step.

    Raises:
        StepFailed: it failed, and does not say ``continue_on_error``.
    """
    name, kind = str(step["name"]), str(step["type"])
    setting, here = flow.setting, flow.at(name)
    schema = setting.describe(kind)
    general, parameters = parted(step, schema if schema is not None else _NOTHING)
    here.count()
    try:
        if not applies(general.get("condition", True), here.names()):
            setting.tell("skip", here.path, {"type": kind})
            return
        setting.tell("start", here.path, {"type": kind})
        value = await _answer(general, parameters, schema, here, run)
        if "output_to_file" in general and setting.keep is not None:
            file = as_text(render(general["output_to_file"], here.names()))
            setting.keep(file, text_of(value, pretty=True))
    except (BadExpression, PathEscape, OSError) as error:
        failed = StepFailed(here.path, str(error))
    except StepFailed as error:
        failed = error
    else:
        flow.put(name, value)
        setting.tell("end", here.path, {"type": kind})
        return
    setting.tell("fail", here.path, {"type": kind, "fault": failed.fault})
    if not general.get("continue_on_error", setting.defaults.get("continue_on_error", False)):
        raise failed
    flow.put(name, {"success": False, "error": failed.fault, "text": ""})


def nested(context: RunContext) -> Run:
    """What runs a step inside a step: for ``run_steps`` in a loop."""

    async def run(kind: str, parameters: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
        flow = Scope.of(values)
        if context.run is None:
            raise StepFailed(flow.path, "steps cannot be nested here")
        result = await context.run(kind, parameters, values)
        if not result.ok:
            raise StepFailed(flow.path, fault_of(result.error))
        return result.value

    return run


def fault_of(error: BaseException | None) -> str:
    """What is wrong, in one sentence: that of the step's own code where it raised one of ours."""
    cause = error.__cause__ if error is not None else None
    if isinstance(cause, StepFailed):
        return cause.fault
    if isinstance(cause, StepwellError):
        return str(cause)
    return str(getattr(error, "message", error))


def faults(schema: Mapping[str, Any], data: Any) -> tuple[str, ...]:
    """Why data does not fit a schema, each in one line; nothing where it fits.

    Args:
        data: plain data, read-only or not.
    """
    try:
        return reasons(schema, "the result", data)
    except InvalidSchema as error:
        return (f"the schema is none: {error}",)


def applies(condition: Any, names: Mapping[str, Any]) -> bool:
    """Whether a condition is true.

    Args:
        condition: an expression, a boolean, or ``and``, ``or`` and ``not`` over conditions.
        names: what it may speak of.

    Raises:
        BadExpression: it cannot be read.
    """
    if isinstance(condition, str):
        return holds(condition, names)
    if isinstance(condition, Mapping):
        return all(
            all(applies(one, names) for one in _listed(under))
            if word == "and"
            else any(applies(one, names) for one in _listed(under))
            if word == "or"
            else not applies(under, names)
            for word, under in condition.items()
        )
    return bool(condition)


def text_of(answer: Any, *, pretty: bool = False) -> str:
    """An answer as text: its ``text`` where it has one, and else its ``data``, or all of it, as JSON.

    Args:
        pretty: whether JSON is set in lines.
    """
    if isinstance(answer, str):
        return answer
    if isinstance(answer, Mapping) and isinstance(answer.get("text"), str) and answer["text"]:
        return str(answer["text"])
    if isinstance(answer, Mapping) and answer.get("data") is not None:
        answer = answer["data"]
    return json.dumps(thaw(answer), ensure_ascii=False, indent=2 if pretty else None, default=str)


async def _answer(
    general: Mapping[str, Any],
    parameters: Mapping[str, Any],
    schema: Mapping[str, Any] | None,
    here: Scope,
    run: Run,
) -> Any:
    """Run a step whose condition is true."""
    setting = here.setting
    if schema is not None:
        parameters = rendered(schema, filled(parameters, schema, setting.defaults), here.names())
    limit = general.get("timeout_seconds", setting.defaults.get("timeout_seconds"))
    work = run(str(general["type"]), parameters, here.given())
    try:
        value = await (work if limit is None else asyncio.wait_for(work, limit))
    except (asyncio.TimeoutError, TimeoutError):
        if limit is None:
            raise
        raise StepFailed(here.path, f"it took longer than {limit:g} s") from None
    wanted = general.get("output_schema")
    if wanted is not None:
        data = value.get("data", value) if isinstance(value, Mapping) else value
        found = faults(wanted, data)
        if found:
            raise StepFailed(here.path, f"its answer does not fit `output_schema`: {found[0]}")
    return value


def _listed(under: Any) -> Iterable[Any]:
    return under if isinstance(under, (list, tuple)) else (under,)
