"""``stepwell set``, ``unset``, ``override``, ``deprecate``, ``rename``, ``move`` and ``remove``."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stepwell.frontends import cli

if TYPE_CHECKING:
    from tests.conftest import Project, RunStepwell

TREES = """\
# The trees.
name: Trees
sagemaker_step_type: Training   # of SageMaker
description: Train trees.

framework: 'xgboost'
environment_tags:
  - gpu  # since 2024
x-team: {name: fraud}
"""
FILES = {
    "registry.d/steps/trees.yaml": TREES,
    "registry.d/steps/scoring.toml": (
        'name = "Scoring"  # the name\ndescription = "Score."\nframework = "xgboost"\n'
        '[interface.inputs.model]\npath = "/opt/model"\ntype = "model"\n'
        'compatible_sources = ["Trees", "Trees-training"]\n'
    ),
    "registry.d/steps/old.yaml": "name: Old\ndescription: Old.\ndeprecated: {replaced_by: Trees}\n",
    "registry.d/pipelines/nightly.yaml": (
        "name: Nightly\ndescription: Run.\nsteps:\n  - id: train\n    step: Trees:training  # nightly\n"
    ),
    "workspaces/alice/override/steps/trees.yaml": "name: Trees\npriority: 30\n",
    "workspaces/alice/local/steps/row_count.yaml": "name: RowCount\ndescription: Count rows.\n",
    "workspaces/bob/workspace.yaml": "version: '1.0'\n",
    "src/runner.py": 'STEPS = ["Trees", \'Trees_Training\', "Trees are green"]  # "Trees"\n',
}
CORE = "registry.d/steps/trees.yaml"


def contents(root: Path) -> Mapping[str, str]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes().decode()
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def changed(root: Path, before: Mapping[str, str]) -> dict[str, str | None]:
    after = contents(root)
    return {
        path: after.get(path) for path in sorted({*before, *after}) if before.get(path) != after.get(path)
    }


@pytest.mark.parametrize(
    ("arguments", "path", "old", "new"),
    [
        ("set Trees framework=pytorch", CORE, "'xgboost'", "'pytorch'"),
        ("set Trees environment_tags=gpu,cpu", CORE, "2024\n", "2024\n  - cpu\n"),
        ("set Trees priority=7", CORE, "environment_tags:", "priority: 7\nenvironment_tags:"),
        ("set Trees since=1.10", CORE, "environment_tags:", 'since: "1.10"\nenvironment_tags:'),
        ("set Trees x-team.lead=no", CORE, "fraud}", 'fraud, lead: "no"}'),
        ("set Trees sagemaker_step_type=Tuning", CORE, "Training ", "Tuning "),
        ("set Scoring framework=pytorch", "registry.d/steps/scoring.toml", '"xgboost"', '"pytorch"'),
        ("set Trees priority=40 -w alice", "workspaces/alice/override/steps/trees.yaml", "30", "40"),
        (
            "set Trees framework=pytorch -w alice",
            "workspaces/alice/override/steps/trees.yaml",
            "priority",
            "framework: pytorch\npriority",
        ),
        (
            "set RowCount framework=pandas -w alice",
            "workspaces/alice/local/steps/row_count.yaml",
            "rows.\n",
            "rows.\nframework: pandas\n",
        ),
        ("unset Trees framework", CORE, "framework: 'xgboost'\n", ""),
        ("unset Trees sagemaker_step_type", CORE, "sagemaker_step_type: Training   # of", "# of"),
        (
            "unset Trees framework -w alice",
            "workspaces/alice/override/steps/trees.yaml",
            "priority",
            "framework: null\npriority",
        ),
        (
            "deprecate Trees --replaced-by Scoring --remove-after 2090-01-31",
            CORE,
            "x-team",
            'deprecated:\n  replaced_by: Scoring\n  remove_after: "2090-01-31"\nx-team',
        ),
        ("override Trees -w alice --set priority=31 --set framework=xgboost",
         "workspaces/alice/override/steps/trees.yaml", "30\n", "31\nbased_on:\n  priority: 100\n"),
    ],
)  # fmt: skip
def test_an_edit_changes_the_file_of_the_value_and_nothing_else(
    project: Project, run_stepwell: RunStepwell, arguments: str, path: str, old: str, new: str
) -> None:
    root = project(FILES)
    before = contents(root)
    ran = run_stepwell(*arguments.split(), cwd=root)
    assert (ran.exit_code, ran.stderr, ran.stdout) == (0, "", f"edited {path}\n")
    assert changed(root, before) == {path: before[path].replace(old, new, 1)}


def test_a_missing_override_is_created(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    path = "workspaces/bob/override/steps/trees.yaml"
    assert run_stepwell("set", "Trees", "priority=9", "-w", "bob", cwd=root).stdout == f"wrote {path}\n"
    assert (root / path).read_text() == "name: Trees\npriority: 9\n"
    ran = run_stepwell("unset", "Trees", "priority", "-w", "bob", cwd=root)
    assert ran.stdout == f"deleted {path}\n"  # it would change nothing
    ran = run_stepwell("override", "Trees", "-w", "bob", "--set", "framework=xgboost", cwd=root)
    assert ran.exit_code == 2
    assert "already has these values" in ran.stderr


def test_a_dry_run_prints_a_diff_that_patch_applies(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    before = contents(root)
    arguments = ("set", "--where", "framework=xgboost", "environment_tags=cpu")
    ran = run_stepwell(*arguments, "--dry-run", cwd=root)
    assert ran.exit_code == 0
    assert contents(root) == before
    subprocess.run(["git", "apply"], input=ran.stdout.encode(), cwd=root, check=True)
    patched = changed(root, before)
    assert sorted(patched) == ["registry.d/steps/scoring.toml", CORE]
    for path, text in before.items():
        (root / path).write_bytes(text.encode())
    assert run_stepwell(*arguments, cwd=root).exit_code == 0
    assert changed(root, before) == patched


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("set Trees", "no FIELD=VALUE to set"),
        ("set priority=1", "name a STEP, or select steps with --where"),
        ("set Trees priority=1 --where framework=xgboost", "name a STEP, or select steps"),
        ("set Tress priority=1", "did you mean `Trees`?"),
        ("set Trees priorty=1", "did you mean `priority`?"),
        ("set Trees priority=", "run `stepwell unset` to remove a field"),
        ("set Trees name=X", "run `stepwell rename`"),
        ("set --where framework=none priority=1", "no step in the core has `framework=none`"),
        ("set Trees priority=1 -w carol", "unknown workspace: carol"),
        ("unset Trees priority", "`Trees` does not set `priority`; nothing was written"),
        ("override Trees --set priority=1", "--workspace and at least one --set are required"),
        ("deprecate Trees", "specify --replaced-by"),
        ("deprecate Trees --remove-after soon", "`soon` is no date"),
        ("deprecate Trees --replaced-by Nope", "no step `Nope`"),
        ("rename Trees Old", "step `Old` already exists in the core"),
        ("rename Trees a-b", "`a-b` is not a valid name"),
        ("rename Nope New", "no step `Nope`"),
        ("move Trees --from alice --to alice", "both --from and --to"),
        ("move RowCount --from bob --to core", "no step `RowCount` in workspace bob"),
        ("remove Nope", "no step `Nope`"),
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(
    project: Project, run_stepwell: RunStepwell, arguments: str, message: str
) -> None:
    root = project(FILES)
    before = contents(root)
    ran = run_stepwell(*arguments.split(), cwd=root)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert message in ran.stderr
    assert changed(root, before) == {}


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            "set Nope a-b=1 priorty=2 priority",
            ["unknown field `a-b`", "did you mean `priority`?", "`priority` has no value", "no step `Nope`"],
        ),
        ("set a-b=1 --where b=2 --where c=3", ["unknown field `a-b`", "unknown field `b`"]),
        ("set Trees a-b=1 -w carol", ["unknown field `a-b`", "unknown workspace: carol"]),
        ("unset Nope a-b", ["unknown field `a-b`", "no step `Nope`"]),
        ("override Nope --set a-b=1 -w alice", ["unknown field `a-b`", "no step `Nope`"]),
        (
            "deprecate Nope --remove-after soon --replaced-by Nix",
            ["`soon` is no date", "no step `Nope`", "no step `Nix`"],
        ),
        ("rename Nope a-b", ["no step `Nope`", "`a-b` is not a valid name"]),
        ("move Trees --from carol --to dora", ["unknown workspace: carol", "unknown workspace: dora"]),
    ],
)
def test_all_mistakes_of_a_command_are_reported_together(
    project: Project, run_stepwell: RunStepwell, arguments: str, lines: list[str]
) -> None:
    root = project(FILES)
    before = contents(root)
    ran = run_stepwell(*arguments.split(), cwd=root)
    assert (ran.exit_code, ran.stdout) == (2, "")
    *errors, last = ran.stderr.splitlines()
    assert last == "nothing was written"
    assert [line.startswith("error: ") for line in errors] == [True] * len(errors)
    assert [line for line, part in zip(errors, lines, strict=False) if part not in line] == []
    assert len(errors) >= len(lines)
    assert changed(root, before) == {}


WORKFLOW = """\
# Every night.
workflow:
  name: nightly
  steps:
    - {name: Trees, type: Trees}   # the trees
    - name: repeat
      type: for_loop
      steps: [{name: inner, type: "Trees"}]
      prompt: [{type: Trees, content: Trees}]
"""


def test_a_rename_changes_the_types_of_workflow_steps(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**FILES, "flows/nightly.yaml": WORKFLOW, "flows/broken.yaml": "workflow: [Trees\n"})
    ran = run_stepwell("impact", "Trees", cwd=root)
    assert "Workflows\n  flows/nightly.yaml:5:27  type of a step of a workflow\n" in ran.stdout
    assert run_stepwell("rename", "Trees", "Forest", cwd=root).exit_code == 0
    renamed = WORKFLOW.replace("type: Trees}", "type: Forest}").replace('"Trees"', '"Forest"')
    assert (root / "flows/nightly.yaml").read_text() == renamed
    assert (root / "flows/broken.yaml").read_text() == "workflow: [Trees\n"


def test_an_edit_that_adds_errors_needs_force(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    before = contents(root)
    ran = run_stepwell("set", "Trees", "priority=2000", cwd=root)
    assert ran.exit_code == 1
    assert "error[out-of-range]: `priority` must be at most 1000, got 2000" in ran.stdout
    assert ran.stdout.endswith("the edit adds errors, so nothing was written (--force writes the files)\n")
    assert changed(root, before) == {}
    assert run_stepwell("set", "Trees", "priority=2000", "--force", cwd=root).exit_code == 0
    assert list(changed(root, before)) == [CORE]


def test_json_lists_the_files_with_their_diffs(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    ran = run_stepwell("set", "Trees", "priority=7", "--json", cwd=root)
    record: dict[str, Any] = json.loads(ran.stdout)
    assert (record["version"], record["written"], record["diagnostics"]) == (1, True, [])
    assert [(file["path"], file["change"]) for file in record["files"]] == [(CORE, "edited")]
    assert "+priority: 7\n" in record["files"][0]["diff"]


def test_a_rename_changes_every_reference_and_no_answer(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    before = contents(root)
    ran = run_stepwell("rename", "Trees", "Forest", "--python", cwd=root)
    assert (ran.exit_code, ran.stderr) == (0, "")
    references = (
        "registry.d/pipelines/nightly.yaml",
        "registry.d/steps/old.yaml",
        "registry.d/steps/scoring.toml",
    )
    classes = "config_class: TreesConfig\nbuilder_step_name: TreesStepBuilder\nspec_type: Trees\n"
    assert changed(root, before) == {
        **{path: before[path].replace("Trees", "Forest") for path in references},
        "registry.d/steps/forest.yaml": TREES.replace("name: Trees", "name: Forest")
        .replace("environment_tags:", f"{classes}environment_tags:")
        .replace("x-team", "aliases: [Trees]\nx-team"),
        CORE: None,
        "src/runner.py": 'STEPS = ["Forest", \'Forest_Training\', "Trees are green"]  # "Trees"\n',
        "workspaces/alice/override/steps/forest.yaml": "name: Forest\npriority: 30\n",
        "workspaces/alice/override/steps/trees.yaml": None,
    }
    assert run_stepwell("show", "Trees", cwd=root).stdout.startswith("name: Forest\n")


@pytest.mark.parametrize("where", ["core", "bob"])
def test_a_step_moves_to_another_layer(project: Project, run_stepwell: RunStepwell, where: str) -> None:
    root = project(FILES)
    before = contents(root)
    assert run_stepwell("move", "RowCount", "--from", "alice", "--to", where, cwd=root).exit_code == 0
    path = "workspaces/alice/local/steps/row_count.yaml"
    target = "registry.d/steps/row_count.yaml" if where == "core" else path.replace("alice", "bob")
    assert changed(root, before) == {target: before[path], path: None}


def test_an_override_that_moves_to_the_core_is_merged(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(
        {
            **FILES,
            "workspaces/alice/override/steps/trees.yaml": "name: Trees\nframework: null\npriority: 30\n",
        }
    )
    before = contents(root)
    assert run_stepwell("move", "Trees", "--from", "alice", "--to", "core", cwd=root).exit_code == 0
    assert changed(root, before) == {
        CORE: TREES.replace("\nframework: 'xgboost'\n", "priority: 30\n\n"),
        "workspaces/alice/override/steps/trees.yaml": None,
    }


def test_a_used_step_is_removed_only_with_force(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    before = contents(root)
    ran = run_stepwell("remove", "Trees", cwd=root)
    assert ran.exit_code == 1
    assert "  registry.d/pipelines/nightly.yaml:5  step `train` of the pipeline `Nightly`\n" in ran.stdout
    assert changed(root, before) == {}
    assert run_stepwell("remove", "Trees", "--force", cwd=root).exit_code == 0
    assert changed(root, before) == {CORE: None, "workspaces/alice/override/steps/trees.yaml": None}
    assert run_stepwell("remove", "RowCount", "-w", "alice", cwd=root).exit_code == 0


def test_files_that_cannot_be_edited_are_rejected(
    project: Project, run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    root = project(FILES)
    os.chmod(root / CORE, 0o444)
    ran = run_stepwell("set", "Trees", "priority=1", cwd=root)
    assert (ran.exit_code, ran.stderr) == (
        2,
        f"error: {CORE}:1: the file is read-only; nothing was written\n",
    )
    (tmp_path / "outside").mkdir()
    (root / "workspaces/bob/override").symlink_to(tmp_path / "outside")
    ran = run_stepwell("override", "Scoring", "-w", "bob", "--set", "priority=1", cwd=root)
    assert ran.exit_code == 2
    assert "leaves the project through a symbolic link" in ran.stderr
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_link_in_the_project_is_edited_in_its_target_and_never_deleted(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project({**FILES, "shared/trees.yaml": TREES})
    (root / CORE).unlink()
    (root / CORE).symlink_to("../../shared/trees.yaml")
    assert run_stepwell("set", "Trees", "priority=3", cwd=root).exit_code == 0
    assert (root / CORE).is_symlink()
    assert "priority: 3\n" in (root / "shared/trees.yaml").read_text()
    ran = run_stepwell("rename", "Trees", "Forest", cwd=root)
    assert (ran.exit_code, "a symbolic link is not moved or deleted" in ran.stderr) == (2, True)
    assert (root / CORE).is_symlink()


def test_two_edits_at_once_lose_nothing(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    codes: list[int] = []

    def edit(number: int) -> None:
        codes.append(run_stepwell("set", "Trees", f"x-{number}={number}", cwd=root).exit_code)

    threads = [threading.Thread(target=edit, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(codes) <= {0, 2}
    text = (root / CORE).read_text()
    assert sum(f"x-{number}: {number}\n" in text for number in range(6)) == codes.count(0) > 0
    assert text.startswith(TREES)


ALICE = "workspaces/alice/override/steps/trees.yaml"
OVERRIDE = "name: Trees\nframework: pytorch  # mine\npriority: 30\nbased_on:\n"


@pytest.mark.parametrize(
    ("flags", "core", "after", "exit_code"),
    [
        # The core changes to the value of the override, which is removed.
        (
            "",
            "priority: 30\n",
            "name: Trees\nframework: pytorch  # mine\nbased_on:\n  framework: xgboost\n",
            0,
        ),
        # The core changes to another value.
        ("", "priority: 60\n", None, 1),
        (
            "--ours",
            "priority: 60\n",
            f"{OVERRIDE}  framework: xgboost\n  priority: 60\n",
            0,
        ),
        (
            "--theirs",
            "priority: 60\n",
            "name: Trees\nframework: pytorch  # mine\nbased_on:\n  framework: xgboost\n",
            0,
        ),
        # The core does not change.
        ("", "", None, 0),
    ],
)
def test_a_rebase_merges_fields(
    project: Project, run_stepwell: RunStepwell, flags: str, core: str, after: str | None, exit_code: int
) -> None:
    text = f"{OVERRIDE}  framework: xgboost\n  priority: 100\n"
    root = project({**FILES, CORE: f"{TREES}{core}", ALICE: text})
    before = contents(root)
    ran = run_stepwell("rebase", "alice", *flags.split(), cwd=root)
    assert ran.exit_code == exit_code, ran
    assert changed(root, before) == ({} if after is None else {ALICE: after})
    if exit_code:
        assert (
            "warning[outdated-override]: `priority` of `Trees` changed from 100 to 60 below this"
            in ran.stdout
        )
        assert ran.stdout.endswith("1 conflict: choose --ours or --theirs\n")
    else:
        assert "outdated-override" not in run_stepwell("check", cwd=root).stdout
        before = contents(root)
        assert run_stepwell("rebase", "alice", cwd=root).stdout == "nothing to change\n"
        assert changed(root, before) == {}


def test_a_rebase_records_unknown_values_and_removes_an_override_without_effect(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project(FILES)
    assert run_stepwell("rebase", "alice", cwd=root).exit_code == 0
    assert (root / ALICE).read_text() == "name: Trees\npriority: 30\nbased_on:\n  priority: 100\n"
    (root / CORE).write_text(f"{TREES}priority: 30\n")
    assert run_stepwell("rebase", "alice", cwd=root).exit_code == 0
    assert not (root / ALICE).exists()


def test_the_next_command_completes_an_edit_that_was_killed(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project(FILES)
    before = contents(root)
    child = os.fork()
    if child == 0:
        replace, count = os.replace, 0

        def dying(*arguments: Any) -> None:
            nonlocal count
            count += 1
            if count == 4:  # after the journal and some files
                os._exit(9)
            replace(*arguments)

        os.replace = dying  # type: ignore[assignment]
        os.chdir(root)
        cli.run(["rename", "Trees", "Forest", "--quiet"])
        os._exit(0)
    assert os.waitpid(child, 0)[1] != 0
    assert len(changed(root, before)) > 0
    ran = run_stepwell("check", cwd=root)
    assert "completed an interrupted command" in ran.stderr
    assert "no findings" in ran.stdout
    assert (root / "registry.d/steps/forest.yaml").exists()
    assert not (root / CORE).exists()


def test_a_full_disk_leaves_all_files_as_they_were(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = project(FILES)
    before = contents(root)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.chdir(root)
    assert cli.run(["rename", "Trees", "Forest"]) == 2
    assert "no space left on device; nothing was written" in capsys.readouterr().err
    assert changed(root, before) == {}


def test_a_stored_load_has_the_findings_and_edits_of_a_new_one(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project({**FILES, ALICE: f"{OVERRIDE}  framework: pandas  # then\n"})
    first = run_stepwell("check", cwd=root).stdout
    assert '`framework` of `Trees` changed from "pandas" to "xgboost" below this override' in first
    again = run_stepwell("check", cwd=root).stdout
    assert again.rpartition(" in ")[0] == first.rpartition(" in ")[0]
    assert run_stepwell("rebase", "alice", "--theirs", cwd=root).exit_code == 0
    assert (
        root / ALICE
    ).read_text() == "name: Trees\n# mine\npriority: 30\nbased_on: {priority: 100}  # then\n"


def test_an_invalid_definition_is_corrected(project: Project, run_stepwell: RunStepwell) -> None:
    path = "registry.d/steps/broken.yaml"
    text = "name: Broken\ndescription: B.\npriority: 2000  # too much\nnote: x\n"
    root = project({**FILES, path: text})
    ran = run_stepwell("set", "Broken", "priority=20", cwd=root)
    assert (ran.exit_code, ran.stdout) == (0, f"edited {path}\n")
    assert (root / path).read_text() == text.replace("2000", "20")
    ran = run_stepwell("unset", "Broken", "x-none", cwd=root)
    assert (ran.exit_code, "there is no `x-none`" in ran.stderr) == (2, True)
    (root / path).write_text("name: Broken\nname: Broken\ndescription: B.\n")
    ran = run_stepwell("set", "Broken", "priority=20", cwd=root)
    assert ran.stderr == (
        f"error: {path}:2: the file cannot be edited: duplicate key `name`; nothing was written\n"
    )
