"""A table of the steps that lives while a run goes on, on stderr."""

from __future__ import annotations

import time
from typing import Any, Final, final

from stepwell.render.runs.text import seconds
from stepwell.run.pipelines import State
from stepwell.source.escape_control import visible

__all__ = ["Live"]

_MOST: Final = 12
"""Steps that are shown at once: those that are running, then those that ended last."""
_LOOKS: Final = {
    State.WAITING: "dim",
    State.RUNNING: "cyan",
    State.DONE: "green",
    State.CACHED: "green dim",
    State.FAILED: "red",
    State.SKIPPED: "yellow",
    State.CANCELLED: "yellow",
}


@final
class Live:
    """A context in which the steps of a run are shown; what it gives is told of every change.

    Args:
        nodes: the ids of the steps.
    """

    def __init__(self, nodes: tuple[str, ...]) -> None:
        self._states = dict.fromkeys(nodes, State.WAITING)
        self._faults: dict[str, str] = {}
        self._since: dict[str, float] = {}
        self._took: dict[str, float] = {}
        self._ended: list[str] = []
        self._began = time.monotonic()
        self._live: Any = None

    def __enter__(self) -> Live:
        from rich.console import Console
        from rich.live import Live as Shown

        self._live = Shown(
            get_renderable=self._table, console=Console(stderr=True), transient=True, refresh_per_second=8
        )
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, node: str, state: State, fault: str) -> None:
        """Show a change."""
        now = time.monotonic()
        if state is State.RUNNING:
            self._since[node] = now
        elif node in self._since:
            self._took[node] = now - self._since[node]
        if state is not State.RUNNING:
            self._ended.append(node)
        self._states[node] = state
        self._faults[node] = fault

    def _table(self) -> Any:
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        running = [one for one, state in self._states.items() if state is State.RUNNING]
        shown = running[:_MOST]
        shown += list(reversed(self._ended))[: _MOST - len(shown)]
        now = time.monotonic()
        for one in shown:
            state = self._states[one]
            took = now - self._since[one] if state is State.RUNNING else self._took.get(one)
            table.add_row(
                Text(visible(one)),
                Text(state.value, style=_LOOKS[state]),
                Text("" if took is None else seconds(took)),
                Text(visible(self._faults[one]), overflow="ellipsis", no_wrap=True),
            )
        counted = sum(state not in (State.WAITING, State.RUNNING) for state in self._states.values())
        table.add_row(
            Text(f"{counted} of {len(self._states)} steps, {seconds(now - self._began)}", style="bold")
        )
        return table
