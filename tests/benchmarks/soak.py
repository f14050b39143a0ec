"""Edits a watched project for minutes: ``soak.py PROJECT SECONDS`` prints JSON about the process.

Memory, descriptors and threads must not grow, no edit may be missed, and an idle watch must use no CPU.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Final

import stepwell
from stepwell.live.registry import Registry

EDITS_A_SECOND: Final = 20
PATIENCE: Final = 10.0
IDLE: Final = 5.0
"""Most seconds without edits in which CPU time is measured."""


def main() -> int:
    root, seconds = Path(sys.argv[1]).resolve(), float(sys.argv[2])
    registry = stepwell.open(root)
    paths = {name: root / step.sources[0].document.path for name, step in list(registry.view().items())[:100]}
    texts = {name: path.read_text(encoding="utf-8").partition("x-soak:")[0] for name, path in paths.items()}
    names = list(paths)
    edits = int(seconds * EDITS_A_SECOND)
    events = 0

    def count(_: object) -> None:
        nonlocal events
        events += 1

    registry.subscribe(count)
    with registry.watch():
        while not registry.watching.bursts:
            time.sleep(0.01)
        states = []
        began = time.perf_counter()
        for edit in range(edits):
            name = names[edit % len(names)]
            paths[name].write_text(f"{texts[name]}x-soak: {edit}\n", encoding="utf-8")
            if edit in (edits // 4, edits // 2):  # after caches are filled
                states.append(_state())
            time.sleep(max(0.0, began + (edit + 1) / EDITS_A_SECOND - time.perf_counter()))
        took = time.perf_counter() - began
        missed = _missed(registry, {names[edit % len(names)]: edit for edit in range(edits)})
        states.append(_state())
        pause, before = min(IDLE, seconds), time.process_time()
        time.sleep(pause)
        idle = (time.process_time() - before) / pause
    sys.stdout.write(
        json.dumps(
            {
                "rate": edits / took,
                "events": events,
                "missed": missed,
                "idle": idle,
                "memory": [state[0] for state in states],
                "descriptors": [state[1] for state in states],
                "threads": [state[2] for state in states],
            }
        )
    )
    return 0


def _missed(registry: Registry, last: dict[str, int]) -> int:
    """Wait for the last edit of each step; return the number of steps without it."""
    deadline = time.perf_counter() + PATIENCE
    while time.perf_counter() < deadline:
        view = registry.view()
        missed = sum(view[name].extensions.get("x-soak") != edit for name, edit in last.items())
        if not missed:
            break
        time.sleep(0.05)
    return missed


def _state() -> tuple[int, int, int]:
    """Return resident memory in bytes, open descriptors and threads."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir("/proc/self/fd")), threading.active_count()


if __name__ == "__main__":
    sys.exit(main())
