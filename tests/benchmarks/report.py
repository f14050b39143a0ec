"""The page: the table, the machine, and how the figures were made."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from sections import Plan
from table import Row, table

__all__ = ["page"]

PACKAGES: Final = ("stepwell", "pyyaml", "jsonschema", "jsonschema-rs", "omegaconf", "check-jsonschema")

TEMPLATE: Final = """\
# Benchmarks

`make bench` measures everything on this page in one run, and writes the page.

{table}
{met}

The machine:

{machine}

## How to read it

- Figures are medians. A ratio is the median of the ratios of pairs: the two ways run by turns, A B A B,
  after one run of each that does not count. In brackets stand the smallest and the largest ratio. CPU is
  the processor's time, user and system together; wall is time on the clock.
- **The project** is generated from a seed: {size.steps:,} core steps in {size.folders} folders, about 18
  lines each; {size.workspaces} workspaces, each with a `workspace.yaml`, {size.local} local files
  ({size.hiding} of them hide a core step) and {size.override} override files; {size.files:,} files in all.
  Every definition is flat. About 70 of 100 lines occur in several files, as in a team's own registry: a
  comment for the editor, a step type, a framework, tags. Stepwell's reader remembers such lines. Names,
  descriptions, classes, aliases and tickets are each file's own.
- **Cold load** is a fresh process from start to end with the files in the page cache; {plan.rounds} pairs.
  The naive way reads each file with `yaml.load(file, Loader=yaml.CSafeLoader)`, asks
  `jsonschema.Draft202012Validator(schema).is_valid`, one validator for each schema, and keeps the data by
  path. `stepwell.open` also runs every rule, keeps each text to find places in it, and builds all views.
  In every run both accept the same number of files. Of a small project with an unknown field, a wrong
  type, a missing field and broken YAML both refuse exactly these four files.
- **None of them flat**: {plan.nested.steps:,} core steps of the same kind that also hold a mapping
  (`deprecated`), so that libyaml reads every file for both.
- **check-jsonschema**: its command over {plan.checked} step files, and `stepwell check` in a project of the
  same files. The row is there when the package is installed.
- **One file**: {plan.sample:,} core files, each once, in a fresh process for each round. Imports, reading the
  bytes and making the validator are not counted. Both validators get the same plain data.
- **Views** are built from files that are read and checked already. Stepwell lays the core's tables, then
  for each workspace merges, validates what results and runs the rules. *Copying dicts* makes a `dict` of
  the core's rows and for each workspace a copy of it, sets its local rows, and `{{**row, **patch}}` for each
  override: it checks nothing, and its tables share their rows, so that a caller who changes a row changes
  it for everybody. *Copying dicts and their rows* gives each workspace rows of its own. All give the same
  views, which is checked for some. The garbage collector rests in all of them, as it does in a load.
- **OmegaConf** merges configurations that are made beforehand. It is measured on {merged.steps} core steps
  and {merged.workspaces} workspaces of {merged.local} local and {merged.override} override files, because on
  the large project it takes many seconds for each view. Stepwell's figure in that row is of the same small
  project.
- **Frozen module**: `python -I -S` with the byte code there already, a fresh process for each import. *The
  statement* is the CPU time of `import step_names` alone, *the process* that from start to end. The bare
  module holds the same four tables as literals, one entry a line, and nothing else.
- **`view[name]`**: 1,000 names in random order in a loop, which is counted on both sides.
- **Views over the core**: copying dicts begins with a table of the core's rows that is there already, so the
  row with the target begins with the core's tables laid. The rows below it count the core's table too.
- **Two revisions**: the core steps of the project alone, in a repository of two commits whose objects are
  packed. The second edits, adds, removes and renames files. The command reads both revisions from git's
  objects, in a process of its own, and writes the comparison as JSON; *one load* opens the folder in a
  process of its own.
- **Index of Python files**: {plan.sources:,} generated files of about 200 lines, a fresh process each.
  *Nothing kept* lists, reads and parses every file, gathers classes, names and imports, and writes what the
  next process finds. *Nothing changed* is that next process. `ast.parse` reads and parses each file, and
  keeps nothing.
- **One changed**: a line is added to one file, and the index is made right again; beside it each file is
  parsed, in the same process.
- **Alignment**: {plan.aligned} generated steps, each with an interface, a script of 45 lines, a builder and a
  configuration class, all four levels, in one process. The index is there before, as after any check;
  each round reads and parses every script and class again.
- **Runs**: {plan.ran} steps whose scripts do nothing, one after the other, and {plan.ran_on_dask:,} on a
  cluster of two workers, with sandboxes, record and cache. Beside them the same scripts are started by
  `subprocess.run`, on Dask inside `dask.delayed`; nothing else is done there.
- **Live**: one process watches the large project while files of the core and of workspaces are saved by
  turns, and looks every millisecond whether a reader sees the edit; the debounce is part of the time.
  `register` is for everybody, `resolve` asks for names of the core in turn, and each look-up of a live name
  follows the context.
- **Memory**: the differences between the peaks of fresh processes that open and keep a project: with
  {size.steps:,} and with {small:,} core steps, with all workspaces and with none.
"""


def page(rows: Sequence[Row], plan: Plan, busy: float) -> str:
    """The whole page.

    Args:
        rows: the table.
        plan: what was measured.
        busy: the load average of the machine when the run began.
    """
    judged = [row.verdict for row in rows if row.verdict]
    met = f"{judged.count('met')} of {len(judged)} targets are met."
    return TEMPLATE.format(
        table=table(rows),
        met=met if judged else "This was a quick run on small projects: no target is judged.",
        machine="\n".join(
            f"- {line}" for line in (*_machine(), f"load average {busy:.1f} when the run began")
        ),
        plan=plan,
        size=plan.size,
        merged=plan.merged,
        small=plan.frozen[1],
    )


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
