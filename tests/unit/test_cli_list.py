"""``stepwell list``: a table for people, JSON and YAML for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from stepwell.source.document import Document, thaw
from stepwell.source.read import read_text

if TYPE_CHECKING:
    from tests.conftest import Project, RunStepwell

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "stepwell.toml": '[[freeze]]\noutput = "generated/step_names.py"\nfirst = ["Scoring"]\n',
    "registry.d/steps/scoring.yaml": (
        "name: Scoring\nsagemaker_step_type: Processing\ndescription: Score a batch.\nframework: xgboost\n"
    ),
    "registry.d/steps/cleaning.yaml": "name: Cleaning\ndescription: Drop rows.\naliases: [Cleanup]\n",
    "workspaces/alice/override/steps/scoring.yaml": "name: Scoring\npriority: 50\n",
    "workspaces/alice/local/steps/tuning.toml": 'name = "Tuning"\ndescription = "Tune it."\n',
}


def schema() -> Draft202012Validator:
    contents = json.loads((ROOT / "schemas" / "output-list.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(contents)
    return Draft202012Validator(contents)


def faults(listing: Any) -> list[str]:
    return [error.message for error in schema().iter_errors(listing)]


def test_the_core_in_the_order_of_its_table(project: Project, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("list", cwd=project(FILES))
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == (
        "NAME      SAGEMAKER TYPE  FRAMEWORK  LAYER  DESCRIPTION\n"
        "Scoring   Processing      xgboost    core   Score a batch.\n"
        "Cleaning  -               -          core   Drop rows.\n"
    )


@pytest.mark.parametrize("flag", ["-w", "--workspace"])
def test_a_workspace_with_the_topmost_layer_of_each_step(
    project: Project, run_stepwell: RunStepwell, flag: str
) -> None:
    ran = run_stepwell("list", flag, "alice", cwd=project(FILES))
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == (
        "NAME      SAGEMAKER TYPE  FRAMEWORK  LAYER     DESCRIPTION\n"
        "Scoring   Processing      xgboost    override  Score a batch.\n"
        "Cleaning  -               -          core      Drop rows.\n"
        "Tuning    -               -          local     Tune it.\n"
    )


def test_json_matches_its_schema(project: Project, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("list", "--workspace", "alice", "--format", "json", cwd=project(FILES))
    listing = json.loads(ran.stdout)
    assert faults(listing) == []
    assert listing == {
        "version": 1,
        "workspace": "alice",
        "steps": [
            {
                "name": "Scoring",
                "sagemaker_step_type": "Processing",
                "framework": "xgboost",
                "priority": 50,
                "layer": "override",
                "workspace": "alice",
                "file": "workspaces/alice/override/steps/scoring.yaml",
                "description": "Score a batch.",
            },
            {
                "name": "Cleaning",
                "sagemaker_step_type": None,
                "framework": None,
                "priority": 100,
                "layer": "core",
                "workspace": None,
                "file": "registry.d/steps/cleaning.yaml",
                "description": "Drop rows.",
            },
            {
                "name": "Tuning",
                "sagemaker_step_type": None,
                "framework": None,
                "priority": 100,
                "layer": "local",
                "workspace": "alice",
                "file": "workspaces/alice/local/steps/tuning.toml",
                "description": "Tune it.",
            },
        ],
    }
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.endswith("]\n}\n")


@pytest.mark.parametrize("workspace", ["", "alice"])
def test_yaml_and_json_have_equal_data(project: Project, run_stepwell: RunStepwell, workspace: str) -> None:
    root = project(FILES)
    as_json = run_stepwell("list", "-w", workspace, "--format", "json", cwd=root)
    as_yaml = run_stepwell("list", "-w", workspace, "--format", "yaml", cwd=root)
    document = read_text("list.yaml", as_yaml.stdout.encode())
    assert isinstance(document, Document)
    assert thaw(document.data) == json.loads(as_json.stdout)


def test_the_schema_refuses_what_the_form_never_holds() -> None:
    row = {
        "name": "Scoring",
        "sagemaker_step_type": None,
        "framework": None,
        "priority": 100,
        "layer": "core",
        "workspace": None,
        "file": "a.yaml",
        "description": "Score.",
    }
    good = {"version": 1, "workspace": None, "steps": [row]}
    assert faults(good) == []
    for bad in (
        {**good, "version": 2},
        {**good, "workspace": 1},
        {**good, "more": 1},
        {"version": 1, "workspace": None},
        {**good, "steps": [{**row, "layer": "nowhere"}]},
        {**good, "steps": [{**row, "priority": 1001}]},
        {**good, "steps": [{key: value for key, value in row.items() if key != "file"}]},
        {**good, "steps": [{**row, "more": 1}]},
    ):
        assert len(faults(bad)) == 1


def test_a_project_without_steps_has_an_empty_table(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({})
    table = run_stepwell("list", cwd=root)
    assert (table.exit_code, table.stderr) == (0, "")
    assert table.stdout == "NAME  SAGEMAKER TYPE  FRAMEWORK  LAYER  DESCRIPTION\n"
    listing = json.loads(run_stepwell("list", "--format", "json", cwd=root).stdout)
    assert listing == {"version": 1, "workspace": None, "steps": []}
    assert faults(listing) == []


def test_what_is_skipped_is_reported_on_stderr(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**FILES, "registry.d/steps/cleaning.yaml": "name: Cleaning\npriority: 1\n"})
    ran = run_stepwell("list", cwd=root)
    assert ran.exit_code == 0
    assert ran.stderr == "1 error in the core; invalid definitions are skipped (run `stepwell check`)\n"
    assert "Cleaning" not in ran.stdout
    assert "Scoring" in ran.stdout
    assert run_stepwell("list", "-q", cwd=root).stderr == ""


def test_texts_of_a_file_cannot_move_the_cursor_or_shift_a_column(
    project: Project, run_stepwell: RunStepwell
) -> None:
    odd = (
        "name: Odd\n"
        'description: "two\\nlines\\tand \\e[2J \\u202e \\u2028 end"\n'
        'framework: "名前"\n'
        'sagemaker_step_type: "a\\u00a0b"\n'
    )
    ran = run_stepwell("list", cwd=project({**FILES, "registry.d/steps/odd.yaml": odd}))
    assert ran.stdout.splitlines()[3] == (
        "Odd       a\\xa0b          名前       core   two lines and \\x1b[2J \\u202e end"
    )


def test_a_pipe_gets_the_whole_description(project: Project, run_stepwell: RunStepwell) -> None:
    words = "Score a batch of rows. " * 20
    root = project({"registry.d/steps/scoring.yaml": f"name: Scoring\ndescription: {words}\n"})
    ran = run_stepwell("list", cwd=root, env={"COLUMNS": "40"})
    assert ran.stdout.splitlines()[1] == f"Scoring  -               -          core   {words.strip()}"


FILTERED = {
    **FILES,
    "registry.d/steps/serving.yaml": (
        "name: Serving\nsagemaker_step_type: Transform\ndescription: Serve it.\nframework: sklearn\n"
        "environment_tags: [prod, gpu]\ncompatibility_tags: [spark]\n"
    ),
    "workspaces/bob/local/steps/tuning.yaml": "name: Tuning\ndescription: Tune it, too.\n",
}


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ("--type Processing", ["Scoring"]),
        ("--type Processing --type Transform", ["Scoring", "Serving"]),
        ("--framework xgboost", ["Scoring"]),
        ("--tag prod", ["Serving"]),
        ("--tag prod --tag spark", ["Serving"]),
        ("--tag prod --tag absent", []),
        ("--layer core -w alice", ["Cleaning", "Serving"]),
        ("--layer local -w alice", ["Tuning"]),
        ("ING", ["Scoring", "Cleaning", "Serving"]),
        ("scor", ["Scoring"]),
        ("S*", ["Scoring", "Serving"]),
        ("S* --type Transform", ["Serving"]),
        ("absent", []),
        ("--workspace all", ["Scoring", "Cleaning", "Serving", "Scoring", "Tuning", "Tuning"]),
        ("--workspace all --layer local", ["Tuning", "Tuning"]),
    ],
)
def test_steps_are_filtered(
    project: Project, run_stepwell: RunStepwell, options: str, names: list[str]
) -> None:
    root = project(FILTERED)
    ran = run_stepwell("list", *options.split(), cwd=root)
    assert (ran.exit_code, ran.stderr) == (0, "" if names else "no step matches\n")
    assert [line.split()[0] for line in ran.stdout.splitlines()[1:]] == names
    listed = json.loads(run_stepwell("list", *options.split(), "--json", cwd=root).stdout)
    assert faults(listed) == []
    assert [step["name"] for step in listed["steps"]] == names


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ("Scorring", "did you mean `Scoring`?"),
        ("S* --type Transfrom", "did you mean `Transform`?"),
        ("--framework xgbost", "did you mean `xgboost`?"),
        ("--tag prdo --tag prod", "did you mean `prod`?"),
    ],
)
def test_a_list_without_matches_suggests_a_value(
    project: Project, run_stepwell: RunStepwell, options: str, hint: str
) -> None:
    root = project(FILTERED)
    ran = run_stepwell("list", *options.split(), cwd=root)
    assert (ran.exit_code, ran.stderr) == (0, f"no step matches ({hint})\n")
    assert run_stepwell("list", *options.split(), "--quiet", cwd=root).stderr == ""


def test_every_workspace_has_a_column(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILTERED)
    ran = run_stepwell("list", "--workspace", "all", "--layer", "local", cwd=root)
    assert ran.stdout == (
        "NAME    SAGEMAKER TYPE  FRAMEWORK  LAYER  WORKSPACE  DESCRIPTION\n"
        "Tuning  -               -          local  alice      Tune it.\n"
        "Tuning  -               -          local  bob        Tune it, too.\n"
    )
    listed = json.loads(
        run_stepwell("list", "--workspace", "all", "--layer", "local", "--json", cwd=root).stdout
    )
    assert faults(listed) == []
    assert listed["workspace"] == "all"
    assert [(step["name"], step["workspace"]) for step in listed["steps"]] == [
        ("Tuning", "alice"),
        ("Tuning", "bob"),
    ]


def test_headings_are_bold_in_colour(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILTERED)
    for line in ("list", "workspace list", "doctor"):
        assert "\x1b[1m" in run_stepwell(*line.split(), "--color", "always", cwd=root).stdout
        assert "\x1b" not in run_stepwell(*line.split(), cwd=root).stdout
