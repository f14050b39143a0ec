"""``stepwell init``: a new project that passes ``check``, and nothing overwritten."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.warm_python import run_python

if TYPE_CHECKING:
    from tests.conftest import RunStepwell

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
WRITTEN = [
    "stepwell.toml",
    "registry.d/steps/data_cleaning.yaml",
    "workspaces/README.md",
    "schemas/step.schema.json",
    "schemas/step-override.schema.json",
    "schemas/hyperparameter.schema.json",
    "schemas/workspace.schema.json",
]


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def lines_of(*written: str, after: str = "stepwell check") -> str:
    return "".join([*(f"wrote {path}\n" for path in written), f"next: {after}\n"])


def test_in_an_empty_folder(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    ran = run_stepwell("init", cwd=tmp_path)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, lines_of(*WRITTEN), "")
    assert files_in(tmp_path) == sorted(WRITTEN)


@pytest.mark.parametrize("folder", ["new", "deep/new", "with a space", "名前"])
def test_in_a_folder_that_is_made(run_stepwell: RunStepwell, tmp_path: Path, folder: str) -> None:
    ran = run_stepwell("init", folder, cwd=tmp_path)
    there = f"'{folder}'" if folder in ("with a space", "名前") else folder
    told = lines_of(*(f"{folder}/{path}" for path in WRITTEN), after=f"cd {there} && stepwell check")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, told, "")
    assert files_in(tmp_path / folder) == sorted(WRITTEN)


def test_a_new_project_passes_check_freezes_and_stays_the_same(
    run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    run_stepwell("init", cwd=tmp_path)
    checked = run_stepwell("check", "--fail-on", "warning", cwd=tmp_path)
    assert checked.stdout.startswith("Checked 2 files, 1 step, 0 workspaces: no findings in ")
    assert (checked.exit_code, checked.stderr) == (0, "")
    frozen = run_stepwell("freeze", cwd=tmp_path)
    assert frozen.stderr == "wrote generated/step_names.py\nwrote generated/step_names.pyi\n"
    assert run_stepwell("freeze", "--check", cwd=tmp_path).exit_code == 0
    asked = subprocess.run(
        [sys.executable, "-I", "-S", "generated/step_names.py"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert (asked.returncode, asked.stderr) == (0, b"")


def test_the_schemas_are_those_that_are_shipped_and_the_step_points_to_its_own(
    run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    run_stepwell("init", cwd=tmp_path)
    for path in (tmp_path / "schemas").iterdir():
        assert path.read_bytes() == (SCHEMAS / path.name).read_bytes()
    step = tmp_path / "registry.d" / "steps" / "data_cleaning.yaml"
    first = step.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (step.parent / first.partition("=")[2]).resolve() == tmp_path / "schemas" / "step.schema.json"


def test_beside_other_files_which_stay_as_they_are(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n')
    (tmp_path / "registry.d").mkdir()
    ran = run_stepwell("init", cwd=tmp_path)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert files_in(tmp_path) == sorted([*WRITTEN, "README.md", "pyproject.toml"])
    assert (tmp_path / "README.md").read_text() == "mine"


@pytest.mark.parametrize("path", ["schemas/step.schema.json", "workspaces/README.md"])
def test_a_file_in_the_way_stops_it_before_anything_is_written(
    run_stepwell: RunStepwell, tmp_path: Path, path: str
) -> None:
    (tmp_path / "new" / path).parent.mkdir(parents=True)
    (tmp_path / "new" / path).write_text("mine")
    ran = run_stepwell("init", "new", cwd=tmp_path)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == f"error: new/{path} already exists; nothing was written\n"
    assert files_in(tmp_path / "new") == [path]
    assert (tmp_path / "new" / path).read_text() == "mine"


def test_a_link_in_the_way_is_not_written_through(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    (tmp_path / "new" / "schemas").mkdir(parents=True)
    (tmp_path / "new" / "schemas" / "step.schema.json").symlink_to(tmp_path / "elsewhere")
    ran = run_stepwell("init", "new", cwd=tmp_path)
    assert ran.exit_code == 2
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("content", ["", "broken = [", "[paths]\n"])
def test_a_project_is_not_made_twice(run_stepwell: RunStepwell, tmp_path: Path, content: str) -> None:
    (tmp_path / "stepwell.toml").write_text(content)
    ran = run_stepwell("init", cwd=tmp_path)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == "error: the folder is already a project (stepwell.toml); nothing was written\n"
    assert files_in(tmp_path) == ["stepwell.toml"]
    assert (tmp_path / "stepwell.toml").read_text() == content


def test_a_project_in_pyproject_is_not_hidden(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.stepwell]\n")
    ran = run_stepwell("init", str(tmp_path), cwd=tmp_path)
    assert ran.exit_code == 2
    assert ran.stderr == (
        f"error: the folder is already a project ({tmp_path}/pyproject.toml); nothing was written\n"
    )
    assert files_in(tmp_path) == ["pyproject.toml"]


def test_a_file_is_no_folder(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    ran = run_stepwell("init", "file", cwd=tmp_path)
    assert ran.exit_code == 2
    assert ran.stderr == "error: Invalid value for '[DIR]': Directory 'file' is a file.\n"
    below = run_stepwell("init", "file/new", cwd=tmp_path)
    assert below.exit_code == 2
    assert below.stderr == "error: file/new/stepwell.toml cannot be written: not a directory\n"


def test_a_disk_that_is_full_is_one_line(environment: Mapping[str, str], tmp_path: Path) -> None:
    code = (
        "import os, sys; from stepwell.frontends.cli import run\n"
        "def full(_): raise OSError(28, os.strerror(28))\n"
        "os.fsync = full\n"
        "sys.exit(run(['init']))"
    )
    ran = run_python("-c", code, cwd=tmp_path, env=environment)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "error: stepwell.toml cannot be written: no space left on device\n"
    assert os.listdir(tmp_path) == []


def test_the_settings_it_writes_are_all_of_them_defaults_but_the_frozen_module(
    run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    run_stepwell("init", cwd=tmp_path)
    told = run_stepwell("list", "-v", cwd=tmp_path / "workspaces").stderr
    assert told.startswith(f"project: {tmp_path}/stepwell.toml\n")
    listed = run_stepwell("list", cwd=tmp_path).stdout.splitlines()
    assert listed[1:] == [
        "DataCleaning  Processing      -          core   Drop rows and columns that a model cannot use."
    ]


def test_nothing_is_written_through_a_link_out_of_the_folder(
    run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "registry.d").symlink_to(tmp_path / "elsewhere")
    ran = run_stepwell("init", "new", cwd=tmp_path)
    assert ran.exit_code == 2
    assert ran.stderr.startswith("error: registry.d/steps/data_cleaning.yaml leaves the project")
    assert [*(tmp_path / "elsewhere").iterdir(), *(tmp_path / "new").glob("*.toml")] == []
