"""``stepwell new``: one definition, checked before it is written, where it belongs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import stepwell

if TYPE_CHECKING:
    from tests.conftest import Project, RunStepwell

TRAINING = """\
name: TreeTraining
sagemaker_step_type: Training
description: Train trees.
framework: xgboost
priority: 40
environment_tags: [gpu, production]
aliases: [OldTraining]
deprecated: {since: "1.0"}
x-team: {name: fraud}
"""
FILES = {
    "registry.d/steps/training/tree_training.yaml": TRAINING,
    "workspaces/alice/local/steps/tuning.yaml": "name: Tuning\ndescription: Tune it.\n",
    "workspaces/alice/override/steps/tree_training.yaml": "name: TreeTraining\npriority: 30\n",
}


def contents(root: Path) -> Mapping[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_a_step_of_the_core_is_one_file(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    ran = run_stepwell("new", "XGBoostScoring", cwd=root)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == (
        "wrote registry.d/steps/xgboost_scoring.yaml\nnext: stepwell explain XGBoostScoring\n"
    )
    assert (root / "registry.d/steps/xgboost_scoring.yaml").read_text() == (
        "name: XGBoostScoring\ndescription: Describe XGBoostScoring in one sentence.\n"
    )
    assert run_stepwell("check", "--fail-on", "warning", cwd=root).exit_code == 0


def test_it_takes_over_what_another_states_but_its_names_and_its_deprecation(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project(FILES)
    ran = run_stepwell(
        *("new", "DeepTraining", "--like", "OldTraining", "--set", "framework=pytorch", "--set", "priority="),
        *("--set", "description=Train: it's # deep."),
        cwd=root,
    )
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert (root / "registry.d/steps/training/deep_training.yaml").read_text() == (
        "name: DeepTraining\n"
        "sagemaker_step_type: Training\n"
        "description: 'Train: it''s # deep.'\n"
        "framework: pytorch\n"
        "environment_tags: [gpu, production]\n"
        "x-team:\n"
        "  name: fraud\n"
    )


def test_a_workspace_gets_it_in_its_local_layer_alone(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**FILES, "schemas/step.schema.json": "{}"})
    ran = run_stepwell(
        *("new", "Scoring", "--workspace", "alice", "--like", "TreeTraining"),
        *(
            "--set",
            "environment_tags=cpu, spot",
            "--set",
            "aliases=[Scorer]",
            "--set",
            "deprecated.since=1.4",
        ),
        *("--set", "x-owner={team: fraud}"),
        cwd=root,
    )
    path = "workspaces/alice/local/steps/scoring.yaml"
    assert ran.stdout == f"wrote {path}\nnext: stepwell explain Scoring --workspace alice\n"
    first = (root / path).read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=../../../../schemas/step.schema.json"
    registry = stepwell.open(root)
    assert "Scoring" not in registry.view(None)
    made = registry.view("alice")["Scoring"]
    assert (made.priority, made.environment_tags, made.aliases) == (30, ("cpu", "spot"), ("Scorer",))
    assert made.deprecated is not None
    assert made.deprecated.since == "1.4"
    assert dict(made.extensions["x-owner"]) == {"team": "fraud"}


def test_a_field_of_any_depth_is_stated_and_skipped(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({"registry.d/steps/plain.yaml": "name: Plain\ndescription: Plain.\n"})
    said = ["interface.inputs.DATA.compatible_sources=A,B", "interface.env.optional.SIZE=5"]
    said += ["interface.arguments.rows.required=true", "interface.outputs.x.path=/opt/ml/x"]
    ran = run_stepwell("new", "Deep", *(word for one in said for word in ("--set", one)), cwd=root)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert stepwell.open(root).view()["Deep"].interface == {
        "inputs": {"DATA": {"compatible_sources": ("A", "B")}},
        "outputs": {"x": {"path": "/opt/ml/x"}},
        "arguments": {"rows": {"required": True}},
        "env": {"optional": {"SIZE": "5"}},
    }
    left = [
        "interface.inputs.DATA.compatible_sources=",
        "interface.env=",
        "interface.arguments.rows.required=",
    ]
    left += ["interface.outputs.y.path="]
    ran = run_stepwell(
        "new", "Less", "--like", "Deep", *(word for one in left for word in ("--set", one)), cwd=root
    )
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert stepwell.open(root).view()["Less"].interface == {"outputs": {"x": {"path": "/opt/ml/x"}}}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "TreeTraining",
            (
                "step `TreeTraining` already exists in the core "
                "(registry.d/steps/training/tree_training.yaml); "
                "to change it for a workspace, write an override"
            ),
        ),
        (
            "Tuning -w alice",
            "step `Tuning` already exists in the local layer (workspaces/alice/local/steps/tuning.yaml)",
        ),
        ("OldTraining", "`OldTraining` is already an alias of the step `TreeTraining`"),
        ("Scoring -w alcie", "unknown workspace: alcie (did you mean `alice`?)"),
        (
            "Scoring --like TreTraining",
            "no step `TreTraining` in the core (did you mean `TreeTraining`?)",
        ),
        ("Scoring --set framwork=x", "unknown field `framwork` (did you mean `framework`?)"),
        ("Scoring --set deprecated.sinse=1", "`deprecated` has no field `sinse` (did you mean `since`?)"),
        (
            "Scoring --set interface.inputs.DATA.pth=x",
            "`interface.inputs.DATA` has no field `pth` (did you mean `path`?)",
        ),
        (
            "Scoring --set framework",
            "`framework` has no value: use `framework=...`, or `framework=` to omit the field",
        ),
        ("Scoring --set name=Other", "the name is the argument of the command and cannot be set"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    project: Project, run_stepwell: RunStepwell, arguments: str, message: str
) -> None:
    root = project(FILES)
    before = contents(root)
    ran = run_stepwell("new", *arguments.split(), cwd=root)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (2, "", f"error: {message}\n")
    assert contents(root) == before


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["scoring_step"], "error[naming-style]: `scoring_step` is not in PascalCase"),
        (["Sco ring"], "error[wrong-form]"),
        (["../../evil"], "error[wrong-form]"),
        (["Scoring", "--set", "priority=high"], "error[wrong-type]"),
        (["Scoring", "--set", "priority=9999"], "error[out-of-range]"),
        (["Scoring", "--set", "aliases=TreeTraining"], "error[alias-collision]"),
        (["Scoring", "--set", "config_class=1"], "error[wrong-form]"),
    ],
)
def test_what_the_checks_refuse_is_shown_at_its_line_and_not_written(
    project: Project, run_stepwell: RunStepwell, arguments: list[str], found: str
) -> None:
    root = project(FILES)
    before = contents(root)
    ran = run_stepwell("new", *arguments, cwd=root)
    assert (ran.exit_code, ran.stderr) == (1, "")
    assert ran.stdout.startswith(found)
    assert ran.stdout.endswith(" was not written\n")
    assert contents(root) == before


def test_a_file_or_a_link_in_its_place_is_left_alone(
    project: Project, run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    root = project({**FILES, "registry.d/steps/scoring.yaml": "# mine\n"})
    (root / "registry.d/steps/tuning.yaml").symlink_to(tmp_path / "elsewhere")
    ran = run_stepwell("new", "Scoring", cwd=root)
    assert (ran.exit_code, ran.stderr) == (
        2,
        "error: registry.d/steps/scoring.yaml already exists; nothing was written\n",
    )
    assert (root / "registry.d/steps/scoring.yaml").read_text() == "# mine\n"
    linked = run_stepwell("new", "Tuning", cwd=root)
    assert linked.exit_code == 2
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to a read-only folder")
def test_a_folder_that_is_read_only_is_one_line(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    (root / "registry.d/steps").chmod(0o555)
    ran = run_stepwell("new", "Scoring", cwd=root)
    (root / "registry.d/steps").chmod(0o755)
    assert (ran.exit_code, ran.stderr) == (
        2,
        "error: registry.d/steps/scoring.yaml cannot be written: permission denied\n",
    )


@pytest.mark.parametrize("workspace", ["", "alice"])
def test_a_step_with_code_is_complete_and_works(
    project: Project, run_stepwell: RunStepwell, workspace: str
) -> None:
    root = project(FILES)
    before = set(contents(root))
    option = ["--workspace", workspace] if workspace else []
    ran = run_stepwell("new", "RowFilter", "--code", "--set", "priority=7", *option, cwd=root)
    assert (ran.exit_code, ran.stderr) == (0, "")
    base = f"workspaces/{workspace}/" if workspace else ""
    definition = f"{base}local/steps/row_filter.yaml" if workspace else "registry.d/steps/row_filter.yaml"
    names = {
        definition,
        f"{base}docs/row_filter.md",
        *(
            f"{base}src/{part}/__init__.py"
            for part in ("builders", "configs", "contracts", "scripts", "specs")
        ),
        *(f"{base}src/{part}/row_filter.py" for part in ("builders", "configs", "scripts")),
        f"{base}src/contracts/row_filter_contract.py",
        f"{base}src/specs/row_filter_spec.py",
        f"{base}tests/test_row_filter.py",
    }
    assert set(contents(root)) - before == names
    assert b"priority: 7\n" in contents(root)[definition]
    test = subprocess.run(
        [sys.executable, "-m", "unittest", f"{base}tests/test_row_filter.py"], cwd=root, capture_output=True
    )
    assert test.returncode == 0, test.stderr
    assert run_stepwell("align", "RowFilter", *option, cwd=root).exit_code == 0
    again = run_stepwell("new", "RowFilter", "--code", *option, cwd=root)
    assert (again.exit_code, "already exists" in again.stderr) == (2, True)


def test_code_that_exists_is_not_overwritten(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**FILES, "src/scripts/row_filter.py": "mine\n"})
    before = contents(root)
    ran = run_stepwell("new", "RowFilter", "--code", cwd=root)
    assert ran.stderr == "error: src/scripts/row_filter.py already exists; nothing was written\n"
    assert contents(root) == before
