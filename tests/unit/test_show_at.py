"""``stepwell show --at``: a step as a revision served it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.histories import ROW, SCORING, START, History

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.conftest import RunStepwell

OVERRIDE = "workspaces/alice/override/steps/scoring.yaml"


@pytest.fixture
def history(tmp_path: Path, environment: Mapping[str, str]) -> History:
    made = History(tmp_path / "project", environment)
    made.commit("A table", {"step_names.py": "STEP_NAMES = {\n" + ROW.format("Score.") + "}\n"})
    made.commit(
        "Definitions", {"stepwell.toml": "", SCORING: START, OVERRIDE: "name: Scoring\npriority: 5\n"}
    )
    made.commit("Rename", {SCORING: None, OVERRIDE: None, "registry.d/steps/rating.yaml": RATING})
    return made


RATING = "name: Rating\ndescription: Rate a batch.\naliases: [Scoring]\n"


def test_a_step_is_shown_as_the_revision_served_it(history: History, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("show", "Scoring", "--at", "HEAD~1", cwd=history.project)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == (
        "name: Scoring\n"
        "description: Score a batch.\n"
        "priority: 100\n"
        "environment_tags: []\n"
        "compatibility_tags: []\n"
        "conflict_resolution_strategy: workspace_priority\n"
        "aliases: []\n"
    )


def test_a_workspace_of_then(history: History, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("show", "Scoring", "--at", "HEAD~1", "-w", "alice", cwd=history.project)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert "priority: 5\n" in ran.stdout
    gone = run_stepwell("show", "Rating", "--at", "HEAD", "-w", "alice", cwd=history.project)
    short = history.git("rev-parse", "--short", "HEAD")
    assert gone.exit_code == 2
    assert gone.stderr == f"error: no workspace alice at HEAD ({short}) (available: none)\n"


def test_an_old_table_is_read_too(history: History, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("show", "Scoring", "--at", "HEAD~2", cwd=history.project)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert "description: Score.\nconfig_class: ScoringConfig\n" in ran.stdout


def test_an_alias_of_then_answers(history: History, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("show", "Scoring", "--at", "main", cwd=history.project)
    assert ran.stdout.startswith("name: Rating\n")


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("Scorin", "did you mean `Scoring`?"),
        ("Rating", "it exists in the core today"),
        ("Nothing", "run `stepwell log` for the history of a step"),
    ],
)
def test_a_step_that_was_not_there(
    history: History, run_stepwell: RunStepwell, asked: str, hint: str
) -> None:
    short = history.git("rev-parse", "--short", "HEAD~1")
    ran = run_stepwell("show", asked, "--at", "HEAD~1", cwd=history.project)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == f"error: no step `{asked}` in the core at HEAD~1 ({short}) ({hint})\n"


def test_a_revision_whose_files_are_broken_serves_the_rest(
    history: History, run_stepwell: RunStepwell
) -> None:
    history.commit("Break one", {"registry.d/steps/broken.yaml": "name: ["})
    history.commit("Mend it", {"registry.d/steps/broken.yaml": None})
    short = history.git("rev-parse", "--short", "HEAD~1")
    ran = run_stepwell("show", "Rating", "--at", "HEAD~1", cwd=history.project)
    assert ran.exit_code == 0
    assert ran.stderr == f"1 error at HEAD~1 ({short}); invalid definitions are skipped\n"
    assert ran.stdout.startswith("name: Rating\n")


def test_no_such_revision_and_none_that_is_an_option(history: History, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("show", "Rating", "--at", "mian", cwd=history.project)
    assert (ran.exit_code, ran.stderr) == (2, "error: unknown revision 'mian' (did you mean `main`?)\n")
    option = run_stepwell("show", "Rating", "--at=--output=x", cwd=history.project)
    assert option.exit_code == 2
    assert option.stderr.startswith("error: unknown revision '--output=x'")


def test_a_revision_from_before_there_was_anything(
    tmp_path: Path, environment: Mapping[str, str], run_stepwell: RunStepwell
) -> None:
    history = History(tmp_path / "project", environment)
    first = history.commit("Nothing yet", {"README": "Hello.\n"})
    history.commit("Begin", {"stepwell.toml": "", SCORING: START})
    ran = run_stepwell("show", "Scoring", "--at", first, cwd=history.project)
    assert ran.exit_code == 2
    assert ran.stderr.startswith(f"error: {first[:7]} has neither a stepwell.toml")
