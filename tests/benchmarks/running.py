"""What is measured of steps that run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import table
from measuring import run_fresh
from steps_run import AT_ONCE, write_types
from table import Row

if TYPE_CHECKING:
    from sections import Plan

__all__ = ["running"]


def running(plan: Plan, folder: Path) -> Iterator[Row]:
    """Step types found, registered and run; the times of runs are beside those of bare calls, taken off."""
    root = folder / "run"
    write_types(root, plan.types)
    script = str(Path(__file__).with_name("steps_run.py"))
    answer = run_fresh([sys.executable, script, str(root), str(plan.types)])
    took: dict[str, Any] = json.loads(answer.output)
    label = f"of {plan.types:,}"
    yield table.limit(f"a step type {label}, found before", took["warm"], 0.000_001)
    yield table.limit(f"a step type {label}, found and loaded for the first time", took["cold"], 0.001)
    yield table.limit(
        f"`registry.register` of a step type beside {plan.types:,}, median", took["register"], 0.010
    )
    yield table.limit("`executor.run` of a function that does nothing", took["run"] - took["bare"], 0.000_050)
    yield table.limit(
        "`executor.arun` of a coroutine that does nothing", took["arun"] - took["awaited"], 0.000_100
    )
    yield table.limit(f"{AT_ONCE:,} coroutines at once, no thread each", took["together"])
