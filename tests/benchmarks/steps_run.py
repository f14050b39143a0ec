"""Times running steps in a separate process; prints JSON, in seconds.

``steps_run.py PROJECT TYPES``
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import stepwell
from stepwell.live.registry import Registry
from stepwell.run.steps import Executor

__all__ = ["write_types"]

CODE = """\
def plain(parameters, context):
    return 1


async def coroutine(parameters, context):
    return 1
"""
TYPE = """\
name: type_{number}
description: Return one.
implementation: src/steps.py:{what}
parameters:
  type: object
  properties:
    text: {{type: string}}
  additionalProperties: false
"""
ROUNDS, CALLS, AT_ONCE = 30, 500, 1_000


def write_types(root: Path, count: int) -> None:
    """Write a project of step types, plain functions and coroutines by turns."""
    (root / "src").mkdir(parents=True)
    (root / "src" / "steps.py").write_text(CODE, encoding="utf-8")
    (root / "stepwell.toml").touch()
    for number in range(count):
        file = root / "registry.d" / "steps" / str(number // 500) / f"type_{number}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        what = "coroutine" if number % 2 else "plain"
        file.write_text(TYPE.format(number=number, what=what), encoding="utf-8")


def main() -> int:
    """Measure everything and print it."""
    root, types = Path(sys.argv[1]).resolve(), int(sys.argv[2])
    registry = stepwell.open(root)
    if len(registry.view(None)) != types:
        raise RuntimeError(f"{len(registry.view(None))} step types were read instead of {types}")
    with Executor(registry, telemetry=False) as executor:
        took = {**_looked_up(executor, types), **_called(executor), **asyncio.run(_awaited(executor))}
    took["register"] = _registered(registry)
    sys.stdout.write(json.dumps(took))
    return 0


def _looked_up(executor: Executor, types: int) -> dict[str, float]:
    """From a name to what runs it: the first time, and when it is ready."""
    generation = executor._generation()  # what every run does first
    generation.step(None, "type_0")  # the file of all implementations is imported once
    cold = [_once(lambda at=at: generation.step(None, f"type_{at}")) for at in range(1, min(types, 200))]
    return {
        "cold": statistics.median(cold),
        "warm": _each(lambda: generation.step(None, "type_0"), 20_000),
    }


def _called(executor: Executor) -> dict[str, float]:
    run = statistics.median(_each(lambda: executor.run("type_0", {}), CALLS) for _ in range(ROUNDS))
    bare = statistics.median(_each(lambda: _plain({}, None), CALLS) for _ in range(ROUNDS))
    return {"run": run, "bare": bare}


async def _awaited(executor: Executor) -> dict[str, float]:
    async def run() -> None:
        await executor.arun("type_1", {})

    async def bare() -> None:
        await _coroutine({}, None)

    together = [await _timed(lambda: executor.arun_many([("type_1", {})] * AT_ONCE, at_once=AT_ONCE))]
    return {
        "arun": statistics.median([await _each_awaited(run) for _ in range(ROUNDS)]),
        "awaited": statistics.median([await _each_awaited(bare) for _ in range(ROUNDS)]),
        "together": statistics.median(together),
    }


def _registered(registry: Registry) -> float:
    took: list[float] = []
    for number in range(100):
        began = time.perf_counter()
        registration = registry.register(f"registered_{number}", _plain)
        took.append(time.perf_counter() - began)
        registration.remove()
    return statistics.median(took)


def _plain(_: object, __: object) -> int:
    return 1


async def _coroutine(_: object, __: object) -> int:
    return 1


def _once(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _each(call: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - began) / times


async def _each_awaited(call: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    for _ in range(CALLS):
        await call()
    return (time.perf_counter() - began) / CALLS


async def _timed(call: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await call()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
