"""Contract test for step types: everything that the executor relies on."""

from __future__ import annotations

import asyncio
import copy
import inspect
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any, Final

from stepwell.model import StepDefinition
from stepwell.model.provider_protocol import Provider
from stepwell.model.step_type import RunContext, faults_of, is_async, runner_of
from stepwell.source.foreign_code import Contained

__all__ = ["check_step_type"]

_AT_ONCE: Final = 8
_PATIENCE: Final = 30.0
"""Time limit in seconds for answers and cancellation."""


def check_step_type(
    implementation: Any,
    parameters: Mapping[str, Any] | None = None,
    *,
    provider: Provider | None = None,
    values: Mapping[str, Any] | None = None,
    folder: str | None = None,
) -> None:
    """Check an implementation against the contract of step types.

    It runs with the parameters several times, sequentially and concurrently, and is cancelled. It must accept
    the parameters, not modify them, and stop when cancelled.

    Args:
       implementation: a function, a class or an object with ``execute``.
       parameters: valid parameters; default: none.
       provider: provider to use if it requires one.
       folder: absolute path of a folder that it may read and write.

    Raises:
       AssertionError: lists all violations.
    """
    faults = list(faults_of(implementation))
    if not faults:
        given = dict(parameters or {})
        context = RunContext(
            StepDefinition(MappingProxyType({"name": "Checked", "description": "A step that is checked."})),
            provider=provider,
            values=MappingProxyType(dict(values or {})),
            folder=folder,
        )
        faults = list(_faults(implementation, given, context))
    if faults:
        raise AssertionError("\n".join(["not a valid step type:", *(f"  {fault}" for fault in faults)]))


def _faults(implementation: Any, parameters: dict[str, Any], context: RunContext) -> Iterator[str]:
    with Contained(SystemExit) as outcome:
        runner, call = runner_of(implementation)
    if outcome.error is not None:
        yield f"it cannot be created: {_worded(outcome.error)}"
        return
    yield from _faults_of_answers(runner, parameters)
    before = copy.deepcopy(parameters)
    try:
        _once(call, parameters, context)
        if is_async(call):
            asyncio.run(_at_once(call, parameters, context))
            asyncio.run(_cancelled(call, parameters, context))
        else:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                list(pool.map(lambda _: _once(call, parameters, context), range(_AT_ONCE)))
    except _DoesNotEnd:
        yield "it ignores cancellation: do not catch `asyncio.CancelledError`"
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the step may raise anything
        yield f"it fails with valid parameters: {_worded(error)}"
    if parameters != before:
        yield "it modifies its parameters"


def _faults_of_answers(runner: Any, parameters: dict[str, Any]) -> Iterator[str]:
    validate, describe = getattr(runner, "validate", None), getattr(runner, "describe", None)
    if callable(validate):
        with Contained(SystemExit) as outcome:
            faults = validate(parameters)
        if outcome.error is not None:
            yield f"`validate` fails: {_worded(outcome.error)}"
        elif not isinstance(faults, (list, tuple)) or not all(isinstance(item, str) for item in faults):
            yield f"`validate` must return a list of texts, got {faults!r}"
        elif faults:
            yield f"`validate` rejects the parameters: {'; '.join(faults)}"
    if callable(describe):
        with Contained(SystemExit) as outcome:
            description = describe()
        if outcome.error is not None:
            yield f"`describe` fails: {_worded(outcome.error)}"
        elif not isinstance(description, str) or not description.strip() or "\n" in description:
            yield f"`describe` must return one line of text, got {description!r}"


def _once(call: Any, parameters: Mapping[str, Any], context: RunContext) -> Any:
    async def finished(awaitable: Any) -> Any:
        return await asyncio.wait_for(awaitable, _PATIENCE)

    value = call(parameters, context)
    return asyncio.run(finished(value)) if inspect.isawaitable(value) else value


async def _at_once(call: Any, parameters: Mapping[str, Any], context: RunContext) -> None:
    running = (call(parameters, context) for _ in range(_AT_ONCE))
    await asyncio.wait_for(asyncio.gather(*running), _PATIENCE)


async def _cancelled(call: Any, parameters: Mapping[str, Any], context: RunContext) -> None:
    task = asyncio.ensure_future(call(parameters, context))
    await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=_PATIENCE)
    if not done:
        raise _DoesNotEnd
    if not task.cancelled():
        task.exception()  # it may have finished


class _DoesNotEnd(Exception):
    """A step ignored its cancellation."""


def _worded(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")
