"""The page: the table, the machine, and how the figures were made."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from chart import Chart
from sections import Plan
from table import Row, as_time, line, table

__all__ = ["DRAWING", "page"]

DRAWING: Final = "images/benchmarks.svg"
"""File with the charts, beside the page."""

PACKAGES: Final = (
    "stepwell",
    "pyyaml",
    "jsonschema",
    "jsonschema-rs",
    "omegaconf",
    "dynaconf",
    "hydra-core",
    "check-jsonschema",
)

TEMPLATE: Final = """\
# Benchmarks

`make bench` measures everything on this page in one run, and writes the page.

{table}
{met}

## Cost by size

![CPU time of a check by size]({drawing})

{curves}
The floor starts Python, reads a list of all paths with their signatures and calls `stat` for each path.

The machine:

{machine}

## How to read it

- Figures are medians. A ratio is the median of the ratios of pairs: both ways run alternately, A B A B,
  after one warm-up run of each. The smallest and the largest ratio are in brackets. CPU is user and
  system time together; wall is elapsed time.
- **The project** is generated from a seed: {size.steps:,} core steps in {size.folders} folders, about 18
  lines each; {size.workspaces} workspaces, each with a `workspace.yaml`, {size.local} local files
  ({size.hiding} of them hide a core step) and {size.override} override files; {size.files:,} files in all.
  Every definition is flat. About 70 of 100 lines occur in several files, as in a team's registry: a
  comment for the editor, a step type, a framework, tags. Stepwell's reader caches such lines. Names,
  descriptions, classes, aliases and tickets are unique.
- **Cold load** is a fresh process from start to end with the files in the page cache; {plan.rounds} pairs.
  The naive way reads each file with `yaml.load(file, Loader=yaml.CSafeLoader)`, calls
  `jsonschema.Draft202012Validator(schema).is_valid`, with one validator for each schema, and stores the data
  by path. `stepwell.open` also runs every rule, keeps each text for positions, and builds all views.
  In every run both accept the same number of files. In a small project with an unknown field, a wrong
  type, a missing field and broken YAML both reject exactly these four files.
- **None of them flat**: {plan.nested.steps:,} core steps of the same kind that also contain a mapping
  (`deprecated`), so that libyaml reads every file for both.
- **check-jsonschema**: its command over {plan.checked} step files, and `stepwell check` in a project of the
  same files. The row exists if the package is installed.
- **One file**: {plan.sample:,} core files, each once, in a fresh process for each round. Imports, reading the
  bytes and creating the validator are not counted. Both validators receive the same plain data.
- **Views** are built from files that were read and checked before. Stepwell builds the core's tables, then
  merges, validates and checks each workspace. *Copying dicts* creates a `dict` of the core's rows and a copy
  of it for each workspace, sets its local rows, and `{{**row, **patch}}` for each override: it checks
  nothing, and its tables share their rows, so a caller that changes a row changes it in all of them.
  *Copying dicts and their rows* has separate rows for each workspace. The views are equal, which is checked
  for some. The garbage collector is disabled for all of them, as in a load.
- **OmegaConf** merges configurations that exist before. It is measured on {merged.steps} core steps
  and {merged.workspaces} workspaces of {merged.local} local and {merged.override} override files, because on
  the large project it takes many seconds for each view. Stepwell's figure in that row is for the same small
  project. *Dynaconf* and *Hydra compose* (rows exist if they are installed) read one file of all core rows
  and two files for each workspace; Stepwell reads and checks a file for each definition.
- **Frozen module**: `python -I -S` with cached byte code, a fresh process for each import. *The
  statement* is the CPU time of `import step_names` alone, *the process* from start to end. The bare
  module contains only the same four tables as literals, one entry a line. *YAML read at import* is a module
  that reads the same tables with `CSafeLoader` when it is imported.
- **Starts**: each command in a fresh process. *Warm* starts from the cache of an earlier run on unchanged
  files, *cold* is `--no-cache`. The floor reads a list of {plan.started[1]:,} paths with their signatures,
  digests it and calls `stat` for each path. *After one edit* changes a value of one
  file, on which nothing depends; a deprecated step depends on the date, so all layers are applied again.
- **`view[name]`**: 1,000 names in random order in a loop, which is counted on both sides.
- **Views over the core**: copying dicts starts with an existing table of the core's rows, so the row with
  the target starts with the core's finished tables. The rows below it include the core's table.
- **Two revisions**: the core steps of the project alone, in a repository of two commits whose objects are
  packed. The second edits, adds, removes and renames files. The command reads both revisions from git's
  objects, in a separate process, and writes the comparison as JSON; *one load* opens the folder in a
  separate process.
- **Index of Python files**: {plan.sources:,} generated files of about 200 lines, a fresh process each.
  *Nothing kept* lists, reads and parses every file, collects classes, names and imports, and writes the
  index. *Nothing changed* is the next process, which reads it. `ast.parse` reads and parses each file and
  stores nothing.
- **One changed**: a line is added to one file, and the index is updated; the peer parses each file in the
  same process.
- **Alignment**: {plan.aligned} generated steps, each with an interface, a script of 45 lines, a builder and a
  configuration class, all four levels, in one process. The index exists before, as after any check;
  each round reads and parses every script and class again.
- **Runs**: {plan.ran} steps with empty scripts, one after the other, and {plan.ran_on_dask:,} on a
  cluster of two workers, with sandboxes, record and cache. The peer only starts the same scripts with
  `subprocess.run`, on Dask inside `dask.delayed`.
- **Live**: one process watches the large project while files of the core and of workspaces are saved
  alternately, and checks every millisecond whether a reader sees the edit; the time includes the debounce.
  `register` affects all views, `resolve` resolves names of the core in turn, and each look-up of a live name
  uses the context.
- **Editor**: a client changes the text of one file and waits for the new finding, over the pipes of
  `stepwell lsp`.
- **Soak**: one process watches {small:,} core steps and their workspaces during {soaked:g} seconds of edits.
  Memory, descriptors and threads are compared with those after a quarter of the edits.
- **Memory**: the differences between the peaks of fresh processes that open and keep a project: with
  {size.steps:,} and with {small:,} core steps, with all workspaces and with none.
"""


def page(rows: Sequence[Row], charts: Sequence[Chart], plan: Plan, busy: float) -> str:
    """The whole page.

    Args:
        rows: the table.
        charts: what the drawing shows.
        plan: what was measured.
        busy: the load average of the machine when the run began.
    """
    judged = [row.verdict for row in rows if row.verdict]
    met = f"{judged.count('met')} of {len(judged)} targets are met."
    return TEMPLATE.format(
        table=table(rows),
        drawing=DRAWING,
        curves="\n".join(map(_points, charts)),
        met=met if judged else "This was a quick run on small projects: no target is judged.",
        machine="\n".join(
            f"- {line}" for line in (*_machine(), f"load average {busy:.1f} when the run began")
        ),
        plan=plan,
        size=plan.size,
        merged=plan.merged,
        small=plan.frozen[1],
        soaked=plan.soaked,
    )


def _points(chart: Chart) -> str:
    sizes = sorted({size for series in chart.series.values() for size, _ in series})
    rows = [(chart.label, *(f"{size:,}" for size in sizes)), ("---",) * (len(sizes) + 1)]
    for name, series in chart.series.items():
        seconds = dict(series)
        rows.append((name, *(as_time(seconds[size]) if size in seconds else "" for size in sizes)))
    return "".join(map(line, rows))


def _machine() -> list[str]:
    """What the figures depend on; neither the machine's name nor a path of it."""
    import yaml

    found = [f"{name} {number}" for name in PACKAGES if (number := _installed(name))]
    binding = getattr(yaml, "_yaml", None)
    if binding is not None:
        found.append(f"libyaml {binding.get_version_string()}")
    return [
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        f"{platform.python_implementation()} {platform.python_version()}",
        ", ".join(found),
    ]


def _processor() -> str:
    known = Path("/proc/cpuinfo")
    if known.exists():
        for line in known.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or "an unnamed processor"


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
