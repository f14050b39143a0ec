"""``stepwell resolve`` and ``stepwell conflicts``: what they print, and how they end."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from tests.warm_python import run_python

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conftest import Project, RunStepwell

ROOT = Path(__file__).resolve().parents[2]
BOB, CAROL = (
    "workspaces/bob/local/steps/model_evaluation.toml",
    "workspaces/carol/local/steps/model_evaluation.yaml",
)
TABLE = f"""\
   DEFINED BY  LAYER  FRAMEWORK   ENVIRONMENT  PRIORITY  FILE
*  bob         local  pytorch     any          85        {BOB}:2
   carol       local  tensorflow  any          85        {CAROL}:2
"""
TIE = f"""\
[ambiguous-resolution]: 2 definitions match `ModelEvaluation`
 --> {BOB}:2:8
  |
2 | name = "ModelEvaluation"
  |        ^^^^^^^^^^^^^^^^^
  |
  = help: specify a workspace, a framework or an environment, or lower the `priority` of one of them
  = ties with {CAROL}:2:7

"""


def shown(text: str) -> str:
    """A block without its margin, which is one column wider in the text form."""
    return "".join(line.removeprefix(" ") for line in text.splitlines(keepends=True))


def faults(schema: str, answer: Any) -> list[str]:
    contents = json.loads((ROOT / "schemas" / f"{schema}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(contents)
    return [error.message for error in Draft202012Validator(contents).iter_errors(answer)]


def test_a_choice_is_reported_with_its_reason_and_every_candidate(run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("resolve", "ModelEvaluation", "--workspace", "bob", cwd=ROOT)
    assert ran.stdout == (
        "ModelEvaluation: selected the definition of workspace bob\n\n"
        "  framework_match  only the definition of workspace bob has the framework pytorch\n\n" + TABLE
    )
    assert (ran.exit_code, ran.stderr) == (0, "")


def test_a_tie_is_broken_and_reported_on_stderr(run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("resolve", "ModelEvaluation", cwd=ROOT)
    assert ran.stdout == (
        "ModelEvaluation: selected the definition of workspace bob\n\n"
        "  workspace_priority  no workspace specified\n"
        "  framework_match     no framework specified\n"
        "  environment_match   no environment specified\n"
        "  priority_based      2 of 2 have the lowest priority, 85; "
        "the core takes precedence, then workspaces by id\n\n" + TABLE
    )
    assert (ran.exit_code, shown(ran.stderr)) == (0, "warning" + TIE)
    again = run_stepwell("resolve", "ModelEvaluation", "--mode", "automatic", cwd=ROOT)
    assert (again.exit_code, again.stdout, again.stderr) == (0, ran.stdout, ran.stderr)


def test_the_strict_mode_refuses_a_tie_with_exit_code_1(run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("resolve", "ModelEvaluation", "--mode", "strict", cwd=ROOT)
    assert (ran.exit_code, ran.stdout, shown(ran.stderr)) == (1, "", "error" + TIE)
    clear = ("--framework", "tensorflow")
    ran = run_stepwell("resolve", "ModelEvaluation", "--mode", "strict", *clear, cwd=ROOT)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.startswith("ModelEvaluation: selected the definition of workspace carol\n")


def ask(environment: Mapping[str, str], answers: str) -> subprocess.CompletedProcess[str]:
    command = ["-m", "stepwell", "resolve", "ModelEvaluation", "--mode", "interactive"]
    return run_python(*command, cwd=ROOT, env=environment, stdin=answers)


QUESTION = f"""\
These definitions are tied:
  1  workspace bob, {BOB}:2
  2  workspace carol, {CAROL}:2
Select a definition: """


def test_the_interactive_mode_asks(environment: Mapping[str, str]) -> None:
    ran = ask(environment, "3\n2\n")
    assert ran.stderr == QUESTION + "Error: 3 is not in the range 1<=x<=2.\nSelect a definition: "
    assert "\n  interactive         selected the definition of workspace carol\n" in ran.stdout
    assert (ran.returncode, ran.stdout.splitlines()[0]) == (
        0,
        "ModelEvaluation: selected the definition of workspace carol",
    )


def test_the_interactive_mode_without_an_answer_refuses(environment: Mapping[str, str]) -> None:
    ran = ask(environment, "")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert shown(ran.stderr.removeprefix(QUESTION)) == "\nerror" + TIE


def test_json_fits_its_schema_and_has_everything(run_stepwell: RunStepwell) -> None:
    for arguments in (
        ("ModelEvaluation",),
        ("Base",),
        ("MIMSPackaging", "-w", "carol"),
        ("XGBoostTraining", "--environment", "gpu, edge", "--framework", "xgboost"),
    ):
        ran = run_stepwell("resolve", *arguments, "--format", "json", cwd=ROOT)
        assert faults("output-resolve", json.loads(ran.stdout)) == [], arguments
    assert json.loads(ran.stdout)["asked"] == {
        "step": "XGBoostTraining",
        "workspace": None,
        "frameworks": ["xgboost"],
        "environment": ["gpu", "edge"],
    }
    ran = run_stepwell("resolve", "ModelEvaluation", "--format", "json", cwd=ROOT)
    answer = json.loads(ran.stdout)
    assert (answer["ambiguous"], answer["strategy"]) == (True, "priority_based")
    assert [(one["workspace"], one["file"], one["line"]) for one in answer["tied"]] == [
        ("bob", BOB, 2),
        ("carol", CAROL, 2),
    ]
    assert answer["chosen"] == answer["tied"][0]
    assert answer["candidates"] == answer["tied"]


def test_an_alias_is_reported_with_its_step(run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("resolve", "MIMSPackaging", "-w", "alice", cwd=ROOT)
    assert ran.stdout.splitlines()[:3] == [
        "MIMSPackaging, an alias of Package: selected the definition of the core",
        "",
        "  workspace_priority  workspace alice does not define it and uses the core's",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ModelEvaluatio",), "no step `ModelEvaluatio` in any view (did you mean `ModelEvaluation`"),
        (("Zzz",), "no step `Zzz` in any view (run `stepwell list` for a list)"),
        (("Base", "-w", "carl"), "unknown workspace: carl (did you mean `carol`?)"),
        (
            ("Base", "--strategy", "priority"),
            "unknown strategy: priority",
        ),
        (("Base", "--mode", "loud"), "Invalid value for '--mode'"),
    ],
)
def test_a_mistake_is_reported_with_exit_code_2(
    run_stepwell: RunStepwell, arguments: tuple[str, ...], message: str
) -> None:
    ran = run_stepwell("resolve", *arguments, cwd=ROOT)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"error: {message}")


def test_the_workspace_of_the_environment_asks(run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("resolve", "ModelEvaluation", cwd=ROOT, env={"STEPWELL_WORKSPACE": "carol"})
    assert ran.stdout.splitlines()[2] == "  workspace_priority  workspace carol defines it"


CONFLICTS = f"""\
ModelEvaluation: conflicting, ambiguous
  bob    local  {BOB}:2
  carol  local  {CAROL}:2
  different fields: description, framework, interface
  Rename one of them, or lower its `priority`: ambiguous when no workspace is specified.

Package: conflicting, ambiguous
  core   core   registry.d/steps/deployment/package.yaml:2
  carol  local  workspaces/carol/local/steps/package.yaml:2
  different fields: description, framework, interface
  Rename one of them, or lower its `priority`: ambiguous when no workspace is specified.

XGBoostTraining: conflicting
  core   core      registry.d/steps/training/xgboost_training.yaml:2
  alice  override  workspaces/alice/override/steps/xgboost_training.yaml:2
  different fields: config_class, builder_step_name, priority, environment_tags
  Rename one of them if they are different steps; otherwise specify a workspace.

3 names have more than one definition: 3 conflicting, 2 ambiguous.
"""


def test_conflicts_of_this_repository(run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("conflicts", cwd=ROOT)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, CONFLICTS, "")
    ran = run_stepwell("conflicts", "--exit-code", cwd=ROOT)
    assert (ran.exit_code, ran.stdout) == (1, CONFLICTS)


def test_conflicts_as_json_fit_their_schema(run_stepwell: RunStepwell) -> None:
    answer = json.loads(run_stepwell("conflicts", "--format", "json", cwd=ROOT).stdout)
    assert faults("output-conflicts", answer) == []
    assert [(one["name"], one["agreement"], one["ambiguous"]) for one in answer["conflicts"]] == [
        ("ModelEvaluation", "conflicting", True),
        ("Package", "conflicting", True),
        ("XGBoostTraining", "conflicting", False),
    ]
    assert [
        (one["layer"], one["file"], one["line"], one["hidden"])
        for one in answer["conflicts"][2]["definitions"]
    ] == [
        ("core", "registry.d/steps/training/xgboost_training.yaml", 2, False),
        ("override", "workspaces/alice/override/steps/xgboost_training.yaml", 2, False),
    ]


def test_no_conflicts(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({"registry.d/steps/scoring.yaml": "name: Scoring\ndescription: Score.\n"})
    ran = run_stepwell("conflicts", "--exit-code", cwd=root)
    assert (ran.exit_code, ran.stdout) == (0, "No name has more than one definition.\n")
    assert run_stepwell("conflicts", "-q", cwd=root).stdout == ""
    assert json.loads(run_stepwell("conflicts", "--format", "json", cwd=root).stdout) == {
        "version": 1,
        "conflicts": [],
    }


@pytest.mark.parametrize("schema", ["output-resolve", "output-conflicts"])
def test_a_schema_shows_examples_that_fit(schema: str) -> None:
    contents = json.loads((ROOT / "schemas" / f"{schema}.schema.json").read_text(encoding="utf-8"))
    assert contents["examples"]
    assert [faults(schema, example) for example in contents["examples"]] == [[]]
