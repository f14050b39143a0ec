"""A run of a pipeline, and its scripts started by hand, by turns; the times of each as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import stepwell
from stepwell.run.pipelines import Options, RunDatabase, make_plan, run_plan
from stepwell.run.pipelines.engines import Dask, Engine, Local


def start(script: str) -> int:
    """Run a script as anybody would."""
    return subprocess.run([sys.executable, script], capture_output=True, check=True).returncode


def measure(name: str, root: str, rounds: int) -> dict[str, list[float]]:
    """The seconds of each way, on the clock and of the processor: of a step here, of a whole run on Dask."""
    registry = stepwell.open(root)
    plan = make_plan(registry, registry.pipeline("Many")).value
    script = next(iter(plan.steps.values())).script.path
    took: dict[str, list[float]] = {"ours": [], "theirs": [], "ours_cpu": [], "theirs_cpu": []}
    with ExitStack() as open_until_the_end:
        engine: Engine = Local(1)
        theirs: Callable[[], Any] = lambda: [start(script) for _ in plan.steps]  # noqa: E731
        if name == "dask":
            engine, theirs = on_dask(open_until_the_end, script, len(plan.steps))

        def ours() -> None:
            with RunDatabase(root) as record:
                if not run_plan(plan, record, engine, options=Options(cache=False)).state.is_good:
                    raise RuntimeError("a step failed")

        for way, call in [("ours", ours), ("theirs", theirs)] * rounds:
            began, spent = time.perf_counter(), sum(os.times()[:4])
            call()
            parts = len(plan.steps) if name == "local" else 1
            took[way].append((time.perf_counter() - began) / parts)
            took[f"{way}_cpu"].append((sum(os.times()[:4]) - spent) / parts)
    return took


def on_dask(closing: ExitStack, script: str, count: int) -> tuple[Engine, Callable[[], Any]]:
    """The engine and the other way on one cluster of two workers."""
    import dask
    import distributed

    closing.enter_context(dask.config.set({"temporary-directory": f"{script}.scratch"}))
    cluster = closing.enter_context(
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=":0",
            memory_limit=0,
            silence_logs=50,
        )
    )
    closing.enter_context(distributed.Client(cluster))
    return Dask(cluster.scheduler_address), lambda: dask.compute(
        *(dask.delayed(start, pure=False)(script) for _ in range(count))
    )


if __name__ == "__main__":
    json.dump(measure(sys.argv[1], sys.argv[2], int(sys.argv[3])), sys.stdout)
