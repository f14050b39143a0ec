"""``stepwell init``: a new project that passes ``check``, and nothing overwritten."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tomli
import yaml
from tests.warm_python import run_python

from stepwell.frontends.cli import run
from stepwell.model.schema import schema_names, schema_text
from stepwell.write import transaction

if TYPE_CHECKING:
    from tests.conftest import RunStepwell

WRITTEN = [
    "stepwell.toml",
    "registry.d/steps/data_cleaning.yaml",
    "src/data_cleaning.py",
    "workspaces/README.md",
    ".gitattributes",
    ".gitignore",
    ".taplo.toml",
    ".vscode/settings.json",
    *(f"schemas/{name}.schema.json" for name in schema_names() if not name.startswith("output-")),
]


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def lines_of(*written: str, after: str = "stepwell check") -> str:
    once = f"{after.rpartition('stepwell')[0]}stepwell merge-driver --install"
    lines = [*(f"wrote {path}" for path in written), f"once in each git clone: {once}", f"next: {after}"]
    return "".join(f"{line}\n" for line in lines)


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
        assert path.read_text(encoding="utf-8") == schema_text(path.name.removesuffix(".schema.json"))
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


COMMANDS = (
    ["check", "--fail-on", "warning"],
    ["check", "--references"],
    ["align"],
    ["freeze"],
    ["freeze", "--check"],
)


def test_a_new_project_has_no_findings(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    run_stepwell("init", cwd=tmp_path)
    for command in COMMANDS:
        ran = run_stepwell(*command, cwd=tmp_path)
        assert (ran.exit_code, "warning" in ran.stdout) == (0, False), ran.stdout


def test_a_typing_error_in_a_step_type_is_an_error(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    run_stepwell("init", cwd=tmp_path)
    step = tmp_path / "registry.d" / "steps" / "tuned.yaml"
    step.write_text("name: Tuned\nsagemaker_step_type: Trainin\ndescription: Tune it.\nframework: xgbost\n")
    told = run_stepwell("check", "--format", "concise", cwd=tmp_path)
    assert told.exit_code == 1
    assert "`Trainin` is not an allowed value of `sagemaker_step_type`" in told.stdout
    assert "`xgbost` is not an allowed value of `framework`" in told.stdout


def test_editors_find_a_schema_for_every_kind_of_file(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    run_stepwell("init", cwd=tmp_path)
    mapping = json.loads((tmp_path / ".vscode/settings.json").read_text())["yaml.schemas"]
    rules = tomli.loads((tmp_path / ".taplo.toml").read_text())["rule"]
    for schema in [*mapping, *(rule["schema"]["path"] for rule in rules)]:
        assert (tmp_path / schema).is_file()
    without_name = {"diagnostics", "snapshot", "workflow"}  # files of any name, or written by commands
    named = {*mapping, *(rule["schema"]["path"] for rule in rules)}
    schemas = {f"schemas/{path.name}" for path in (tmp_path / "schemas").iterdir()}
    assert schemas - named == {f"schemas/{name}.schema.json" for name in without_name}
    assert "registry.d/steps/**/*.yaml" in mapping["schemas/step.schema.json"]
    assert "workspaces/*/override/pipelines/**/*.toml" in rules[7]["include"]
    assert json.loads((tmp_path / "schemas/step-override.schema.json").read_text())["type"] == "object"


def test_git_ignores_runs_and_marks_generated_files(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    run_stepwell("init", cwd=tmp_path)

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=tmp_path, capture_output=True, check=True
        ).stdout.decode()

    git("init", "--quiet")
    for path in (".stepwell/runs/x", "registry.d/.step.yaml.0a.tmp", ".stepwell-import/0.new"):
        assert git("check-ignore", path) == f"{path}\n"
    assert git("check-attr", "eol", "linguist-generated", "--", "generated/step_names.py").splitlines() == [
        "generated/step_names.py: eol: lf",
        "generated/step_names.py: linguist-generated: true",
    ]


def test_pre_commit_on_request(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    ran = run_stepwell("init", "--pre-commit", cwd=tmp_path)
    assert "wrote .pre-commit-config.yaml\n" in ran.stdout
    assert ran.stdout.endswith("next: stepwell freeze\n")
    hooks = yaml.safe_load((tmp_path / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert [hook["entry"] for hook in hooks] == ["stepwell check", "stepwell freeze --check"]


def test_files_of_other_tools_are_kept(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n")
    ran = run_stepwell("init", cwd=tmp_path)
    assert (ran.exit_code, "kept .gitignore\n" in ran.stdout) == (0, True)
    assert (tmp_path / ".gitignore").read_text() == "mine\n"


@pytest.mark.parametrize("killed_after", range(10))
def test_a_killed_init_is_completed_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_after: int
) -> None:
    """A kill runs no clean-up: the moves stop, and nothing is reverted or deleted."""
    moves, move = 0, transaction._move

    def killed(*arguments: Any) -> None:
        nonlocal moves
        moves += 1
        if moves > killed_after:
            os._exit(9)
        move(*arguments)

    monkeypatch.setattr(transaction, "_move", killed)
    child = os.fork()
    if child == 0:
        os._exit(run(["init", str(tmp_path)]))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == (9 if killed_after < 9 else 0)
    monkeypatch.undo()
    assert run(["init", str(tmp_path)]) == (0 if killed_after < 9 else 2)
    assert files_in(tmp_path) == sorted(WRITTEN)


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
