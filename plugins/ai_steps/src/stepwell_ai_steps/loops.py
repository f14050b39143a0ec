"""``for_loop`` and ``while_loop``: bounded loops over nested steps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from stepwell import RunContext, StepwellError
from stepwell.run.workflows import Scope, StepFailed, applies, data_from, nested, run_steps

__all__ = ["for_each", "repeat"]

_MOST_ITEMS = 10_000
_MOST_TURNS = 100


async def for_each(parameters: Mapping[str, Any], context: RunContext) -> Any:
    """Run the steps for each item, sequentially or concurrently."""
    flow = Scope.of(context.values)
    items = data_from(parameters["data_source"], flow)
    if not isinstance(items, list):
        raise StepFailed(flow.path, f"`data_source` must be a list, got {type(items).__name__}")
    most = parameters.get("max_iterations", _MOST_ITEMS)
    if len(items) > most:
        raise StepFailed(flow.path, f"`data_source` must have at most {most} items, got {len(items)}")
    inner = [
        flow.inner(f"[{index}]", _loop(parameters["iterator"], item, index, len(items)))
        for index, item in enumerate(items)
    ]
    breaks = parameters.get("break_on_error", True)
    gate = asyncio.Semaphore(parameters.get("max_parallel", 5) if parameters.get("parallel") else 1)
    stop = asyncio.Event()

    async def turn(index: int) -> dict[str, Any]:
        async with gate:
            if stop.is_set():
                return {
                    "index": index,
                    "item": items[index],
                    "success": False,
                    "error": "skipped: an earlier item failed",
                }
            try:
                await run_steps(parameters["steps"], inner[index], nested(context))
            except StepwellError as error:
                if breaks:
                    stop.set()
                return {"index": index, "item": items[index], "success": False, "error": str(error)}
            return {"index": index, "item": items[index], "success": True, "results": inner[index].own}

    done = (
        await _all([turn(index) for index in range(len(items))])
        if parameters.get("parallel")
        else [await turn(index) for index in range(len(items))]
    )
    for scope in inner:
        flow.absorb(scope)
    failed = [result for result in done if not result["success"]]
    if failed and breaks:
        raise StepFailed(flow.path, f"item {failed[0]['index']} failed: {failed[0]['error']}")
    return {
        "iterations": done,
        "total_items": len(items),
        "completed_items": len(items) - len(failed),
        "success": not failed,
    }


async def repeat(parameters: Mapping[str, Any], context: RunContext) -> Any:
    """Run the steps while the condition is true, up to a maximum of iterations and time."""
    flow = Scope.of(context.values)
    most = parameters.get("max_iterations", _MOST_TURNS)
    limit = parameters.get("timeout_seconds")
    ends = None if limit is None else time.monotonic() + limit
    turns = 0
    while applies(parameters["condition"], flow.names()):
        if turns >= most:
            return {"iterations": turns, "success": False, "max_iterations_reached": True}
        if ends is not None and time.monotonic() >= ends:
            raise StepFailed(flow.path, f"timed out after {limit:g} s")
        inner = flow.inner(f"[{turns}]", {"iteration": turns, "index": turns, "count": turns})
        await run_steps(parameters["steps"], inner, nested(context))
        flow.absorb(inner)
        turns += 1
    return {"iterations": turns, "success": True, "max_iterations_reached": False}


def _loop(name: str, item: Any, index: int, total: int) -> dict[str, Any]:
    first, last = index == 0, index == total - 1
    return {
        "item": item,
        "index": index,
        "total": total,
        "first": first,
        "last": last,
        "is_first": first,
        "is_last": last,
        name: item,
    }


async def _all(turns: list[Any]) -> list[dict[str, Any]]:
    running = [asyncio.ensure_future(turn) for turn in turns]
    try:
        return list(await asyncio.gather(*running))
    finally:
        for left in running:
            left.cancel()
