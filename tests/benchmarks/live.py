"""Save to visible: how long after an edit is saved a reader sees it, with 10,000 steps and 100 workspaces.

``python tests/benchmarks/live.py`` prints what it measures; the debounce is part of it.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import stepwell

STEPS, WORKSPACES, EDITS = 10_000, 100, 300
PATIENCE = 10.0


def write_project(root: Path) -> None:
    (root / "stepwell.toml").write_text("")
    for number in range(STEPS):
        write(core_file(root, number), f"MadeStep{number:05}", 100)
    for number in range(WORKSPACES):
        folder = root / f"workspaces/dev{number:03}"
        write(folder / f"local/steps/own_step{number:03}.yaml", f"OwnStep{number:03}", 100)
        file = folder / f"override/steps/made_step{number:05}.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(f"name: MadeStep{number:05}\nenvironment_tags: [gpu]\n")


def core_file(root: Path, number: int) -> Path:
    return root / f"registry.d/steps/group{number % 50:02}/made_step{number:05}.yaml"


def write(file: Path, name: str, priority: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        f"name: {name}\nsagemaker_step_type: Processing\n"
        f"description: A step that was made.\npriority: {priority}\n"
    )


def measure(root: Path) -> dict[str, float]:
    """Milliseconds of each figure."""
    write_project(root)
    began = time.perf_counter()
    registry = stepwell.open(root)
    whole = [time.perf_counter() - began]
    for _ in range(2):
        began = time.perf_counter()
        registry.reload()
        whole.append(time.perf_counter() - began)
    took: list[float] = []
    work: list[float] = []
    registry.subscribe(lambda event: work.append(event.seconds))
    with registry.watch():
        while not registry.watching.bursts:
            time.sleep(0.01)
        for edit in range(EDITS):
            in_core = edit % 2 == 0
            number = edit * 7 % (STEPS if in_core else WORKSPACES)
            name = f"MadeStep{number:05}" if in_core else f"OwnStep{number:03}"
            own = root / f"workspaces/dev{number:03}/local/steps/own_step{number:03}.yaml"
            began = time.perf_counter()
            write(core_file(root, number) if in_core else own, name, edit)
            workspace = None if in_core else f"dev{number:03}"
            while registry.view(workspace)[name].priority != edit:
                if time.perf_counter() - began > PATIENCE:
                    sys.exit(f"edit {edit} was missed")
                time.sleep(0.001)
            took.append(time.perf_counter() - began)
    took.sort()
    load, one = statistics.median(whole), statistics.median(work)
    return {
        "full load": load * 1000,
        "save to visible, p50": took[len(took) // 2] * 1000,
        "save to visible, p99": took[len(took) * 99 // 100] * 1000,
        "save to visible, longest": took[-1] * 1000,
        "reload's own work, median": one * 1000,
        "full load over reload": load / one,
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for what, figure in measure(Path(folder).resolve()).items():
            sys.stdout.write(f"{what:28} {figure:10.1f}\n")
