"""Runs of steps that do nothing, beside what starts the same scripts and keeps no record of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import table
from generating import write_project
from measuring import Pairs, run_fresh
from table import Row

__all__ = ["runs"]

LOCAL_TARGET: Final = 1.3
DASK_TARGET: Final = 1.5
_WORK: Final = "name: Work\ndescription: Do nothing.\ninterface: {entry_point: work.py}\n"


def runs(folder: Path, steps: int, steps_on_dask: int, rounds: int) -> Iterator[Row]:
    """What a step costs beside its script: on this machine one after the other, and on Dask.

    Args:
        folder: where to write projects.
        steps: of the pipeline that is run here.
        steps_on_dask: of the one that is run on Dask.
        rounds: pairs of runs here; on Dask at most three.
    """
    for name, count, pairs in (("local", steps, rounds), ("dask", steps_on_dask, min(rounds, 3))):
        root = folder / f"runs-{name}"
        nodes = "".join(f"  - {{id: s{number}, step: Work}}\n" for number in range(count))
        write_project(
            root,
            {
                "stepwell.toml": '[components]\nsource = ["src"]\n',
                "registry.d/steps/work.yaml": _WORK,
                "registry.d/pipelines/many.yaml": f"name: Many\ndescription: Many steps.\nsteps:\n{nodes}",
                "src/scripts/work.py": "pass\n",
            },
        )
        script = str(Path(__file__).with_name("made_runs.py"))
        told = json.loads(run_fresh([sys.executable, script, name, str(root), str(pairs)]).output)
        took = Pairs(tuple(told["ours"]), tuple(told["theirs"]))
        if name == "local":
            beside = "`subprocess.run` of its script"
            cpu = Pairs(tuple(told["ours_cpu"]), tuple(told["theirs_cpu"]))
            yield table.within(f"a step of {count} on the local engine, wall", took, beside, LOCAL_TARGET)
            yield table.within(f"a step of {count} on the local engine, CPU", cpu, beside, LOCAL_TARGET)
        else:
            beside = "`dask.delayed` of the same"
            yield table.within(f"{count:,} no-op steps on Dask, wall", took, beside, DASK_TARGET)
