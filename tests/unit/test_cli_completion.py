"""Shell completion: commands, options, formats, steps and workspaces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stepwell.frontends.cli import COMMANDS

if TYPE_CHECKING:
    from tests.conftest import Project, RunStepwell

FILES = {
    "registry.d/steps/scoring.yaml": "name: Scoring\ndescription: Score a batch.\n",
    "registry.d/steps/scaling.yaml": "name: Scaling\ndescription: Scale columns.\n",
    "workspaces/alice/local/steps/scanning.yaml": "name: Scanning\ndescription: Scan it.\n",
    "workspaces/albert/workspace.yaml": "",
    "workspaces/bob/workspace.yaml": "",
    "stepwell.toml": '[vocabulary]\nframeworks = ["pandas", "xgboost"]\n',
}


def completed(run_stepwell: RunStepwell, cwd: Path, words: str, **env: str) -> list[str]:
    """What bash is offered for the last of the words."""
    place = str(len(words.split(" ")) - 1)
    ran = run_stepwell(
        cwd=cwd,
        env={"_STEPWELL_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": place, **env},
    )
    assert (ran.exit_code, ran.stderr) == (0, "")
    return [line for line in ran.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("stepwell ", [f"plain,{name}" for name in COMMANDS]),
        ("stepwell exp", ["plain,explain", "plain,explain-rule"]),
        ("stepwell show ", ["plain,Scaling", "plain,Scoring"]),
        ("stepwell show Sco", ["plain,Scoring"]),
        ("stepwell show Nope", []),
        ("stepwell explain Sca", ["plain,Scaling"]),
        ("stepwell show -w alice Sca", ["plain,Scaling", "plain,Scanning"]),
        ("stepwell show --workspace nobody Sca", []),
        ("stepwell list --workspace ", ["plain,albert", "plain,alice", "plain,bob"]),
        ("stepwell list -w al", ["plain,albert", "plain,alice"]),
        ("stepwell check --workspace b", ["plain,bob"]),
        ("stepwell freeze --workspace b", ["plain,bob"]),
        ("stepwell list --format ", ["plain,table", "plain,json", "plain,yaml"]),
        ("stepwell check --fail-on w", ["plain,warning"]),
        ("stepwell check --fail", ["plain,--fail-on"]),
        ("stepwell check ", ["file,"]),
        ("stepwell check registry", ["file,registry"]),
        ("stepwell freeze --output gen", ["file,gen"]),
        ("stepwell set Sco", ["plain,Scoring"]),
        ("stepwell set Scoring fram", ["plain,framework="]),
        ("stepwell set Scoring framework=p", ["plain,framework=pandas"]),
        (
            "stepwell set Scoring conflict_resolution_strategy=w",
            ["plain,conflict_resolution_strategy=workspace_priority"],
        ),
        ("stepwell set --where fram", ["plain,framework="]),
        ("stepwell set Scoring nothing=", []),
        ("stepwell unset Scoring environment", ["plain,environment_tags"]),
        ("stepwell override Scoring -w al", ["plain,albert", "plain,alice"]),
        ("stepwell override Scoring --set prio", ["plain,priority="]),
        ("stepwell rename Sca", ["plain,Scaling"]),
        ("stepwell move Scor", ["plain,Scoring"]),
        ("stepwell move Scoring --from a", ["plain,albert", "plain,alice"]),
        ("stepwell rebase b", ["plain,bob"]),
        ("stepwell init ", ["dir,"]),
        ("stepwell list --project ", ["dir,"]),
    ],
)
def test_what_is_offered(project: Project, run_stepwell: RunStepwell, words: str, offered: list[str]) -> None:
    assert completed(run_stepwell, project(FILES), words) == offered


def test_it_works_in_any_folder_and_for_a_named_project(
    project: Project, run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    root = project(FILES)
    assert completed(run_stepwell, root / "workspaces" / "bob", "stepwell show Sco") == ["plain,Scoring"]
    named = "stepwell show --project project Sco"
    assert completed(run_stepwell, tmp_path, named) == ["plain,Scoring"]
    by_environment = completed(run_stepwell, tmp_path, "stepwell list -w bo", STEPWELL_PROJECT=str(root))
    assert by_environment == ["plain,bob"]


@pytest.mark.parametrize("words", ["stepwell show ", "stepwell explain S", "stepwell list --workspace "])
def test_outside_a_project_nothing_is_offered_and_nothing_said(
    run_stepwell: RunStepwell, tmp_path: Path, words: str
) -> None:
    assert completed(run_stepwell, tmp_path, words) == []


def test_a_broken_project_still_completes(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**FILES, "stepwell.toml": "broken = [", "registry.d/steps/broken.yaml": "name: ["})
    assert completed(run_stepwell, root, "stepwell show Sco") == ["plain,Scoring"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_each_shell(run_stepwell: RunStepwell, tmp_path: Path, shell: str) -> None:
    ran = run_stepwell(cwd=tmp_path, env={"_STEPWELL_COMPLETE": f"{shell}_source"})
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert f"_STEPWELL_COMPLETE={shell}_complete" in ran.stdout
