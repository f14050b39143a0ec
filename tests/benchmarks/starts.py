"""Starts of commands: cold, from the cache of the last load, and after edits."""

from __future__ import annotations

import marshal
import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

import table
from chart import Chart
from generating import Size, flat_step, generate
from measuring import Measured, Pairs, interleaved, paired, probe, run_fresh
from table import Row

__all__ = ["curves", "starts"]

SEED: Final = 20_242
COMMAND: Final = str(Path(sys.executable).with_name("stepwell"))
NOTHING: Final = (sys.executable, "-c", "pass")
REPOSITORY: Final = Path(__file__).resolve().parents[2]
STEP: Final = "XGBoostTraining"
COMPLETION: Final = {"_STEPWELL_COMPLETE": "bash_complete", "COMP_WORDS": "stepwell ch", "COMP_CWORD": "1"}
STEP_COMPLETION: Final = {**COMPLETION, "COMP_WORDS": f"stepwell show {STEP[:2]}", "COMP_CWORD": "2"}
SETTLED: Final = 0.1
"""Seconds after which the times of a file are trusted."""

FLOOR: Final = """\
import marshal, os, sys
from _blake2 import blake2b
with open(sys.argv[1], "rb") as file:
    content = file.read()
blake2b(content).digest()
for path, signature in marshal.loads(content):
    status = os.stat(path)
    if (status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns) != signature:
        sys.exit(1)
"""


def starts(rounds: int, sizes: Sequence[int], workspaces: Size, folder: Path) -> Iterator[Row]:
    """What starts cost.

    Args:
        rounds: pairs of each measurement.
        sizes: core steps of a small and of a large project.
        workspaces: a project of which one workspace is shown.
    """
    yield from _of_the_repository(rounds, folder / "cache")
    small, large = (_Project(folder / f"starts{size}", Size(size, folders=min(size, 120))) for size in sizes)
    yield table.limit(f"warm `check` of {small.files}, CPU", small.warm_cpu(rounds), 0.110)
    yield from large.rows(rounds)
    many, single = (
        _Project(folder / f"shown{count}", replace(workspaces, workspaces=count))
        for count in (workspaces.workspaces, 1)
    )
    pairs = interleaved(rounds, many.show, single.show)
    label = f"warm `show` of a step in one of {workspaces.workspaces:,} workspaces"
    yield table.within(label, paired(pairs, _cpu), "the same with one workspace")


def curves(
    rounds: int, steps: Sequence[int], workspaces: Sequence[int], size: Size, folder: Path
) -> tuple[Chart, Chart]:
    """Return what a check costs by size: core steps alone, and workspaces over a core.

    Args:
        rounds: processes of each measurement, of which the median counts.
        size: the core below the workspaces, and the files of each.
    """
    charts = Chart("core steps", {}), Chart(f"workspaces over {size.steps:,} core steps", {})
    sizes = [(charts[0], number, Size(number, folders=min(number, 120))) for number in steps]
    sizes += [(charts[1], number, replace(size, workspaces=number)) for number in workspaces]
    for at, (chart, number, each) in enumerate(sizes):
        root = folder / f"curve{at}"
        for name, seconds in _Project(root, each).costs(rounds, most=20_000):
            chart.series.setdefault(name, []).append((number, seconds))
        shutil.rmtree(root)
    return charts


def _of_the_repository(rounds: int, cache: Path) -> Iterator[Row]:
    variables = {"STEPWELL_CACHE_DIR": str(cache), "XDG_STATE_HOME": str(cache / "state")}
    warm = partial(run_fresh, cwd=REPOSITORY, variables=variables)
    for label, arguments, target, more in (
        ("`stepwell --version`", ["--version"], 2.5, {}),
        ("`stepwell --help`", ["--help"], 5, {}),
        ("completion of a command", [], 5, COMPLETION),
        ("completion of a step", [], 5.5, STEP_COMPLETION),
        ("warm `check` of this repository", ["check"], 8, {}),
        ("warm `list`", ["list"], 8, {}),
        ("warm `show`", ["show", STEP], 8, {}),
        ("warm `explain` of a field", ["explain", f"{STEP}.config_class"], 8, {}),
        ("warm `explain` of a step", ["explain", STEP], 8, {}),
        ("cold `check` of this repository", ["check", "--no-cache"], 12, {}),
    ):
        run = partial(warm, [COMMAND, *arguments], variables={**variables, **more})
        run()
        time.sleep(SETTLED)
        run()
        pairs = interleaved(rounds, run, partial(run_fresh, NOTHING))
        yield table.within(f"{label}, CPU", paired(pairs, _cpu), "`python -c pass`", target)


class _Project:
    """A generated project whose definitions are flat, with its own cache."""

    def __init__(self, root: Path, size: Size) -> None:
        generate(root, size, SEED, flat_step)
        self._root = root
        self._paths = sorted(str(path) for path in root.rglob("*.yaml"))
        self._edits = count()
        self.files = f"{size.files:,} flat files"
        state = str(root.parent / "state")
        variables = {"STEPWELL_CACHE_DIR": str(root.parent / "caches"), "XDG_STATE_HOME": state}
        self._check = partial(run_fresh, [COMMAND, "check"], cwd=root, variables=variables)
        name = Path(self._paths[0]).read_text(encoding="utf-8").partition("name: ")[2].split("\n")[0]
        command = [COMMAND, "show", name, "--workspace", "dev000"]
        self.show = partial(run_fresh, command, cwd=root, variables=variables)
        self._check()
        time.sleep(SETTLED)
        self._check()

    def warm_cpu(self, rounds: int) -> float:
        """Return the CPU time of an unchanged project."""
        return Pairs(tuple(self._check().cpu for _ in range(rounds)), (1.0,) * rounds).middle[0]

    def costs(self, rounds: int, most: int) -> Iterator[tuple[str, float]]:
        """Yield the median CPU time of each way.

        Args:
            most: files up to which the naive way is measured.
        """
        cold = partial(run_fresh, [COMMAND, "check", "--no-cache"], cwd=self._root)
        floor = partial(run_fresh, [sys.executable, "-c", FLOOR, str(self._floor())])
        ways = {"cold check": cold, "warm check": self._check, "floor: stat and a snapshot": floor}
        if len(self._paths) <= most:
            ways = {"CSafeLoader + jsonschema": partial(_probe, "load_naive", self._root), **ways}
        for name, run in ways.items():
            yield name, statistics.median(run().cpu for _ in range(rounds))

    def rows(self, rounds: int) -> Iterator[Row]:
        naive = partial(_probe, "load_naive", self._root)
        floor = partial(run_fresh, [sys.executable, "-c", FLOOR, str(self._floor())])
        cold = partial(run_fresh, [COMMAND, "check", "--no-cache"], cwd=self._root)
        peer = "CSafeLoader + jsonschema"
        few = max(1, rounds // 3)
        pairs = interleaved(few, self._check, naive)
        yield table.faster(f"warm `check` of {self.files}, CPU", paired(pairs, _cpu), peer, 18)
        pairs = interleaved(rounds, self._check, floor)
        yield table.within("the same", paired(pairs, _cpu), "`stat` and a snapshot", 2)
        for label, edit, target in (
            ("one edit", self._edit, 1.1),
            ("edits of ten steps", lambda: [self._edit(at) for at in range(10)], None),
            ("one added step", self._add, None),
            (
                "one edit of a deprecated step",
                partial(self._edit, 20, "x-edit: 1\ndeprecated: {since: '1'}\nx-more"),
                None,
            ),
        ):
            pairs = interleaved(rounds, partial(self._after, edit), self._check)
            yield table.within(f"`check` after {label}", paired(pairs, _cpu), "warm `check`", target)
        pairs = interleaved(few, cold, naive)
        yield table.faster(f"cold `check` of {self.files}, CPU", paired(pairs, _cpu), peer, 6)

    def _floor(self) -> Path:
        """Write what the floor reads: each path with its signature."""
        path = self._root.parent / f"{self._root.name}.floor"
        found = [(name, os.stat(name)) for name in self._paths]
        path.write_bytes(
            marshal.dumps(
                [
                    (name, (status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns))
                    for name, status in found
                ]
            )
        )
        return path

    def _edit(self, at: int = 0, field: str = "x-edit") -> None:
        path = Path(self._paths[(len(self._paths) // 2 + at) % len(self._paths)])
        text = path.read_text(encoding="utf-8").partition("x-edit:")[0]
        path.write_text(f"{text}{field}: {next(self._edits)}\n", encoding="utf-8")

    def _add(self) -> None:
        number = next(self._edits)
        path = Path(self._paths[0]).with_name(f"added{number}.yaml")
        path.write_text(f"name: Added{number}\ndescription: Do it.\n", encoding="utf-8")

    def _after(self, edit: Callable[[], object]) -> Measured:
        """Check after edits, then again so that the next measurement is warm."""
        edit()
        time.sleep(SETTLED)
        measured = self._check()
        self._check()
        return measured


def _probe(name: str, root: Path) -> Measured:
    return probe(name, root)[0]


def _cpu(measured: Measured) -> float:
    return measured.cpu
