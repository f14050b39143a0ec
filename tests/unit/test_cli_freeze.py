"""``stepwell freeze``: written whole or not at all, never over what is not its own, and compared."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.warm_python import run_python

if TYPE_CHECKING:
    from tests.conftest import Project, RunStepwell

pytestmark = pytest.mark.slow

CONFIG = '[[freeze]]\noutput = "generated/step_names.py"\n'
SCORING = "registry.d/steps/scoring.yaml"
MODULE = "generated/step_names.py"
FILES = {
    "stepwell.toml": CONFIG,
    SCORING: "name: Scoring\nsagemaker_step_type: Processing\ndescription: Score a batch.\n",
    "workspaces/alice/override/steps/scoring.yaml": "name: Scoring\nconfig_class: FastConfig\n",
    "workspaces/bob/local/steps/tuning.yaml": (
        "name: Tuning\nsagemaker_step_type: Tuning\ndescription: Tune it.\n"
    ),
}
PACKAGE = [
    "__init__.py",
    "builder_registry.py",
    "exceptions.py",
    "hyperparameter_registry.py",
    "step_type_test_variants.py",
    "py.typed",
    "step_names.py",
]
WORKSPACE_FILES = [f"_workspaces/{name}.py" for name in ("__init__", "alice", "bob")]
PACKAGE_FILES = [*PACKAGE, "step_names.pyi", *WORKSPACE_FILES]


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def answer_of(module: Path, expression: str) -> str:
    """Output of a frozen module in an interpreter without packages."""
    code = f"import runpy; print(runpy.run_path({str(module)!r})[{expression}])"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    ).stdout


def table_of(module: Path, workspace: str) -> dict[str, dict[str, str]]:
    """The table of a workspace in a frozen module."""
    code = f"import runpy; print(runpy.run_path({str(module)!r})['get_step_names']({workspace!r}))"
    command = [sys.executable, "-I", "-S", "-B", "-c", code]
    table: dict[str, dict[str, str]] = ast.literal_eval(subprocess.check_output(command, text=True))
    return table


# --- written


def test_the_modules_of_the_settings_are_written_once(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    first = run_stepwell("freeze", cwd=root)
    assert (first.exit_code, first.stdout) == (0, "")
    assert first.stderr == "wrote generated/step_names.py\nwrote generated/step_names.pyi\n"
    written = files_in(root)
    again = run_stepwell("freeze", cwd=root / "workspaces" / "alice")
    assert (
        again.stderr
        == "unchanged: ../../generated/step_names.py\nunchanged: ../../generated/step_names.pyi\n"
    )
    assert (again.exit_code, again.stdout) == (0, "")
    assert files_in(root) == written
    assert answer_of(root / MODULE, "'STEP_NAMES'") == (
        "{'Scoring': {'config_class': 'ScoringConfig', 'builder_step_name': 'ScoringStepBuilder', "
        "'spec_type': 'Scoring', 'sagemaker_step_type': 'Processing', 'description': 'Score a batch.'}}\n"
    )
    assert (root / MODULE).read_bytes().count(b"stepwell freeze\n") == 1


def test_an_unchanged_file_is_not_touched(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    run_stepwell("freeze", cwd=root)
    os.utime(root / MODULE, (1, 1))
    run_stepwell("freeze", cwd=root)
    assert (root / MODULE).stat().st_mtime == 1


def test_quiet_writes_without_a_word(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    ran = run_stepwell("freeze", "--quiet", cwd=root)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "")
    assert (root / MODULE).is_file()
    ran = run_stepwell("freeze", "--check", "-q", cwd=root)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "")


def test_every_table_of_the_settings_is_written(project: Project, run_stepwell: RunStepwell) -> None:
    tables = (
        f'{CONFIG}[[freeze]]\noutput = "generated/registry/"\nworkspace = "all"\n'
        '[[freeze]]\noutput = "generated/alice.py"\nworkspace = "alice"\n'
    )
    root = project({**FILES, "stepwell.toml": tables})
    ran = run_stepwell("freeze", cwd=root)
    assert ran.exit_code == 0
    assert sorted(files_in(root / "generated")) == sorted(
        [
            "step_names.py",
            "step_names.pyi",
            "alice.py",
            "alice.pyi",
            *(f"registry/{f}" for f in PACKAGE_FILES),
        ]
    )
    assert "FastConfig" in answer_of(root / "generated" / "alice.py", "'STEP_NAMES'")
    only = run_stepwell("freeze", "--workspace", "alice", cwd=root)
    assert only.stderr == "unchanged: generated/alice.py\nunchanged: generated/alice.pyi\n"
    every = run_stepwell("freeze", "-w", "all", cwd=root)
    assert every.stderr == "".join(f"unchanged: generated/registry/{name}\n" for name in PACKAGE_FILES)


def test_a_project_in_pyproject_is_frozen_the_same(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(
        {**FILES, "pyproject.toml": '[[tool.stepwell.freeze]]\noutput = "generated/step_names.py"\n'}
    )
    with_own_file = run_stepwell("freeze", cwd=root)
    (root / "stepwell.toml").unlink()
    ran = run_stepwell("freeze", cwd=root)
    assert with_own_file.exit_code == ran.exit_code == 0
    assert ran.stderr == "unchanged: generated/step_names.py\nunchanged: generated/step_names.pyi\n"


# --- --output and --workspace


def test_an_output_of_the_command_line_is_relative_to_where_one_is(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project(FILES)
    (root / "legacy code").mkdir()
    ran = run_stepwell("freeze", "--output", "names.py", cwd=root / "legacy code")
    assert ran.stderr == "wrote names.py\nwrote names.pyi\n"
    head = (root / "legacy code" / "names.py").read_text(encoding="utf-8").splitlines()[:6]
    assert any("stepwell freeze --output 'legacy code/names.py'" in line for line in head)
    up = run_stepwell("freeze", "--output", "../up.py", cwd=root / "legacy code")
    assert up.stderr == "wrote ../up.py\nwrote ../up.pyi\n"
    full = run_stepwell("freeze", "--output", str(root / "full.py"), cwd=root)
    assert full.stderr == "wrote full.py\nwrote full.pyi\n"


def test_a_named_output_has_the_bytes_of_the_settings(project: Project, run_stepwell: RunStepwell) -> None:
    config = f'{CONFIG}first = ["Tuning", "Scoring"]\n'
    root = project({**FILES, "stepwell.toml": config})
    run_stepwell("freeze", cwd=root)
    ran = run_stepwell("freeze", "--output", MODULE, cwd=root)
    assert ran.stderr == "unchanged: generated/step_names.py\nunchanged: generated/step_names.pyi\n"


def test_a_package(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    ran = run_stepwell("freeze", "--output", "legacy/registry/", "--workspace", "all", cwd=root)
    assert (ran.exit_code, ran.stdout) == (0, "")
    assert ran.stderr == "".join(f"wrote legacy/registry/{name}\n" for name in PACKAGE_FILES)
    code = (
        f"import sys; sys.path.append({str(root / 'legacy')!r}); import registry\n"
        "print(registry.get_config_class_name('Scoring'),"
        " registry.get_config_class_name('Scoring', workspace_id='alice'),"
        " registry.get_all_step_names(workspace_id='bob'))"
    )
    told = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    assert told.stdout == "ScoringConfig FastConfig ['Scoring', 'Tuning']\n"


@pytest.mark.parametrize("workspace", ["", "alice", "all"])
def test_standard_output_gets_the_module_and_no_file_is_written(
    project: Project, run_stepwell: RunStepwell, workspace: str
) -> None:
    root = project(FILES)
    before = files_in(root)
    ran = run_stepwell("freeze", "--output", "-", "-w", workspace, cwd=root)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert files_in(root) == before
    (root / "out.py").write_text(ran.stdout, encoding="utf-8")
    assert ("FastConfig" in answer_of(root / "out.py", "'CONFIG_STEP_REGISTRY'")) is (workspace == "alice")
    assert ("workspace_context" in ran.stdout) is (workspace == "all")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--output", "names"), "--output names: must end in .py (module) or / (package folder)"),
        (("--output", "names.txt"), "--output names.txt: must end in .py (module) or / (package folder)"),
        (("--output", ""), "--output : must end in .py (module) or / (package folder)"),
        (
            ("--output", "../names.py"),
            "--output ../names.py is outside the project {root}; use - and redirect",
        ),
        (("--output", "../"), "--output ../ is outside the project {root}; use - and redirect"),
        (
            ("--output", "/names.py"),
            "--output /names.py is outside the project {root}; use - and redirect",
        ),
        (("--output", "./"), "--output ./ is the project folder itself; use a folder inside it"),
        (("--output", "-", "--check"), "--check cannot be used with --output -"),
        (("--workspace", "alcie"), "unknown workspace: alcie (did you mean `alice`?)"),
        (("--workspace", "zed", "--output", "-"), "unknown workspace: zed (available: alice, bob)"),
        (
            ("--workspace", "alice"),
            "stepwell.toml has no [[freeze]] table for workspace `alice`; add one, or use --output PATH",
        ),
        (
            ("--workspace", "all", "--check"),
            "stepwell.toml has no [[freeze]] table for workspace `all`; add one, or use --output PATH",
        ),
    ],
)
def test_a_wrong_argument_is_one_line_and_nothing_is_written(
    project: Project, run_stepwell: RunStepwell, arguments: tuple[str, ...], message: str
) -> None:
    root = project(FILES)
    before = files_in(root.parent)
    ran = run_stepwell("freeze", *arguments, cwd=root)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == f"error: {message.format(root=root)}\n"
    assert files_in(root.parent) == before


def test_without_a_table_the_settings_are_named(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**FILES, "stepwell.toml": ""})
    ran = run_stepwell("freeze", cwd=root)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == "error: stepwell.toml has no [[freeze]] table; add one, or use --output PATH\n"
    (root / "stepwell.toml").unlink()
    (root / "pyproject.toml").write_text("[tool.stepwell]\n")
    ran = run_stepwell("freeze", cwd=root)
    assert ran.exit_code == 2
    assert ran.stderr == (
        "error: pyproject.toml has no [[tool.stepwell.freeze]] table; add one, or use --output PATH\n"
    )


def test_a_table_for_an_unknown_workspace_is_one_line(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**FILES, "stepwell.toml": f'{CONFIG}[[freeze]]\noutput = "a.py"\nworkspace = "alcie"\n'})
    ran = run_stepwell("freeze", cwd=root)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == ("error: unknown workspace: alcie, set in stepwell.toml (did you mean `alice`?)\n")
    assert not (root / MODULE).exists()


# --- rejected


BROKEN_CORE = {SCORING: "name: Scoring\nsagemaker_step_type: Processing\n"}
BROKEN_ALICE = {"workspaces/alice/override/steps/scoring.yaml": "name: Scoring\npriority: 2000\nx: 1\n"}


@pytest.mark.parametrize("checking", [(), ("--check",)])
@pytest.mark.parametrize(
    ("broken", "arguments", "told"),
    [
        (
            BROKEN_CORE,
            (),
            (
                "error: the core has 1 error, so generated/step_names.py is not frozen\n"
                "  first: step requires the field `description` (registry.d/steps/scoring.yaml:1:1)\n"
            ),
        ),
        (
            BROKEN_ALICE,
            ("-w", "alice", "--output", "a.py"),
            (
                "error: workspace alice has 2 errors, so a.py is not frozen\n"
                "  first: `priority` must be at most 1000, got 2000 "
                "(workspaces/alice/override/steps/scoring.yaml:2:11)\n"
            ),
        ),
        (
            BROKEN_CORE,
            ("-w", "all", "--output", "a/"),
            (
                "error: the core has 1 error, so a/ is not frozen\n"
                "  first: step requires the field `description` (registry.d/steps/scoring.yaml:1:1)\n"
            ),
        ),
    ],
)
def test_a_view_with_errors_is_not_frozen(
    project: Project,
    run_stepwell: RunStepwell,
    broken: Mapping[str, str],
    arguments: tuple[str, ...],
    told: str,
    checking: tuple[str, ...],
) -> None:
    root = project(FILES)
    run_stepwell("freeze", cwd=root)
    root = project(broken)
    (root / "stepwell.toml").write_text(CONFIG)
    before = files_in(root)
    ran = run_stepwell("freeze", *arguments, *checking, cwd=root)
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert ran.stderr == f"{told}  `stepwell check` shows all of them\n"
    assert files_in(root) == before


def test_errors_of_one_workspace_do_not_stop_another(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**FILES, **BROKEN_ALICE})
    assert run_stepwell("freeze", cwd=root).exit_code == 0
    assert run_stepwell("freeze", "-w", "bob", "--output", "bob.py", cwd=root).exit_code == 0
    to_stdout = run_stepwell("freeze", "-w", "alice", "--output", "-", cwd=root)
    assert (to_stdout.exit_code, to_stdout.stdout) == (1, "")
    assert to_stdout.stderr.startswith("error: workspace alice has 2 errors, so nothing is frozen\n")


def test_a_broken_workspace_keeps_its_file_and_all_others_are_written(
    project: Project, run_stepwell: RunStepwell
) -> None:
    config = (
        '[[freeze]]\noutput = "package/"\nworkspace = "all"\n'
        '[[freeze]]\noutput = "module.py"\nworkspace = "all"\n'
        '[[freeze]]\noutput = "alice.py"\nworkspace = "alice"\n'
    )
    root = project({**FILES, "stepwell.toml": config})
    assert run_stepwell("freeze", "-q", cwd=root).exit_code == 0
    before = files_in(root)
    project(
        {
            "stepwell.toml": config,
            SCORING: FILES[SCORING].replace("Score a batch.", "Score it."),
            "workspaces/alice/override/steps/scoring.yaml": "name: Scoring\nconfig_class: 7\n",
            "workspaces/bob/local/steps/more.yaml": FILES["workspaces/bob/local/steps/tuning.yaml"].replace(
                "Tuning", "More", 1
            ),
            "workspaces/carol/local/steps/broken.yaml": "name: Broken\nx: 1\n",
        }
    )
    ran = run_stepwell("freeze", cwd=root)
    assert (ran.exit_code, ran.stdout) == (1, ""), ran.stderr
    told = ran.stderr.splitlines()
    assert told[0] == (
        "error: workspace alice has 1 error, so package/_workspaces/alice.py and its part of module.py "
        "and alice.py are not frozen"
    )
    assert told[3].startswith("error: workspace carol has ")
    assert told[3].endswith("so package/_workspaces/carol.py and its part of module.py are not frozen")
    after = files_in(root)
    assert [path for path in after if path.endswith((".py", ".pyi")) and before.get(path) != after[path]] == [
        "module.py",
        "module.pyi",
        "package/_workspaces/bob.py",
        "package/step_names.py",
        "package/step_names.pyi",
    ]
    for module in ("package/step_names.py", "module.py"):
        assert table_of(root / module, "alice")["Scoring"]["config_class"] == "FastConfig"
        assert table_of(root / module, "alice")["Scoring"]["description"] == "Score it."
        assert list(table_of(root / module, "bob")) == [
            "More",
            "Scoring",
            "Tuning",
        ]
    checked = run_stepwell("freeze", "--check", cwd=root)
    assert (checked.exit_code, checked.stdout, checked.stderr) == (
        1,
        "",
        "".join(f"{line}\n" for line in told if not line.startswith(("wrote", "unchanged"))),
    )


def test_the_file_of_a_removed_workspace_is_deleted(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**FILES, "stepwell.toml": '[[freeze]]\noutput = "package/"\nworkspace = "all"\n'})
    assert run_stepwell("freeze", "-q", cwd=root).exit_code == 0
    (root / "package/_workspaces/mine.py").write_text("ROWS = {}\n")
    shutil.rmtree(root / "workspaces/bob")
    stale = "package/_workspaces/bob.py"
    checked = run_stepwell("freeze", "--check", cwd=root)
    assert checked.exit_code == 1
    assert f"{stale}: the workspace of this generated file does not exist any more; run" in checked.stderr
    doctor = run_stepwell("doctor", cwd=root)
    assert f"- Run `stepwell freeze`: the workspace of {stale} does not exist any more." in doctor.stdout
    (root / "workspaces/alice/override/steps/more.yaml").write_text("name: More\n")
    assert run_stepwell("freeze", "-q", cwd=root).exit_code == 1
    assert (root / stale).is_file()  # while there are errors, a workspace may only seem to be removed
    (root / "workspaces/alice/override/steps/more.yaml").unlink()
    ran = run_stepwell("freeze", cwd=root)
    assert (ran.exit_code, ran.stderr.splitlines()[-1]) == (0, f"deleted {stale}")
    assert sorted(os.listdir(root / "package/_workspaces")) == ["__init__.py", "alice.py", "mine.py"]
    (root / "package/_workspaces/mine.py").unlink()
    assert run_stepwell("freeze", "--check", cwd=root).exit_code == 0


def test_the_location_of_an_error_is_relative_to_the_working_directory(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project({**FILES, "registry.d/steps/scoring.yaml": "name: Scoring\n"})
    (root / "stepwell.toml").write_text(CONFIG)
    ran = run_stepwell("freeze", cwd=root / "registry.d")
    assert ran.exit_code == 1
    assert "(steps/scoring.yaml:1:1)\n" in ran.stderr


def test_a_warning_stops_nothing(project: Project, run_stepwell: RunStepwell) -> None:
    same = {"workspaces/alice/override/steps/scoring.yaml": "name: Scoring\npriority: 100\n"}
    root = project({**FILES, **same})
    assert run_stepwell("freeze", "-w", "alice", "--output", "alice.py", cwd=root).exit_code == 0


@pytest.mark.parametrize("config", ["[[freeze]]\noutput = 1\n", "[[freeze]]\n", "[[freeze]\n"])
def test_broken_settings_are_not_taken_for_empty_ones(
    project: Project, run_stepwell: RunStepwell, config: str
) -> None:
    ran = run_stepwell("freeze", cwd=project({**FILES, "stepwell.toml": config}))
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert ran.stderr.startswith("error: stepwell.toml has 1 error, so nothing is frozen\n  first: ")
    assert ran.stderr.endswith("\n  `stepwell check` shows all of them\n")


@pytest.mark.parametrize("name", ["step_names.py", "step_names.pyi"])
def test_a_hand_written_file_stays_and_nothing_beside_it_is_written(
    project: Project, run_stepwell: RunStepwell, name: str
) -> None:
    root = project({**FILES, f"generated/{name}": "STEP_NAMES = {}  # mine\n"})
    before = files_in(root)
    ran = run_stepwell("freeze", cwd=root)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == (
        f"error: generated/{name} was not generated by Stepwell and is not overwritten; move or delete it\n"
    )
    assert files_in(root) == before


def test_a_hand_written_file_of_a_package_stops_the_whole_package(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project({**FILES, "legacy/step_names.py": "mine = 1\n"})
    before = files_in(root)
    ran = run_stepwell("freeze", "--output", "legacy/", cwd=root)
    assert ran.exit_code == 2
    assert ran.stderr == (
        "error: legacy/step_names.py was not generated by Stepwell and is not overwritten; "
        "move or delete it\n"
    )
    assert files_in(root) == before


def test_an_empty_file_and_a_stale_one_are_overwritten(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**FILES, MODULE: "\n"})
    assert run_stepwell("freeze", cwd=root).exit_code == 0
    fresh = (root / MODULE).read_bytes()
    (root / MODULE).write_bytes(fresh.replace(b"Score a batch.", b"Score a stream."))
    ran = run_stepwell("freeze", cwd=root)
    assert ran.stderr == "wrote generated/step_names.py\nunchanged: generated/step_names.pyi\n"
    assert (root / MODULE).read_bytes() == fresh


# --- --check


def test_check_of_a_missing_file_is_one_line(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    before = files_in(root)
    ran = run_stepwell("freeze", "--check", cwd=root)
    assert ran.exit_code == 1
    assert ran.stdout == (
        "missing: generated/step_names.py (run `stepwell freeze`)\n"
        "missing: generated/step_names.pyi (run `stepwell freeze`)\n"
    )
    assert ran.stderr == ("2 frozen files do not match the definitions; run `stepwell freeze` to update\n")
    assert files_in(root) == before


def test_check_of_a_stale_file_shows_the_difference(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    run_stepwell("freeze", cwd=root)
    (root / SCORING).write_text(FILES[SCORING].replace("batch", "stream"))
    before = files_in(root)
    ran = run_stepwell("freeze", "--check", cwd=root)
    assert ran.exit_code == 1
    assert ran.stdout.startswith("--- a/generated/step_names.py\n+++ b/generated/step_names.py\n@@ ")
    assert (
        '\n-        "description": "Score a batch.",\n+        "description": "Score a stream.",\n'
        in ran.stdout
    )
    assert "frozen file" in ran.stderr
    assert files_in(root) == before


def test_the_difference_is_one_that_patch_applies(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    run_stepwell("freeze", cwd=root)
    (root / SCORING).write_text(FILES[SCORING].replace("batch", "stream"))
    difference = run_stepwell("freeze", "--check", cwd=root).stdout
    subprocess.run(["git", "apply", "-"], cwd=root, input=difference.encode(), check=True)
    ran = run_stepwell("freeze", "--check", cwd=root)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "the frozen files are up to date\n")


@pytest.mark.parametrize("change", [b"\r\n", b"", b"\xff"])
def test_check_sees_line_ends_missing_ends_and_bytes_that_are_no_text(
    project: Project, run_stepwell: RunStepwell, change: bytes
) -> None:
    root = project(FILES)
    run_stepwell("freeze", cwd=root)
    fresh = (root / MODULE).read_bytes()
    (root / MODULE).write_bytes(fresh.replace(b"\n", b"\r\n") if change == b"\r\n" else fresh[:-1] + change)
    ran = run_stepwell("freeze", "--check", cwd=root)
    assert ran.exit_code == 1
    if change == b"\r\n":
        assert ran.stdout == "only line endings differ: generated/step_names.py (run `stepwell freeze`)\n"
    else:
        assert ran.stdout.startswith("--- a/generated/step_names.py\n+++ b/generated/step_names.py\n@@ ")
    assert ran.stderr == ("1 frozen file does not match the definitions; run `stepwell freeze` to update\n")


def test_check_of_a_hand_written_file_is_a_difference(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**FILES, MODULE: "mine = 1\n"})
    ran = run_stepwell("freeze", "--check", cwd=root)
    assert ran.exit_code == 1
    assert "\n-mine = 1\n" in ran.stdout


@pytest.mark.parametrize("conversion", ["true", "false"])
def test_line_endings_that_git_converted_are_no_difference(
    project: Project, run_stepwell: RunStepwell, tmp_path: Path, conversion: str
) -> None:
    root = project(FILES)
    assert run_stepwell("freeze", cwd=root).exit_code == 0
    clone = tmp_path / "clone"
    identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
    for command in (
        ["git", "init", "-q"],
        ["git", "add", "."],
        ["git", *identity, "commit", "-qm", "Begin"],
        ["git", "-c", f"core.autocrlf={conversion}", "clone", "-q", str(root), str(clone)],
    ):
        subprocess.run(command, cwd=root, check=True)
    generated = clone / MODULE
    assert (b"\r\n" in generated.read_bytes()) is (conversion == "true")
    assert run_stepwell("freeze", "--check", cwd=clone).exit_code == 0
    generated.write_bytes(
        generated.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + b"x = 1\r\n"
    )
    assert run_stepwell("freeze", "--check", cwd=clone).exit_code == 1


# --- what the file system does


def test_a_link_out_of_the_project_is_not_written_through(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project(FILES)
    outside = root.parent / "outside"
    outside.mkdir()
    (root / "generated").symlink_to(outside)
    ran = run_stepwell("freeze", cwd=root)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == (
        "error: generated/step_names.py leaves the project through a symbolic link; nothing was written\n"
    )
    assert list(outside.iterdir()) == []
    by_option = run_stepwell("freeze", "--output", "generated/x.py", cwd=root)
    assert by_option.stderr == (
        f"error: --output generated/x.py is outside the project {root}; use - and redirect\n"
    )


def test_a_link_inside_the_project_stays_a_link(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    (root / "real").mkdir()
    (root / "generated").symlink_to("real")
    (root / "real" / "step_names.py").symlink_to("target.py")
    assert run_stepwell("freeze", cwd=root).exit_code == 0
    assert (root / "real" / "step_names.py").is_symlink()
    assert "Scoring" in (root / "real" / "target.py").read_text(encoding="utf-8")
    assert run_stepwell("freeze", "--check", cwd=root).exit_code == 0


@pytest.mark.parametrize("checking", [(), ("--check",)])
def test_a_folder_where_the_module_belongs_is_one_line(
    project: Project, run_stepwell: RunStepwell, checking: tuple[str, ...]
) -> None:
    root = project({**FILES, f"{MODULE}/keep": ""})
    ran = run_stepwell("freeze", *checking, cwd=root)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == "error: generated/step_names.py cannot be read: is a directory\n"


def test_a_file_where_the_folder_belongs_is_one_line(project: Project, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("freeze", cwd=project({**FILES, "generated": "mine"}))
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == "error: generated/step_names.py cannot be read: not a directory\n"


FAULTS = {
    "a full disk": ("os.fsync", 28, "no space left on device"),
    "a folder that is read-only": ("builtins.open", 13, "permission denied"),
    "a file system that is read-only": ("os.replace", 30, "read-only file system"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_disk_leaves_the_old_file_and_nothing_else(
    project: Project, run_stepwell: RunStepwell, environment: Mapping[str, str], name: str
) -> None:
    root = project(FILES)
    run_stepwell("freeze", cwd=root)
    (root / SCORING).write_text(FILES[SCORING].replace("batch", "stream"))
    before = files_in(root)
    function, number, words = FAULTS[name]
    code = (
        "import builtins, os, sys; from stepwell.frontends.cli import run\n"
        f"real = {function}\n"
        "def fault(*args, **options):\n"
        f"    if {function!r} == 'builtins.open' and 'x' not in ''.join(map(str, args[1:])):\n"
        "        return real(*args, **options)\n"
        f"    raise OSError({number}, os.strerror({number}))\n"
        f"{function} = fault\n"
        "sys.exit(run(['freeze']))"
    )
    ran = run_python("-c", code, cwd=root, env=environment)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f"error: generated/step_names.py cannot be written: {words}\n"
    assert files_in(root) == before


def test_an_interrupt_while_writing_leaves_the_old_file_and_nothing_else(
    project: Project, run_stepwell: RunStepwell, environment: Mapping[str, str]
) -> None:
    root = project(FILES)
    run_stepwell("freeze", cwd=root)
    (root / SCORING).write_text(FILES[SCORING].replace("batch", "stream"))
    before = files_in(root)
    code = (
        "import os, signal, sys; from stepwell.frontends.cli import run\n"
        "os.fsync = lambda _: signal.raise_signal(signal.SIGINT)\n"
        "sys.exit(run(['freeze']))"
    )
    ran = run_python("-c", code, cwd=root, env=environment)
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "\ninterrupted\n")
    assert files_in(root) == before


def test_names_with_spaces_and_letters_beyond_ascii(project: Project, run_stepwell: RunStepwell) -> None:
    config = '[[freeze]]\noutput = "généré ici/é.py"\n'
    root = project({**FILES, "stepwell.toml": config})
    ran = run_stepwell("freeze", cwd=root)
    assert (ran.exit_code, ran.stderr) == (0, "wrote généré ici/é.py\nwrote généré ici/é.pyi\n")
    assert run_stepwell("freeze", "--check", cwd=root).exit_code == 0


# --- left behind and emptied


def test_a_module_that_no_table_writes_any_more_is_named(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    assert run_stepwell("freeze", "-q", cwd=root).exit_code == 0
    assert run_stepwell("freeze", "-q", "--output", "mine/step_names.py", cwd=root).exit_code == 0
    (root / "stepwell.toml").write_text('[[freeze]]\noutput = "new/step_names.py"\n')
    assert run_stepwell("freeze", "-q", cwd=root).exit_code == 0
    told = "no [[freeze]] table writes this generated module any more; delete it"
    checked = run_stepwell("freeze", "--check", cwd=root)
    assert (checked.exit_code, checked.stderr) == (
        1,
        f"generated/step_names.py: {told}\ngenerated/step_names.pyi: {told}\n",
    )
    doctor = run_stepwell("doctor", cwd=root)
    assert doctor.exit_code == 1
    assert "- Delete generated/step_names.py: no `[[freeze]]` table writes" in doctor.stdout
    for stale in (root / "generated").iterdir():
        stale.unlink()
    assert run_stepwell("freeze", "--check", cwd=root).exit_code == 0
    assert run_stepwell("doctor", "-q", cwd=root).stdout == ""


@pytest.mark.parametrize("output", ["generated/step_names.py", "generated/"])
def test_a_full_table_is_emptied_only_by_force(
    output: str, project: Project, run_stepwell: RunStepwell
) -> None:
    root = project({**FILES, "stepwell.toml": f'[[freeze]]\noutput = "{output}"\n'})
    assert run_stepwell("freeze", "-q", cwd=root).exit_code == 0
    before = files_in(root / "generated")
    (root / SCORING).unlink()
    (root / "workspaces/alice/override/steps/scoring.yaml").unlink()
    refused = run_stepwell("freeze", cwd=root)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert (
        "generated/step_names.py has entries in STEP_NAMES, and no definition is left for them"
        in " ".join(refused.stderr.split())
    )
    assert files_in(root / "generated") == before
    assert run_stepwell("freeze", "--force", "-q", cwd=root).exit_code == 0
    assert answer_of(root / MODULE, "'STEP_NAMES'") == "{}\n"
    assert run_stepwell("freeze", cwd=root).exit_code == 0  # an empty table stays empty without a question


def test_a_moved_core_stops_the_freeze(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    assert run_stepwell("freeze", "-q", cwd=root).exit_code == 0
    (root / "registry.d").rename(root / "registry")
    refused = run_stepwell("freeze", "--force", cwd=root)
    assert refused.exit_code == 1
    assert "first: the folder of the definitions, `registry.d`, does not exist" in refused.stderr
    assert "Scoring" in answer_of(root / MODULE, "'STEP_NAMES'")


def test_an_alias_is_written_checked_and_reported_when_it_is_left_behind(
    project: Project, run_stepwell: RunStepwell
) -> None:
    settings = '[[freeze]]\noutput = "lib/registry/"\nalias = ["lib/steps/registry/"]\n'
    root = project({**FILES, "stepwell.toml": settings})
    alias = "lib/steps/registry/__init__.py"
    assert f"wrote {alias}\n" in run_stepwell("freeze", cwd=root).stderr
    assert run_stepwell("freeze", "--check", cwd=root).exit_code == 0
    (root / "stepwell.toml").write_text(settings.partition("alias")[0])
    checked = run_stepwell("freeze", "--check", cwd=root)
    told = "no [[freeze]] table writes this generated module any more; delete it"
    assert (checked.exit_code, checked.stderr) == (1, f"{alias}: {told}\n")
    (root / alias).write_text("import registry\n")
    (root / "stepwell.toml").write_text(settings)
    refused = run_stepwell("freeze", cwd=root)
    assert refused.exit_code == 2
    assert f"{alias} was not generated by Stepwell and is not overwritten" in refused.stderr


def test_an_output_without_a_valid_ending_is_a_finding_and_no_crash(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project({**FILES, "stepwell.toml": '[[freeze]]\noutput = "names.txt"\n'})
    ran = run_stepwell("freeze", cwd=root)
    assert (ran.exit_code, ran.stderr.splitlines()[:2]) == (
        1,
        [
            "error: stepwell.toml has 1 error, so names.txt is not frozen",
            "  first: `names.txt` must end with `.py` (a module) or `/` (a package) (stepwell.toml:2:10)",
        ],
    )
