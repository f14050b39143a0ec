"""Every template creates a workspace that passes, whose code runs, and that is isolated from every other."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.warm_python import commands

import stepwell

if TYPE_CHECKING:
    from tests.conftest import Project, RunStepwell

pytestmark = pytest.mark.slow

TEMPLATES = ("minimal", "standard", "advanced")
FOLDERS = ("src/builders", "src/configs", "src/contracts", "src/scripts", "src/specs", "tests", "docs")
CORE = {
    "registry.d/steps/scoring.yaml": (
        "name: Scoring\nsagemaker_step_type: Processing\ndescription: Score a batch.\n"
    )
}
ODD_PROJECTS = {
    "snake_case": '[naming]\nstep_name = "snake_case"\n',
    "another vocabulary": '[vocabulary]\nsagemaker_step_types = ["Lambda"]\nframeworks = ["numpy"]\n',
    "no step types": "[vocabulary]\nsagemaker_step_types = []\n",
    "other folders": '[paths]\ncore = "steps/core"\nworkspaces = "people/all of them"\n',
    "references": '[references]\nbuilder_base = "StepBuilderBase"\n',
    "a base with its module": '[references]\nbuilder_base = "pipeline.base.StepBuilderBase"\n',
}


def python(environment: Mapping[str, str], cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_new_workspace_passes_every_check_and_has_every_folder(
    project: Project, run_stepwell: RunStepwell, template: str
) -> None:
    root = project(CORE)
    made = run_stepwell("workspace", "new", "dana", "--template", template, cwd=root)
    assert (made.exit_code, made.stderr) == (0, "")
    aligned = ["check", "--alignment", "--fail-on", "warning", "--workspace", "dana"]
    for command in (["check", "--fail-on", "warning"], ["workspace", "check", "dana"], aligned):
        assert run_stepwell(*command, cwd=root).exit_code == 0
    told = run_stepwell(
        "check", "--references", "--workspace", "dana", "--format", "concise", cwd=root
    ).stdout
    assert "workspaces/dana" not in told
    checked = json.loads(run_stepwell("workspace", "check", "dana", "--format", "json", cwd=root).stdout)
    assert checked["workspaces"][0]["diagnostics"] == []
    step = json.loads(run_stepwell("align", "--workspace", "dana", "--format", "json", cwd=root).stdout)
    looked = {one["step"]: (one["script"], one["builder"]) for one in step["steps"]}
    assert looked["DanaRowCount"] == (
        "workspaces/dana/src/scripts/dana_row_count.py",
        "workspaces/dana/src/builders/dana_row_count.py:8",
    )
    assert [name for name in FOLDERS if not (root / "workspaces/dana" / name).is_dir()] == []


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_script_runs_with_nothing_but_python(
    project: Project, run_stepwell: RunStepwell, environment: Mapping[str, str], template: str
) -> None:
    root = project(CORE)
    run_stepwell("workspace", "new", "dana", "--template", template, cwd=root)
    script = "workspaces/dana/src/scripts/dana_row_count.py"
    shown = python(environment, root, script, "--help")
    assert shown.returncode == 0
    assert shown.stdout.startswith("usage: dana_row_count.py [-h] [--input INPUT] [--output OUTPUT]")
    (root / "rows.csv").write_text("name,amount\na,1\nb,\n,,surplus\n")
    ran = python(environment, root, script, "--input", "rows.csv", "--output", "counts.json")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "counted 3 rows\n", "")
    counts = json.loads((root / "counts.json").read_text())
    assert counts["rows"] == 3
    assert (counts["empty"]["name"], counts["empty"]["amount"]) == (1, 2)


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_step_runs_in_a_pipeline_without_edits(
    project: Project, run_stepwell: RunStepwell, template: str
) -> None:
    root = project(CORE)
    run_stepwell("workspace", "new", "dana", "--template", template, cwd=root)
    pipeline = root / "workspaces/dana/local/pipelines/counting.yaml"
    pipeline.parent.mkdir()
    pipeline.write_text("name: Counting\ndescription: A.\nsteps: [{id: count, step: DanaRowCount}]\n")
    counts = ".stepwell/runs/*/outputs/count.counts"
    command = ("pipeline", "{}", "Counting", "--workspace", "dana")
    tested = run_stepwell(*(word.format("test") for word in command), cwd=root)
    assert (tested.exit_code, tested.stderr) == (0, ""), tested.stdout
    assert [json.loads(path.read_text())["rows"] for path in root.glob(counts)] == [50]
    assert run_stepwell(*(word.format("check") for word in command), cwd=root).exit_code == 1
    (root / "rows.csv").write_text("name,amount\na,1\nb,\n")
    (root / "data_manifest.yaml").write_text("steps:\n  DanaRowCount: {table: rows.csv}\n")
    for word in ("check", "run"):
        done = run_stepwell(*(part.format(word) for part in command), cwd=root)
        assert (done.exit_code, done.stderr) == (0, ""), done.stdout
    assert sorted(json.loads(path.read_text())["rows"] for path in root.glob(counts)) == [2, 50]


@pytest.mark.parametrize("template", TEMPLATES)
def test_its_own_tests_pass_and_can_fail(
    project: Project, run_stepwell: RunStepwell, environment: Mapping[str, str], template: str
) -> None:
    root = project(CORE)
    run_stepwell("workspace", "new", "dana", "--template", template, cwd=root)
    tests = ("-m", "unittest", "discover", "workspaces/dana/tests")
    ran = python(environment, root, *tests)
    assert (ran.returncode, "Ran 2 tests" in ran.stderr) == (0, True), ran.stderr
    script = root / "workspaces/dana/src/scripts/dana_row_count.py"
    script.write_text(script.read_text().replace("total += 1", "total += 2"))
    assert python(environment, root, *tests).returncode == 1


@pytest.mark.parametrize("template", TEMPLATES)
def test_steps_of_the_readme_work_as_written(
    tmp_path: Path, run_stepwell: RunStepwell, environment: Mapping[str, str], template: str
) -> None:
    run_stepwell("init", cwd=tmp_path)
    for workspace in ("dana", "Erin-2"):
        run_stepwell("workspace", "new", workspace, "--template", template, cwd=tmp_path)
        readme = (tmp_path / "workspaces" / workspace / "README.md").read_text()
        (steps,) = re.findall(r"^```sh\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
        path = os.pathsep.join([commands(), str(Path(sys.executable).parent), environment["PATH"]])
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", steps],
            cwd=tmp_path,
            env={**environment, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning" not in done.stdout


@pytest.mark.parametrize("template", TEMPLATES)
def test_two_workspaces_of_one_template_collide_in_nothing(
    project: Project, run_stepwell: RunStepwell, template: str
) -> None:
    root = project(CORE)
    for one in ("dana", "Erin-2", "Erin_2", "9lives"):
        made = run_stepwell("workspace", "new", one, "--template", template, cwd=root)
        assert made.exit_code == 0, made.stdout + made.stderr
    registry = stepwell.open(root)
    assert registry.diagnostics == ()
    own = {one: [n for n in registry.view(one).steps.above if n != "Scoring"] for one in registry.workspaces}
    assert own == {
        "9lives": ["Workspace9livesRowCount"],
        "Erin-2": ["Erin2RowCount"],
        "Erin_2": ["Erin2RowCount2"],
        "dana": ["DanaRowCount"],
    }


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("settings", ODD_PROJECTS)
def test_it_fits_the_names_words_and_folders_of_the_project(
    project: Project, run_stepwell: RunStepwell, settings: str, template: str
) -> None:
    core = "steps/core" if settings == "other folders" else "registry.d"
    name = "scoring" if settings == "snake_case" else "Scoring"
    root = project(
        {
            "stepwell.toml": ODD_PROJECTS[settings],
            f"{core}/steps/scoring.yaml": (
                f"name: {name}\ndescription: Score it.\nconfig_class: ScoringConfig\n"
                "builder_step_name: ScoringStepBuilder\n"
            ),
            "src/pipeline/base.py": "class StepBuilderBase:\n    pass\n",
            "src/pipeline/scoring.py": (
                "from pipeline.base import StepBuilderBase\n\n\nclass ScoringConfig:\n    pass\n\n\n"
                "class ScoringStepBuilder(StepBuilderBase):\n    pass\n"
            ),
        }
    )
    made = run_stepwell("workspace", "new", "dana", "--template", template, cwd=root)
    assert (made.exit_code, made.stderr) == (0, ""), made.stdout
    checked = run_stepwell("check", "--fail-on", "warning", cwd=root)
    assert checked.exit_code == 0, checked.stdout
    builder = next(root.glob("*/*/src/builders/dana_row_count.py"), None) or next(
        root.glob("*/*/*/src/builders/dana_row_count.py")
    )
    derived = "(StepBuilderBase):" in builder.read_text()
    assert derived is ("base" in settings or settings == "references")


def test_the_override_of_the_largest_template_changes_the_core_step_for_it_alone(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project(CORE)
    run_stepwell("workspace", "new", "dana", "--template", "advanced", cwd=root)
    registry = stepwell.open(root)
    assert registry.view("dana")["Scoring"].config_class == "DanaScoringConfig"
    assert registry.view("dana")["Scoring"].priority == 90
    assert registry.view(None)["Scoring"].config_class == "ScoringConfig"


def test_without_a_core_step_there_is_nothing_to_override(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project({})
    made = run_stepwell("workspace", "new", "dana", "--template", "advanced", cwd=root)
    assert made.exit_code == 0
    assert not (root / "workspaces/dana/override").exists()
    assert sorted(path.name for path in (root / "workspaces/dana/src/builders").iterdir()) == [
        "__init__.py",
        "dana_row_count.py",
    ]


def test_in_this_repository_it_brings_no_finding(
    copy_repository: Callable[[Path], Path], run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    root = copy_repository(tmp_path / "stepwell", tests=False)
    made = run_stepwell("workspace", "new", "dana", "--template", "advanced", cwd=root)
    assert (made.exit_code, made.stderr) == (0, "")
    assert "warning" not in made.stdout
    assert run_stepwell("workspace", "check", "dana", cwd=root).exit_code == 0
    first = (root / "workspaces/dana/local/steps/dana_row_count.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=../../../../schemas/step.schema.json"
