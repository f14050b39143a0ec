"""``stepwell diff``: names of states, what flags omit, and exit codes.

The output for two states is in ``tests/comparisons``.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Project, RunStepwell

pytestmark = pytest.mark.slow

STEP = "name: {name}\nsagemaker_step_type: Processing\ndescription: Do {name}.\n"
SCORING = "registry.d/steps/scoring.yaml"
FILES = {
    "stepwell.toml": '[[freeze]]\noutput = "step_names.py"\n',
    SCORING: STEP.format(name="Scoring"),
    "registry.d/steps/cleaning.yaml": STEP.format(name="Cleaning"),
    "workspaces/alice/override/steps/scoring.yaml": "name: Scoring\nframework: numpy\n",
    "workspaces/bob/override/steps/cleaning.yaml": "name: Cleaning\npriority: 1\n",
}
TABLE = """\
STEP_NAMES = {
    "Scoring": {
        "config_class": "ScoringConfig",
        "builder_step_name": "ScoringStepBuilder",
        "spec_type": "Scoring",
        "sagemaker_step_type": "Processing",
        "description": "Do Scoring.",
    },
}
"""
GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}


@pytest.fixture
def repository(project: Project) -> Path:
    """A project with one commit on ``main``, and a change of a step that is uncommitted."""
    root = project({**FILES, "old/step_names.py": TABLE, "notes.txt": "x\n"})
    git(root, "init", "-q", "-b", "main")
    commit(root, "one")
    (root / SCORING).write_text(FILES[SCORING] + "framework: xgboost\n", encoding="utf-8")
    return root


def git(root: Path, *words: str) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    done = subprocess.run(
        ["git", *words], cwd=root, env={**environment, **GIT}, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(root: Path, message: str) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", message)


def first_line(text: str) -> str:
    return text.partition("\n")[0]


VERDICT = "risky: 1 risky; 1 step changed in the core, 1 workspace differs"


def test_quiet_prints_the_verdict_alone(repository: Path, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("diff", "-q", cwd=repository)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == f"{VERDICT}\n"


def test_verbose_states_what_added_and_removed_definitions_state(
    repository: Path, run_stepwell: RunStepwell
) -> None:
    (repository / "registry.d/steps/cleaning.yaml").unlink()
    (repository / "registry.d/steps/rating.yaml").write_text(STEP.format(name="Rating"), encoding="utf-8")
    ran = run_stepwell("diff", "-v", cwd=repository)
    assert '  + Rating  registry.d/steps/rating.yaml:1\n      sagemaker_step_type: "Processing"' in ran.stdout
    assert '      description: "Do Cleaning."' in ran.stdout
    assert ran.stderr.startswith(f"project: {repository}\nfiles read: 5 and 5 in ")
    assert "      description" not in run_stepwell("diff", cwd=repository).stdout


@pytest.mark.parametrize(("arguments", "exit_code"), [((), 0), (("--exit-code",), 1)])
@pytest.mark.parametrize("form", ["text", "markdown", "json", "github"])
def test_the_exit_code_reports_a_break_only_on_request(
    repository: Path, run_stepwell: RunStepwell, form: str, arguments: tuple[str, ...], exit_code: int
) -> None:
    (repository / "registry.d/steps/cleaning.yaml").unlink()
    ran = run_stepwell("diff", "--format", form, *arguments, cwd=repository)
    assert (ran.exit_code, ran.stderr) == (exit_code, "")


def test_a_risk_is_no_break(repository: Path, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("diff", "--exit-code", "-q", cwd=repository)
    assert (ran.exit_code, ran.stdout) == (0, f"{VERDICT}\n")


def test_one_workspace_can_be_selected(repository: Path, run_stepwell: RunStepwell) -> None:
    (repository / "workspaces/bob/override/steps/cleaning.yaml").write_text(
        "name: Cleaning\npriority: 2\n", encoding="utf-8"
    )
    views = {
        who: [view["workspace"] for view in json.loads(run_stepwell(*words, cwd=repository).stdout)["views"]]
        for who, words in {
            "all": ("diff", "--format", "json"),
            "alice": ("diff", "--format", "json", "-w", "alice"),
            "bob": ("diff", "--format", "json", "--workspace", "bob"),
        }.items()
    }
    assert views == {"all": [None, "alice", "bob"], "alice": [None, "alice"], "bob": [None, "bob"]}
    effects = json.loads(run_stepwell("diff", "--format", "json", "-w", "bob", cwd=repository).stdout)[
        "effects"
    ]
    assert "alice" not in {effect["workspace"] for effect in effects}
    unknown = run_stepwell("diff", "-w", "alic", cwd=repository)
    assert (unknown.exit_code, unknown.stdout) == (2, "")
    assert unknown.stderr == "error: unknown workspace: alic (did you mean `alice`?)\n"


def test_github_annotates_the_line_that_changed(repository: Path, run_stepwell: RunStepwell) -> None:
    (repository / "registry.d/steps/cleaning.yaml").unlink()
    told = run_stepwell("diff", "--format", "github", cwd=repository).stdout.splitlines()
    assert any(
        line.startswith("::error title=name-left-table::breaking for importers: `Cleaning`") for line in told
    )
    assert any(
        line.startswith(
            "::warning file=workspaces/alice/override/steps/scoring.yaml,line=2,endLine=2,col=12,"
        )
        for line in told
    )


@pytest.mark.parametrize(
    ("arguments", "titles"),
    [
        ((), "from main (SHORT) to the working tree"),
        (("HEAD",), "from HEAD (SHORT) to the working tree"),
        (("SHORT",), "from SHORT to the working tree"),
        (("main", "HEAD"), "from main (SHORT) to HEAD (SHORT)"),
        (("main..",), "from main (SHORT) to HEAD (SHORT)"),
        (("..main",), "from HEAD (SHORT) to main (SHORT)"),
        (("main...",), "from the merge base of main and HEAD (SHORT) to HEAD (SHORT)"),
        ((".",), "from . to the working tree"),
        (("HEAD", "."), "from HEAD (SHORT) to ."),
        ((".", "HEAD"), "from . to HEAD (SHORT)"),
        (("old/step_names.py",), "from old/step_names.py to the working tree"),
        (("HEAD:old/step_names.py",), "from old/step_names.py in HEAD (SHORT) to the working tree"),
        (("HEAD:./old/step_names.py",), "from old/step_names.py in HEAD (SHORT) to the working tree"),
        (("main^{/o:n|e}",), "from main^{/o:n|e} (SHORT) to the working tree"),
        (("--", "HEAD", "main"), "from HEAD (SHORT) to main (SHORT)"),
    ],
)
def test_a_state_is_named_in_many_ways(
    repository: Path, run_stepwell: RunStepwell, arguments: tuple[str, ...], titles: str
) -> None:
    short = git(repository, "rev-parse", "--short", "HEAD")
    if "main^{/o:n|e}" in arguments:
        git(repository, "commit", "-q", "--amend", "-m", "o:n|e")
        short = git(repository, "rev-parse", "--short", "HEAD")
    ran = run_stepwell("diff", *(word.replace("SHORT", short) for word in arguments), cwd=repository)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.splitlines()[0] == titles.replace("SHORT", short)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("main..HEAD", "main"), "`main..HEAD` already names both states; remove `main`"),
        (("",), "a state must not be empty"),
        (("HEAD", ""), "a state must not be empty"),
        (
            ("notes.txt",),
            (
                "`notes.txt` is not a state of a registry: use a revision, a folder, a snapshot (.json) "
                "or an old table (.py, .yaml)"
            ),
        ),
        (
            ("old.json",),
            (
                "`old.json` is neither a file nor a folder, and unknown revision 'old.json': `git log` and "
                "`git branch --all` list all revisions"
            ),
        ),
        (
            ("HEAD:nowhere.py",),
            "HEAD (SHORT) has no file `nowhere.py` (paths start at the root of the repository)",
        ),
        (("HEAD:old",), "HEAD:old has no *.step.yaml files"),
        (
            ("HEAD", "--base-table", "nowhere"),
            "HEAD (SHORT) has no file `nowhere` (paths start at the project folder)",
        ),
        (("HEAD", "--head-table", "old"), "old has no *.step.yaml files"),
        (
            ("HEAD:notes.txt",),
            (
                "HEAD:notes.txt has no table: an old registry has Python modules that assign STEP_NAMES, "
                "LOCAL_STEPS, STEP_OVERRIDES, HYPERPARAMETER_REGISTRY, YAML and JSON tables with their "
                "fields, and *.step.yaml files"
            ),
        ),
        ((":old/step_names.py",), "`:old/step_names.py`: a table in a revision must be written as REV:PATH"),
        (("HEAD:",), "`HEAD:`: a table in a revision must be written as REV:PATH"),
        (("mian:old/step_names.py",), "unknown revision 'mian' (did you mean `main`?)"),
        (("mian..HEAD",), "unknown revision 'mian' (did you mean `main`?)"),
        (("../nowhere/",), "no such file or folder: `../nowhere/`"),
        (("old",), None),
    ],
)
def test_a_word_that_names_nothing_is_rejected_in_one_line(
    repository: Path, run_stepwell: RunStepwell, arguments: tuple[str, ...], message: str | None
) -> None:
    ran = run_stepwell("diff", *arguments, cwd=repository)
    if message is None:  # a folder with an old table and no project is a state
        assert (ran.exit_code, ran.stdout.splitlines()[0]) == (0, "from old to the working tree")
        return
    short = git(repository, "rev-parse", "--short", "HEAD")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (2, "", f"error: {message.replace('SHORT', short)}\n")


def test_a_table_is_named_from_the_top_of_the_repository(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({f"teams/fraud/{path}": text for path, text in {**FILES, "a.py": TABLE}.items()})
    git(root, "init", "-q", "-b", "main")
    commit(root, "one")
    here = root / "teams" / "fraud"
    short = git(root, "rev-parse", "--short", "HEAD")
    for word in ("HEAD:teams/fraud/a.py", "HEAD:./a.py"):
        told = run_stepwell("diff", word, cwd=here).stdout.splitlines()[0]
        assert told == f"from teams/fraud/a.py in HEAD ({short}) to the working tree"
    ran = run_stepwell("diff", "HEAD:a.py", cwd=here)
    assert ran.stderr == (
        f"error: HEAD ({short}) has no file `a.py` (did you mean `HEAD:teams/fraud/a.py`?)\n"
    )
    below = run_stepwell("diff", "HEAD:../a.py", cwd=here / "registry.d")
    assert below.stdout.splitlines()[0] == f"from teams/fraud/a.py in HEAD ({short}) to the working tree"


def test_the_project_can_be_named_from_elsewhere(
    repository: Path, run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    ran = run_stepwell("diff", "-q", "--project", str(repository), cwd=tmp_path / "elsewhere")
    assert (ran.exit_code, ran.stdout) == (0, f"{VERDICT}\n")
    gone = run_stepwell("diff", "--project", "nowhere", cwd=tmp_path)
    assert gone.exit_code == 2
    assert "nowhere" in gone.stderr


def test_the_older_state_is_read_first_where_it_is_a_folder(
    repository: Path, run_stepwell: RunStepwell
) -> None:
    forth = json.loads(run_stepwell("diff", ".", "HEAD", "--format", "json", cwd=repository).stdout)
    back = json.loads(run_stepwell("diff", "HEAD", ".", "--format", "json", cwd=repository).stdout)
    (field,) = forth["views"][0]["changes"][0]["fields"]
    (other,) = back["views"][0]["changes"][0]["fields"]
    assert (field["old"], field["new"]) == ("xgboost", None)
    assert (other["old"], other["new"]) == ("xgboost", None)[::-1]


ACCEPT = "accepted:\n  - what: name-left-table:Cleaning\n    reason: Nobody uses it.\n    until: {until}\n"


@pytest.mark.parametrize(
    ("until", "exit_code", "stale"),
    [
        ('"2999-12-31"', 0, ""),
        ('"2020-01-01"', 1, "acceptance of `name-left-table:Cleaning` expired: 2020-01-01 has passed"),
        ("v1", 1, "acceptance of `name-left-table:Cleaning` expired: v1 has passed"),
        ("main", 1, "acceptance of `name-left-table:Cleaning` expired: main has passed"),
        ("v2", 0, ""),
    ],
)
def test_an_acceptance_ends_with_a_day_or_a_revision(
    repository: Path, run_stepwell: RunStepwell, until: str, exit_code: int, stale: str
) -> None:
    git(repository, "tag", "v1")
    (repository / "registry.d/steps/cleaning.yaml").unlink()
    (repository / "workspaces/bob/override/steps/cleaning.yaml").unlink()
    (repository / "accepted_breaks.yaml").write_text(ACCEPT.format(until=until), encoding="utf-8")
    ran = run_stepwell("diff", "--exit-code", cwd=repository)
    assert (ran.exit_code, ran.stderr) == (exit_code, "")
    assert ("accepted: Nobody uses it. (accepted_breaks.yaml:2" in ran.stdout) is not bool(stale)
    assert (stale in ran.stdout.partition("\nAccepted breaks\n")[2]) if stale else True


def test_an_acceptance_ends_with_a_revision_of_the_newer_state_only(
    repository: Path, run_stepwell: RunStepwell
) -> None:
    (repository / "registry.d/steps/cleaning.yaml").unlink()
    (repository / "workspaces/bob/override/steps/cleaning.yaml").unlink()
    (repository / "workspaces/bob/workspace.yaml").write_text("developer_id: bob\n", encoding="utf-8")
    (repository / "accepted_breaks.yaml").write_text(ACCEPT.format(until="v2"), encoding="utf-8")
    commit(repository, "two")
    (repository / "notes.txt").write_text("y\n", encoding="utf-8")
    commit(repository, "three")
    git(repository, "tag", "v2")
    assert run_stepwell("diff", "HEAD~2", "HEAD~1", "--exit-code", cwd=repository).exit_code == 0
    assert run_stepwell("diff", "HEAD~2", "HEAD", "--exit-code", cwd=repository).exit_code == 1
    assert run_stepwell("diff", "HEAD~2", "--exit-code", cwd=repository).exit_code == 1
    assert run_stepwell("diff", "HEAD~2", ".", "--exit-code", cwd=repository).exit_code == 0


def test_arrows_are_plain_where_the_output_is(repository: Path, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("diff", cwd=repository, env={"PYTHONIOENCODING": "ascii"})
    assert '      framework: none -> "xgboost"  ' in ran.stdout
    assert ran.stdout.isascii()


def test_a_link_out_of_the_project_is_reported_and_not_followed(
    repository: Path, run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    (tmp_path / "secret.yaml").write_text(STEP.format(name="Secret"), encoding="utf-8")
    (repository / "registry.d/steps/secret.yaml").symlink_to(tmp_path / "secret.yaml")
    commit(repository, "two")
    for arguments in (("HEAD~1", "HEAD"), ("HEAD~1",)):
        told = run_stepwell("diff", *arguments, cwd=repository).stdout
        assert "registry.d/steps/secret.yaml:1:1: error[outside-project]" in told
        assert "Secret" not in told


def test_the_help_shows_how_states_are_named(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    told = run_stepwell("diff", "--help", cwd=tmp_path).stdout
    assert told.startswith("Usage: stepwell diff [OPTIONS] [BASE] [HEAD]\n")
    assert "stepwell diff main...HEAD --format markdown --exit-code" in told
