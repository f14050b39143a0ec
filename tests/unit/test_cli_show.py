"""``stepwell show``: one step, every field filled in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from stepwell.model.schema import resolved_of
from stepwell.source.document import Document, thaw
from stepwell.source.read import read_text

if TYPE_CHECKING:
    from tests.conftest import Project, RunStepwell

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "registry.d/steps/scoring.yaml": (
        "name: Scoring\nsagemaker_step_type: Processing\ndescription: Score a batch.\n"
        "aliases: [BatchScoring]\nx-team: fraud\n"
    ),
    "registry.d/steps/cleaning.yaml": "name: Cleaning\ndescription: Drop rows.\n",
    "workspaces/alice/override/steps/scoring.yaml": (
        "name: Scoring\nframework: xgboost\npriority: 50\nenvironment_tags: [gpu]\n"
        'deprecated: {since: "1.10", note: "two\\nlines"}\n'
    ),
    "workspaces/bob/local/steps/tuning.yaml": "name: Tuning\ndescription: Tune it.\n",
}


def loaded_schema(name: str) -> dict[str, Any]:
    contents: dict[str, Any] = json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(contents)
    return contents


def faults(name: str, record: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(loaded_schema(name)).iter_errors(record)]


@pytest.mark.parametrize("asked", ["Scoring", "BatchScoring"])
def test_a_step_by_name_or_alias(project: Project, run_stepwell: RunStepwell, asked: str) -> None:
    ran = run_stepwell("show", asked, cwd=project(FILES))
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == (
        "name: Scoring\n"
        "sagemaker_step_type: Processing\n"
        "description: Score a batch.\n"
        "config_class: ScoringConfig\n"
        "builder_step_name: ScoringStepBuilder\n"
        "spec_type: Scoring\n"
        "priority: 100\n"
        "environment_tags: []\n"
        "compatibility_tags: []\n"
        "conflict_resolution_strategy: workspace_priority\n"
        "aliases:\n"
        "  - BatchScoring\n"
        "x-team: fraud\n"
    )


def test_json_of_a_workspace(project: Project, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("show", "Scoring", "--workspace", "alice", "--format", "json", cwd=project(FILES))
    assert (ran.exit_code, ran.stderr) == (0, "")
    record = json.loads(ran.stdout)
    assert record == {
        "name": "Scoring",
        "sagemaker_step_type": "Processing",
        "description": "Score a batch.",
        "framework": "xgboost",
        "config_class": "ScoringConfig",
        "builder_step_name": "ScoringStepBuilder",
        "spec_type": "Scoring",
        "priority": 50,
        "environment_tags": ["gpu"],
        "compatibility_tags": [],
        "conflict_resolution_strategy": "workspace_priority",
        "aliases": ["BatchScoring"],
        "deprecated": {"since": "1.10", "note": "two\nlines"},
        "x-team": "fraud",
    }
    assert list(record) == [
        name for name in [*loaded_schema("step")["properties"], "x-team"] if name in record
    ]
    assert ran.stdout.endswith('"x-team": "fraud"\n}\n')


@pytest.mark.parametrize(("step", "workspace"), [("Scoring", ""), ("Scoring", "alice"), ("Cleaning", "")])
def test_a_record_matches_its_schema_and_is_a_definition(
    project: Project, run_stepwell: RunStepwell, step: str, workspace: str
) -> None:
    root = project(FILES)
    as_json = run_stepwell("show", step, "-w", workspace, "--format", "json", cwd=root)
    as_yaml = run_stepwell("show", step, "-w", workspace, cwd=root)
    record = json.loads(as_json.stdout)
    assert faults("output-show", record) == []
    assert faults("step", record) == []
    document = read_text("step.yaml", as_yaml.stdout.encode())
    assert isinstance(document, Document)
    assert thaw(document.data) == record


def test_the_schema_of_a_record_is_that_of_a_step_with_its_defaults_there() -> None:
    def served(field: dict[str, Any]) -> dict[str, Any]:
        of_files = ("default", "convention", "patternErrorMessage")
        kept = {key: value for key, value in field.items() if key not in of_files}
        if "items" in kept:
            kept["items"] = served(kept["items"])
        if "properties" in kept:
            kept["properties"] = {key: served(below) for key, below in kept["properties"].items()}
        return kept

    step, shown = loaded_schema("step"), loaded_schema("output-show")
    derived = resolved_of("step")
    assert {key: shown[key] for key in derived} == derived
    fields = {key: served(field) for key, field in step["properties"].items() if key != "$schema"}
    assert shown["properties"] == fields
    with_default = [key for key, field in step["properties"].items() if "default" in field]
    assert sorted(shown["required"]) == sorted([*step["required"], *with_default])
    assert shown["additionalProperties"] is False
    assert list(shown["patternProperties"]) == list(step["patternProperties"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Scorng",), "no step `Scorng` in the core (did you mean `Scoring`?)"),
        (
            ("scoring", "-w", "alice"),
            "no step `scoring` in workspace alice (did you mean `Scoring`?)",
        ),
        (("Tuning",), "no step `Tuning` in the core (found with `--workspace bob`)"),
        (
            ("Tuning", "-w", "alice"),
            "no step `Tuning` in workspace alice (found with `--workspace bob`)",
        ),
        (("Packaging",), "no step `Packaging` in the core (run `stepwell list` for a list)"),
        (("",), "no step `` in the core (run `stepwell list` for a list)"),
    ],
)
def test_an_unknown_step_is_one_line(
    project: Project, run_stepwell: RunStepwell, arguments: tuple[str, ...], message: str
) -> None:
    ran = run_stepwell("show", *arguments, cwd=project(FILES))
    assert (ran.exit_code, ran.stdout, ran.stderr) == (2, "", f"error: {message}\n")


def test_a_skipped_step_is_not_reported_as_unknown(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**FILES, "registry.d/steps/packaging.yaml": "name: Packaging\n"})
    ran = run_stepwell("show", "Packaging", cwd=root)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == (
        "1 error in the core; invalid definitions are skipped (run `stepwell check`)\n"
        "error: no step `Packaging` in the core (run `stepwell list` for a list)\n"
    )


def test_yaml_on_a_console_without_unicode_reads_back_as_what_was_meant(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project({"registry.d/steps/scoring.yaml": "name: Scoring\ndescription: Évalue 名前.\n"})
    ran = run_stepwell("show", "Scoring", cwd=root, env={"PYTHONIOENCODING": "ascii"})
    document = read_text("step.yaml", ran.stdout.encode())
    assert isinstance(document, Document)
    assert document.data["description"] == "Évalue 名前."


def test_yaml_holds_no_character_that_a_terminal_would_obey(
    project: Project, run_stepwell: RunStepwell
) -> None:
    text = 'name: Scoring\ndescription: "a \\e[2J b \\u202e c \\u200f d"\n'
    ran = run_stepwell("show", "Scoring", cwd=project({"registry.d/steps/scoring.yaml": text}))
    assert [char for char in ran.stdout if not char.isprintable() and char != "\n"] == []
