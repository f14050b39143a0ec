"""``stepwell explain``: the origin of a value, and what lost."""

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
    "registry.d/pipelines/nightly.yaml": (
        "name: Nightly\ndescription: Score each night.\nsteps: [{id: a, step: Scoring}]\n"
    ),
    "registry.d/steps/scoring.yaml": (
        "name: Scoring\n"
        "sagemaker_step_type: Processing\n"
        "description: Score a batch.\n"
        "framework: xgboost\n"
        "aliases: [BatchScoring]\n"
        "deprecated: {since: '1.4', note: Slow.}\n"
    ),
    "workspaces/alice/local/steps/scoring.yaml": (
        "# stepwell: ignore[shadows-core] meant\n"
        "name: Scoring\n"
        "sagemaker_step_type: Processing\n"
        "description: Score a stream.\n"
        "config_class: StreamConfig\n"
        "priority: 60\n"
    ),
    "workspaces/alice/override/steps/scoring.toml": (
        'name = "Scoring"\npriority = 50\nenvironment_tags = ["gpu", "名前"]\n'
    ),
    "workspaces/bob/override/steps/scoring.yaml": (
        "name: Scoring\nframework: null\ndeprecated: {note: Gone.}\nx-team: {name: fraud}\n"
    ),
}


def explained(run_stepwell: RunStepwell, root: Path, *arguments: str) -> str:
    ran = run_stepwell("explain", *arguments, cwd=root)
    assert (ran.exit_code, ran.stderr) == (0, "")
    return ran.stdout


def faults(explanation: Any) -> list[str]:
    contents = json.loads((ROOT / "schemas" / "output-explain.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(contents)
    return [error.message for error in Draft202012Validator(contents).iter_errors(explanation)]


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            ("Scoring.priority", "-w", "alice"),
            [
                "Scoring.priority in workspace alice",
                "  wins   50   override of alice  workspaces/alice/override/steps/scoring.toml:2:12",
                "  loses  60   local of alice     workspaces/alice/local/steps/scoring.yaml:6:11",
                "  loses  100  schema default",
            ],
        ),
        (
            ("Scoring.config_class", "--workspace", "alice"),
            [
                "Scoring.config_class in workspace alice",
                "  wins   StreamConfig   local of alice  workspaces/alice/local/steps/scoring.yaml:5:15",
                "  loses  ScoringConfig  by convention",
            ],
        ),
        (
            ("BatchScoring.spec_type",),
            ["Scoring.spec_type in the core", "  wins   Scoring  by convention"],
        ),
        (
            ("Scoring.environment_tags", "-w", "alice"),
            [
                "Scoring.environment_tags in workspace alice",
                (
                    '  wins   ["gpu", "名前"]  override of alice  '
                    "workspaces/alice/override/steps/scoring.toml:3:20"
                ),
                "  loses  []               schema default",
            ],
        ),
        (
            ("Scoring.framework", "-w", "bob"),
            [
                "Scoring.framework in workspace bob",
                "  wins   (removed)  override of bob  workspaces/bob/override/steps/scoring.yaml:2:12",
                "  loses  xgboost    core             registry.d/steps/scoring.yaml:4:12",
            ],
        ),
        (
            ("Scoring.deprecated.note", "-w", "bob"),
            [
                "Scoring.deprecated.note in workspace bob",
                "  wins   Gone.  override of bob  workspaces/bob/override/steps/scoring.yaml:3:20",
                "  loses  Slow.  core             registry.d/steps/scoring.yaml:6:34",
            ],
        ),
        (
            ("Scoring.x-team.name", "-w", "bob"),
            [
                "Scoring.x-team.name in workspace bob",
                "  wins   fraud  override of bob  workspaces/bob/override/steps/scoring.yaml:4:16",
            ],
        ),
    ],
)
def test_one_field(
    project: Project, run_stepwell: RunStepwell, arguments: tuple[str, ...], lines: list[str]
) -> None:
    assert explained(run_stepwell, project(FILES), *arguments).splitlines() == lines


def test_a_step_is_yaml_with_origins(project: Project, run_stepwell: RunStepwell) -> None:
    assert explained(run_stepwell, project(FILES), "Scoring", "-w", "bob").splitlines() == [
        "# Scoring in workspace bob",
        (
            "name: Scoring                                     # override of bob, "
            "workspaces/bob/override/steps/scoring.yaml:1"
        ),
        "sagemaker_step_type: Processing                   # core, registry.d/steps/scoring.yaml:2",
        "description: Score a batch.                       # core, registry.d/steps/scoring.yaml:3",
        (
            "# framework: removed                              # wins: override of bob, "
            "workspaces/bob/override/steps/scoring.yaml:2, removes xgboost (core)"
        ),
        "config_class: ScoringConfig                       # by convention",
        "builder_step_name: ScoringStepBuilder             # by convention",
        "spec_type: Scoring                                # by convention",
        "priority: 100                                     # schema default",
        "environment_tags: []                              # schema default",
        "compatibility_tags: []                            # schema default",
        "conflict_resolution_strategy: workspace_priority  # schema default",
        (
            "aliases:                                          # core, "
            "registry.d/steps/scoring.yaml:5, replaces [] (schema default)"
        ),
        "  - BatchScoring",
        "deprecated:",
        '  since: "1.4"                                    # wins: core, registry.d/steps/scoring.yaml:6',
        (
            "  note: Gone.                                     # wins: override of bob, "
            "workspaces/bob/override/steps/scoring.yaml:3, replaces Slow. (core)"
        ),
        "x-team:",
        (
            "  name: fraud                                     # override of bob, "
            "workspaces/bob/override/steps/scoring.yaml:4"
        ),
    ]


def test_the_yaml_of_a_step_can_be_read(project: Project, run_stepwell: RunStepwell) -> None:
    long = "word # " * 40 + "end"
    root = project(
        {
            "registry.d/steps/odd.yaml": f"name: Odd\ndescription: {json.dumps(long)}\n"
            "x-a: {b.c: {d: ['#', 'no', 12]}, 'e f': \"two\\nlines\", g: {}}\n"
        }
    )
    document = read_text("odd.yaml", explained(run_stepwell, root, "Odd").encode())
    assert isinstance(document, Document)
    data = thaw(document.data)
    assert data["description"] == long
    assert data["x-a"] == {"b.c": {"d": ["#", "no", 12]}, "e f": "two\nlines", "g": {}}


def test_paths_of_origins_are_relative_to_the_working_directory(
    project: Project, run_stepwell: RunStepwell
) -> None:
    below = project(FILES) / "registry.d"
    assert "# core, steps/scoring.yaml:3\n" in explained(run_stepwell, below, "Scoring")
    assert explained(run_stepwell, below, "Scoring.framework").endswith("  steps/scoring.yaml:4:12\n")


def test_json_matches_its_schema(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    told = explained(run_stepwell, root, "Scoring.priority", "-w", "alice", "--format", "json")
    assert json.loads(told) == {
        "version": 1,
        "workspace": "alice",
        "step": "Scoring",
        "fields": [
            {
                "field": "priority",
                "value": 50,
                "winner": {
                    "value": 50,
                    "how": "stated",
                    "layer": "override",
                    "workspace": "alice",
                    "file": "workspaces/alice/override/steps/scoring.toml",
                    "line": 2,
                    "column": 12,
                },
                "losers": [
                    {
                        "value": 60,
                        "how": "stated",
                        "layer": "local",
                        "workspace": "alice",
                        "file": "workspaces/alice/local/steps/scoring.yaml",
                        "line": 6,
                        "column": 11,
                    },
                    {
                        "value": 100,
                        "how": "schema default",
                        "layer": None,
                        "workspace": None,
                        "file": None,
                        "line": None,
                        "column": None,
                    },
                ],
            }
        ],
    }
    assert told.endswith("]\n}\n")


@pytest.mark.parametrize(
    "arguments",
    [("Scoring",), ("Scoring", "-w", "alice"), ("Scoring", "-w", "bob"), ("Scoring.framework", "-w", "bob")],
)
def test_every_explanation_fits_the_schema(
    project: Project, run_stepwell: RunStepwell, arguments: tuple[str, ...]
) -> None:
    told = json.loads(explained(run_stepwell, project(FILES), *arguments, "--format", "json"))
    assert faults(told) == []
    assert told["workspace"] == (arguments[2] if len(arguments) > 1 else None)
    for field in told["fields"]:
        assert field["value"] == field["winner"]["value"]


def test_the_schema_refuses_what_the_form_never_holds() -> None:
    origin = {
        "value": 1,
        "how": "stated",
        "layer": "core",
        "workspace": None,
        "file": "a.yaml",
        "line": 1,
        "column": 1,
    }
    field = {"field": "priority", "value": 1, "winner": origin, "losers": [origin]}
    good = {"version": 1, "workspace": None, "step": "Scoring", "fields": [field]}
    assert faults(good) == []
    for bad in (
        {**good, "version": 2},
        {**good, "step": None},
        {**good, "fields": []},
        {**good, "more": 1},
        {**good, "fields": [{**field, "more": 1}]},
        {**good, "fields": [{**field, "winner": {**origin, "how": "guessed"}}]},
        {**good, "fields": [{**field, "winner": {**origin, "line": 0}}]},
        {**good, "fields": [{**field, "losers": [{**origin, "layer": "nowhere"}]}]},
        {**good, "fields": [{**field, "losers": [{"value": 1}]}]},
    ):
        assert faults(bad) != []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Scorng",), "no step `Scorng` in the core (did you mean `Scoring`?)"),
        (("Scorng.priority",), "no step `Scorng` in the core (did you mean `Scoring`?)"),
        ((".priority",), "no step `` in the core (run `stepwell list` for a list)"),
        (
            ("Nightly.steps",),
            "no step `Nightly` in the core (it is a pipeline; run `stepwell pipeline show Nightly`)",
        ),
        (("Scoring.priorty",), "a step has no field `priorty` (did you mean `priority`?)"),
        (("Scoring.x-team",), "a step has no field `x-team`"),
        (("Scoring.",), "a step has no field ``"),
        (("Scoring.$schema",), "a step has no field `$schema`"),
        (("Scoring.nonsense", "--format", "json"), "a step has no field `nonsense`"),
    ],
)
def test_an_unknown_step_or_field_is_one_line(
    project: Project, run_stepwell: RunStepwell, arguments: tuple[str, ...], message: str
) -> None:
    ran = run_stepwell("explain", *arguments, cwd=project(FILES))
    assert (ran.exit_code, ran.stdout, ran.stderr) == (2, "", f"error: {message}\n")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("Scoring.deprecated.nott", "`deprecated` has no field `nott` (did you mean `note`?)"),
        ("Scoring.priority.high", "`priority` has no fields"),
        ("Scoring.name.", "`name` has no fields"),
    ],
)
def test_an_unknown_field_inside_a_field_is_one_line(
    project: Project, run_stepwell: RunStepwell, asked: str, message: str
) -> None:
    ran = run_stepwell("explain", asked, cwd=project(FILES))
    assert (ran.exit_code, ran.stdout, ran.stderr) == (2, "", f"error: {message}\n")


def test_an_override_that_is_skipped_is_reported(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**FILES, "workspaces/bob/override/steps/scoring.yaml": "name: Scoring\npriority: 2000\n"})
    ran = run_stepwell("explain", "Scoring.priority", "-w", "bob", cwd=root)
    assert ran.exit_code == 0
    assert ran.stdout == "Scoring.priority in workspace bob\n  wins   100  schema default\n"
    assert ran.stderr == "1 error in workspace bob; invalid definitions are skipped (run `stepwell check`)\n"
    assert run_stepwell("explain", "Scoring.priority", "-w", "bob", "-q", cwd=root).stderr == ""


def test_values_cannot_move_the_cursor(project: Project, run_stepwell: RunStepwell) -> None:
    text = 'name: Odd\ndescription: "two\\nlines \\e[2J \\u202e"\nx-list: ["\\e[2J", 1]\n'
    root = project({"registry.d/steps/odd.yaml": text})
    assert explained(run_stepwell, root, "Odd.description").splitlines()[1] == (
        "  wins   two\\nlines \\x1b[2J \\u202e  core  registry.d/steps/odd.yaml:2:14"
    )
    assert explained(run_stepwell, root, "Odd.x-list").splitlines()[1] == (
        '  wins   ["\\u001b[2J", 1]  core  registry.d/steps/odd.yaml:3:9'
    )
