"""Runs as text."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final, final

from stepwell.frontends.render.columns import aligned
from stepwell.run.pipelines import RunRecord, StepRecord, StepState
from stepwell.run.pipelines.run_record import StepDifference, developers_of
from stepwell.run.pipelines.selection import Trial
from stepwell.run.pipelines.worker import LOG
from stepwell.source.escape_control import visible
from stepwell.source.wording import counted

__all__ = [
    "LiveRun",
    "comparison_lines",
    "log_of",
    "run_lines",
    "seconds",
    "swap_lines",
]


def run_lines(run: RunRecord, root: str) -> Iterator[str]:
    """Yield a line per step, details of failed steps, and a summary."""
    rows = [
        (
            visible(step.node),
            step.state.value,
            seconds(step.seconds) if step.seconds else "",
            visible(step.fault),
        )
        for step in run.steps
    ]
    for line, run_step in zip(aligned(rows), run.steps, strict=True):
        yield line
        if run_step.state is StepState.FAILED:
            yield from _more(run, run_step, root)
    yield ""
    states = [
        f"{count} {state.value}"
        for state in StepState
        if (count := sum(step.state is state for step in run.steps))
    ]
    took = "" if run.ended is None else f" in {seconds(run.seconds)}"
    yield f"Run {run.id} of {run.pipeline} on {run.engine}: {', '.join(states) or 'no steps'}{took}."
    developers = developers_of(run)
    if len(developers) > 1:
        for developer in developers:
            went = f"{counted(developer.steps, 'step')}, {developer.done} done, {developer.failed} failed"
            yield f"  {visible(developer.name) or 'core'}: {went}, {seconds(developer.seconds)}"


def comparison_lines(
    before: RunRecord, after: RunRecord, differences: Iterable[StepDifference]
) -> Iterator[str]:
    """Yield the differences between two runs."""
    every = list(differences)
    rows = []
    for item in every:
        states = [side.state.value if side is not None else "-" for side in (item.before, item.after)]
        took = [
            seconds(side.seconds) if side is not None and side.seconds else "-"
            for side in (item.before, item.after)
        ]
        gave = f"different {', '.join(item.outputs)}" if item.outputs else ""
        word = "same" if item.is_same else "differs"
        text = "; ".join(part for part in (gave, item.why if not item.is_same else "") if part)
        rows.append((visible(item.node), word, " → ".join(states), " → ".join(took), visible(text)))
    yield from aligned(rows)
    for name in sorted({*before.parameters, *after.parameters}):
        values = [_value(item.parameters.get(name)) for item in (before, after)]
        if values[0] != values[1]:
            yield visible(f"{name}: {' → '.join(values)}")
    yield ""
    same = sum(item.is_same for item in every)
    yield f"{same} of {len(every)} steps are the same in {before.id} and {after.id}."


def _value(value: object) -> str:
    if value is None:
        return "(none)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def swap_lines(tried: Iterable[Trial]) -> Iterator[str]:
    """Yield whether a pipeline works with steps of other workspaces."""
    rows = []
    for item in tried:
        fault = item.fault or ""
        if item.failed and item.failed != item.step:
            fault = f"{item.failed}: {fault}"
        counts = f"{item.ran} ran, {item.cached} cached" if item.run is not None else ""
        rows.append((visible(item.step), visible(item.workspace), item.state, counts, visible(fault)))
    yield from aligned(rows)


def log_of(run: RunRecord, step: StepRecord) -> str:
    """Return the log path of a step's last attempt; empty if there is none."""
    for attempt in reversed(step.attempts):
        path = os.path.join(run.folder, attempt.folder, LOG) if attempt.folder else ""
        if path and os.path.exists(path):
            return path
    return ""


def seconds(count: float) -> str:
    """Format a duration."""
    if count < 60:
        return f"{count:.2f} s"
    minutes, rest = divmod(round(count), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def _more(run: RunRecord, step: StepRecord, root: str) -> Iterator[str]:
    if step.help:
        yield f"  {visible(step.help)}"
    log = log_of(run, step)
    if log:
        yield f"  log: {visible(os.path.relpath(log, root))}"


_MOST: Final = 12
"""Maximum number of visible steps: running steps first, then the latest finished ones."""
_LOOKS: Final = {
    StepState.WAITING: "dim",
    StepState.RUNNING: "cyan",
    StepState.DONE: "green",
    StepState.CACHED: "green dim",
    StepState.FAILED: "red",
    StepState.SKIPPED: "yellow",
    StepState.CANCELLED: "yellow",
}


@final
class LiveRun:
    """Context manager that shows the steps of a run; its value is the progress callback."""

    def __init__(self, nodes: tuple[str, ...]) -> None:
        self._states = dict.fromkeys(nodes, StepState.WAITING)
        self._faults: dict[str, str] = {}
        self._since: dict[str, float] = {}
        self._took: dict[str, float] = {}
        self._ended: list[str] = []
        self._began = time.monotonic()
        self._live: Any = None

    def __enter__(self) -> LiveRun:
        from rich.console import Console
        from rich.live import Live as Shown

        self._live = Shown(
            get_renderable=self._table, console=Console(stderr=True), transient=True, refresh_per_second=8
        )
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, node: str, state: StepState, fault: str) -> None:
        """Update a step."""
        now = time.monotonic()
        if state is StepState.RUNNING:
            self._since[node] = now
        elif node in self._since:
            self._took[node] = now - self._since[node]
        if state is not StepState.RUNNING:
            self._ended.append(node)
        self._states[node] = state
        self._faults[node] = fault

    def _table(self) -> Any:
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        running = [key for key, state in self._states.items() if state is StepState.RUNNING]
        shown = running[:_MOST]
        shown += list(reversed(self._ended))[: _MOST - len(shown)]
        now = time.monotonic()
        for item in shown:
            state = self._states[item]
            took = now - self._since[item] if state is StepState.RUNNING else self._took.get(item)
            table.add_row(
                Text(visible(item)),
                Text(state.value, style=_LOOKS[state]),
                Text("" if took is None else seconds(took)),
                Text(visible(self._faults[item]), overflow="ellipsis", no_wrap=True),
            )
        counted = sum(state not in (StepState.WAITING, StepState.RUNNING) for state in self._states.values())
        table.add_row(
            Text(f"{counted} of {len(self._states)} steps, {seconds(now - self._began)}", style="bold")
        )
        return table
