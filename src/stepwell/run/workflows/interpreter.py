"""Interpreter: runs steps in order with conditions, defaults, expressions and timeouts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from stepwell.model.schema_errors import reasons
from stepwell.model.step_type import RunContext
from stepwell.model.validator import InvalidSchema
from stepwell.run.providers.registry import STRATEGY
from stepwell.run.workflows.annotations import filled, parted, rendered
from stepwell.run.workflows.expressions import BadExpression, as_text, holds, render
from stepwell.run.workflows.state import Run, Scope, StepFailed
from stepwell.run.workflows.workflow import PathEscape
from stepwell.source.document import thaw
from stepwell.source.errors import StepwellError

__all__ = ["applies", "fault_of", "faults", "nested", "run_step", "run_steps", "text_of"]

_NOTHING: Final[Mapping[str, Any]] = {}


async def run_steps(steps: Iterable[Mapping[str, Any]], flow: Scope, run: Run) -> None:
    """Run steps in order and store the answers in the scope.

    Raises:
        StepFailed: a step without ``continue_on_error`` failed.
    """
    for step in steps:
        await run_step(step, flow, run)


async def run_step(step: Mapping[str, Any], flow: Scope, run: Run) -> None:
    """Run one step.

    Raises:
        StepFailed: the step failed and does not set ``continue_on_error``.
    """
    name, kind = str(step["name"]), str(step["type"])
    setting, here = flow.setting, flow.at(name)
    schema = setting.describe(kind)
    general, parameters = parted(step, schema if schema is not None else _NOTHING)
    here.count()
    try:
        if not applies(general.get("condition", True), here.names()):
            setting.emit("skip", here.path, {"type": kind})
            return
        setting.emit("start", here.path, {"type": kind})
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
        setting.emit("end", here.path, {"type": kind, "answer": value})
        return
    setting.emit("fail", here.path, {"type": kind, "fault": failed.fault})
    if not general.get("continue_on_error", setting.defaults.get("continue_on_error", False)):
        raise failed
    flow.put(name, {"success": False, "error": failed.fault, "text": ""})


def nested(context: RunContext) -> Run:
    """Return a function that runs a nested step, for ``run_steps`` in a loop."""

    async def run(kind: str, parameters: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
        flow = Scope.of(values)
        if context.run is None:
            raise StepFailed(flow.path, "nested steps are not supported here")
        result = await context.run(kind, parameters, values)
        if not result.ok:
            raise StepFailed(flow.path, fault_of(result.error))
        return result.value

    return run


def fault_of(error: BaseException | None) -> str:
    """Return the message of an error, preferring the message of its cause."""
    cause = error.__cause__ if error is not None else None
    if isinstance(cause, StepFailed):
        return cause.fault
    if isinstance(cause, StepwellError):
        return str(cause)
    return str(getattr(error, "message", error))


def faults(schema: Mapping[str, Any], data: Any) -> tuple[str, ...]:
    """Return every mismatch between data and a schema, one line each.

    Args:
        data: plain data, read-only or not.
    """
    try:
        return reasons(schema, "the result", data)
    except InvalidSchema as error:
        return (f"invalid schema: {error}",)


def applies(condition: Any, names: Mapping[str, Any]) -> bool:
    """Return whether a condition is true.

    Args:
        condition: expression, boolean, or ``and``, ``or`` and ``not`` over conditions.

    Raises:
        BadExpression: an expression is invalid.
    """
    if isinstance(condition, str):
        return holds(condition, names)
    if isinstance(condition, Mapping):
        return all(
            all(applies(item, names) for item in _listed(under))
            if word == "and"
            else any(applies(item, names) for item in _listed(under))
            if word == "or"
            else not applies(under, names)
            for word, under in condition.items()
        )
    return bool(condition)


def text_of(answer: Any, *, pretty: bool = False) -> str:
    """Return an answer as text: its ``text``, or else its ``data`` or the whole answer as JSON.

    Args:
        pretty: whether to indent JSON.
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
    strategy = general.get("provider_strategy", setting.defaults.get("provider_strategy"))
    outer = STRATEGY.set(strategy or STRATEGY.get())  # nested steps inherit it
    work = run(str(general["type"]), parameters, here.given())
    try:
        value = await (work if limit is None else asyncio.wait_for(work, limit))
    except (asyncio.TimeoutError, TimeoutError):
        if limit is None:
            raise
        raise StepFailed(here.path, f"timed out after {limit:g} s") from None
    finally:
        STRATEGY.reset(outer)
    wanted = general.get("output_schema")
    if wanted is not None:
        data = value.get("data", value) if isinstance(value, Mapping) else value
        problems = faults(wanted, data)
        if problems:
            raise StepFailed(here.path, f"the answer does not match `output_schema`: {problems[0]}")
    return value


def _listed(under: Any) -> Iterable[Any]:
    return under if isinstance(under, (list, tuple)) else (under,)
