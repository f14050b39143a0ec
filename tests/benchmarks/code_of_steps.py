"""Times finding and loading a step's code in a separate process; prints JSON, in seconds.

``code_of_steps.py PROJECT SOURCES ROUNDS``; the sources are edited, so they must be ones that nothing else
measures afterwards.
"""

from __future__ import annotations

import ast
import gc
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import stepwell
from stepwell.code.alignment import align, every_finding
from stepwell.source.python import index_sources

__all__ = ["write_steps"]

STEP = """\
name: {name}
sagemaker_step_type: Processing
description: Count the rows of a table.
interface:
  entry_point: {stem}.py
  inputs:
    rows: {{path: /opt/ml/processing/input/rows, type: processing_output, required: false}}
  outputs:
    counts: {{path: /opt/ml/processing/output/counts, type: processing_output}}
  arguments:
    job_type: {{flag: --job_type}}
  env:
    required: [LABEL]
    optional: {{LIMIT: "20"}}
"""
SCRIPT = '''\
"""Counts the rows of a table."""

import argparse
import csv
import os
from pathlib import Path

ROWS = Path("/opt/ml/processing/input/rows")
COUNTS = Path("/opt/ml/processing/output/counts")


def count(path: Path, label: str, limit: int) -> dict[str, int]:
    """Count each value of a column of a table."""
    found: dict[str, int] = {}
    with path.open(newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            if number >= limit:
                break
            value = row.get(label) or "none"
            found[value] = found.get(value, 0) + 1
    return found


def main() -> None:
    """Read the arguments and the environment, count, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--job_type", default="training")
    asked = parser.parse_args()
    label, limit = os.environ["LABEL"], int(os.environ.get("LIMIT", "20"))
    totals: dict[str, int] = {}
    for path in sorted(ROWS.glob("*.csv")):
        for value, times in count(path, label, limit).items():
            totals[value] = totals.get(value, 0) + times
    COUNTS.mkdir(parents=True, exist_ok=True)
    with (COUNTS / f"{asked.job_type}.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["value", "count"])
        writer.writerows(sorted(totals.items()))


if __name__ == "__main__":
    main()
'''
BUILDER = '''\
"""Builds {name}."""

from dataclasses import dataclass


@dataclass
class {name}Config:
    """Parameters of a run of {name}."""

    label: str
    limit: int = 20
    region: str = "eu"
    instances: int = 1


class {name}StepBuilder:
    """Makes the step from its configuration."""

    def __init__(self, config: {name}Config) -> None:
        self.config = config

    def environment(self) -> dict[str, str]:
        """The variables of the container."""
        return {{"LABEL": self.config.label, "LIMIT": str(self.config.limit)}}

    def build(self) -> dict[str, object]:
        """The step, as plain data."""
        name = f"{name}-{{self.config.region}}"
        return {{"name": name, "count": self.config.instances, "environment": self.environment()}}
'''


def write_steps(root: Path, count: int) -> None:
    """Write a project of steps, each with an interface, a script, a builder and a configuration class."""
    (root / "registry.d" / "steps").mkdir(parents=True)
    (root / "stepwell.toml").write_text('[references]\nsource = ["src"]\n', encoding="utf-8")
    for folder in ("scripts", "builders"):
        (root / "src" / folder).mkdir(parents=True)
    for number in range(count):
        name, stem = f"Counting{number}", f"counting{number}"
        said = {
            f"registry.d/steps/{stem}.yaml": STEP.format(name=name, stem=stem),
            f"src/scripts/{stem}.py": SCRIPT,
            f"src/builders/builder_{stem}.py": BUILDER.format(name=name),
        }
        for path, text in said.items():
            (root / path).write_text(text, encoding="utf-8")


def main() -> int:
    """Measure everything and print it."""
    root, sources, rounds = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), int(sys.argv[3])
    gc.disable()  # what is kept alive beside them would slow all parsing down
    took = _one_file_changed(sources, rounds)
    registry = stepwell.open(root)
    view = registry.view()
    names = list(view)
    parsed = sorted((root / "src").rglob("*.py"))
    index = registry.code.index()
    missing = [name for name in names for kind in KINDS if view.components(name)[kind].place is None]
    if missing:
        raise RuntimeError(f"the code of {missing[:3]} was not found")
    view.load(names[0], "builder")
    took["components"] = _each(lambda: view.components(names[0]))
    took["load"] = _each(lambda: view.load(names[0], "builder"))
    aligned: list[float] = []
    plain: list[float] = []
    for _ in range(rounds):
        aligned.append(_once(lambda: _align(registry, index)))
        plain.append(_once(lambda: [ast.parse(path.read_bytes()) for path in parsed]))
    return _print({**took, "aligned": aligned, "plain": plain})


KINDS = ("builder", "config", "script")


def _align(registry: stepwell.Registry, index: object) -> None:
    found = align(registry.project, registry.snapshot, index, [registry.view()])
    told = every_finding(registry.project, found, judge_ignores=True)
    if len(found) != len(registry.view()) or told:
        raise RuntimeError(f"{len(found)} steps were aligned, with {[one.message for one in told[:3]]}")


def _one_file_changed(sources: Path, rounds: int) -> dict[str, list[float]]:
    index = index_sources(str(sources), ["sources"])
    paths = [sources / path for path in index.files]
    changed: list[float] = []
    whole: list[float] = []
    for number in range(rounds):
        edited = paths[number]
        text = edited.read_text(encoding="utf-8")
        edited.write_text(f"{text}\n\nclass Added{number}: ...\n", encoding="utf-8")
        path = edited.relative_to(sources).as_posix()
        began = time.process_time()
        index = index.refresh([path])
        changed.append(time.process_time() - began)
        if f"Added{number}" not in index.classes:
            raise RuntimeError(f"the edit of {path} was not seen")
        whole.append(_once(lambda: [ast.parse(one.read_bytes()) for one in paths]))
    return {"changed": changed, "whole": whole}


def _once(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def _each(call: Callable[[], object]) -> float:
    """Seconds of one of many calls."""
    times = 20_000
    began = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began) / times


def _print(took: Mapping[str, object]) -> int:
    sys.stdout.write(json.dumps(took))
    return 0


if __name__ == "__main__":
    sys.exit(main())
