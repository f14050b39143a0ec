"""Projects of small steps with scripts, for the tests of what runs pipelines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from stepwell.live.registry import Registry
from stepwell.model.settings import open_project
from stepwell.run.pipelines import (
    MANIFEST,
    AttemptLimits,
    Options,
    RunDatabase,
    RunPlan,
    RunRecord,
    StepSelection,
    make_plan,
    read_manifest,
    run_plan,
)
from stepwell.run.pipelines.engines import Engine, Local
from stepwell.source.diagnostic import Diagnostic

CONFIGURATION = '[components]\nsource = ["src"]\n'

MAKE = """\
import os
with open("/opt/ml/processing/output/rows.csv", "w") as file:
    file.write("a,b\\n")
    for number in range(int(os.environ.get("ROWS", "3"))):
        file.write(f"{number},x\\n")
"""
TOTAL = """\
import csv, json, pathlib
rows = [
    row
    for path in sorted(pathlib.Path("/opt/ml/processing/input/rows").glob("*.csv"))
    for row in csv.DictReader(path.open())
]
with open("/opt/ml/processing/output/total.json", "w") as file:
    json.dump({"total": sum(int(row["a"]) for row in rows)}, file)
"""
SUMS: Mapping[str, str] = {
    "stepwell.toml": CONFIGURATION,
    "registry.d/steps/make.yaml": """\
name: Make
description: Make rows.
interface:
  entry_point: make.py
  outputs:
    rows:
      path: /opt/ml/processing/output
      content: {format: csv, columns: {a: integer}, min_rows: 1}
  env: {optional: {ROWS: '3'}}
""",
    "registry.d/steps/total.yaml": """\
name: Total
description: Add up a column.
interface:
  entry_point: total.py
  inputs:
    rows:
      path: /opt/ml/processing/input/rows
      content: {format: csv, columns: {a: integer}}
  outputs:
    total:
      path: /opt/ml/processing/output/total.json
      content: {format: json, schema: {type: object, required: [total]}}
""",
    "registry.d/pipelines/sums.yaml": """\
name: Sums
description: Make rows, and add them up.
parameters: {rows: 3}
steps:
  - {id: make, step: Make, config: {rows: "${rows}"}}
  - {id: total, step: Total, inputs: {rows: make.rows}}
""",
    "src/scripts/make.py": MAKE,
    "src/scripts/total.py": TOTAL,
}
"""Two steps: one makes rows, the other adds them up."""


def single(script: str, interface: str = "") -> dict[str, str]:
    """A project whose pipeline ``Only`` has one step, ``it``, with a script.

    Args:
        script: its text.
        interface: lines of YAML to add to its interface, each indented by two.
    """
    return {
        "stepwell.toml": CONFIGURATION,
        "registry.d/steps/work.yaml": (
            f"name: Work\ndescription: Work.\ninterface:\n  entry_point: work.py\n{interface}"
        ),
        "registry.d/pipelines/only.yaml": (
            "name: Only\ndescription: One step.\nsteps:\n  - {id: it, step: Work}\n"
        ),
        "src/scripts/work.py": script,
    }


def open_registry(root: Path, *, clean: bool = True) -> Registry:
    """The registry of a project; every file of it is well, unless that is not wanted."""
    registry = Registry(open_project(str(root)), date.today)
    assert not clean or [(one.id, one.message, one.span) for one in registry.diagnostics] == []
    return registry


def plan(
    root: Path,
    name: str,
    workspace: str | None = None,
    *,
    parameters: Mapping[str, Any] | None = None,
    make_up: bool = False,
    clean: bool = True,
) -> tuple[RunPlan, tuple[Diagnostic, ...]]:
    """What a run would do, and what is found."""
    registry = open_registry(root, clean=clean)
    manifest = read_manifest(str(root), MANIFEST)
    checked = make_plan(
        registry,
        registry.pipeline(name, workspace=workspace),
        parameters=parameters or {},
        manifest=manifest.value,
        make_up=make_up,
    )
    return checked.value, (*manifest.diagnostics, *checked.diagnostics)


def run(
    root: Path,
    name: str,
    engine: Engine | None = None,
    *,
    workspace: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    make_up: bool = False,
    retries: int = 0,
    limits: AttemptLimits | None = None,
    cache: bool = True,
    choice: StepSelection | None = None,
    resume: str | None = None,
) -> RunRecord:
    """Run a pipeline without problems."""
    made, found = plan(root, name, workspace, parameters=parameters, make_up=make_up)
    assert [one.message for one in found] == []
    with RunDatabase(str(root)) as record:
        return run_plan(
            made,
            record,
            engine or Local(2),
            options=Options(retries, limits or AttemptLimits(), cache),
            choice=choice,
            resume=resume,
        )


def states(run: RunRecord) -> dict[str, str]:
    """How far each step is."""
    return {one.node: one.state.value for one in run.steps}


def output(run: RunRecord, name: str, file: str = "") -> str:
    """The text of an output, ``node.output``, or of a file in it."""
    place = Path(run.folder) / "outputs" / name
    return (place / file if file else place).read_text()
