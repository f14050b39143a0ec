"""``stepwell check --since``: only what a change brought about."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.histories import OVERRIDE, SCORING, START, History

from stepwell.review.introduced import introduced
from stepwell.source.diagnostic import Diagnostic, Severity, Span

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.conftest import RunStepwell

pytestmark = pytest.mark.slow

WRONG = "registry.d/steps/wrong.yaml"
BAD = "name: Wrong\ndescription: W.\nbad: 1\n"


@pytest.fixture
def history(tmp_path: Path, environment: Mapping[str, str]) -> History:
    made = History(tmp_path / "project", environment)
    made.commit("Begin", {"stepwell.toml": "", SCORING: START, WRONG: BAD})
    return made


def found(text: str) -> list[tuple[str, str, int]]:
    return [(one["id"], one["span"]["path"], one["span"]["line"]) for one in json.loads(text)["diagnostics"]]


def note(history: History, count: int, revision: str = "HEAD") -> str:
    title = f"{revision} ({history.git('rev-parse', '--short', revision)})"
    if count == 1:
        return f"1 older finding not shown (already present at {title}).\n"
    return f"{count} older findings not shown (already present at {title}).\n"


def test_only_new_findings_are_reported(history: History, run_stepwell: RunStepwell) -> None:
    history.write({WRONG: f"# a comment\n{BAD}worse: 2\n"})
    ran = run_stepwell("check", "--since", "HEAD", "--format", "json", cwd=history.project)
    assert (ran.exit_code, found(ran.stdout)) == (1, [("unknown-field", WRONG, 5)])
    assert ran.stderr == note(history, 1)
    assert json.loads(ran.stdout)["summary"]["errors"] == 1


def test_nothing_new_is_a_success(history: History, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("check", "--since", "HEAD", cwd=history.project)
    assert (ran.exit_code, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines(keepends=True)
    assert lines[0].startswith("Checked 2 files, 1 step, 0 workspaces: no findings in ")
    assert lines[1:] == [note(history, 1)]
    assert run_stepwell("check", cwd=history.project).exit_code == 1
    quiet = run_stepwell("check", "-q", "--since", "HEAD", cwd=history.project)
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (0, "", "")


@pytest.mark.parametrize("form", ["concise", "github", "sarif", "junit", "json"])
def test_every_form_keeps_to_itself(history: History, run_stepwell: RunStepwell, form: str) -> None:
    ran = run_stepwell("check", "--since", "HEAD", "--format", form, cwd=history.project)
    assert ran.exit_code == 0
    assert "`bad`" not in ran.stdout
    assert "older finding" not in ran.stdout
    assert ran.stderr == note(history, 1)


def test_a_finding_elsewhere_that_a_change_causes_counts(history: History, run_stepwell: RunStepwell) -> None:
    history.commit("Override", {OVERRIDE: "name: Scoring\npriority: 5\n"})
    history.write({SCORING: None})
    ran = run_stepwell("check", "--since", "HEAD", "--format", "json", cwd=history.project)
    assert (ran.exit_code, found(ran.stdout)) == (1, [("override-without-base", OVERRIDE, 1)])


@pytest.mark.parametrize("how", ["committed", "staged", "on disk only"])
def test_a_file_under_another_name_keeps_its_findings(
    history: History, run_stepwell: RunStepwell, how: str
) -> None:
    moved = "registry.d/steps/group/wrong.yaml"
    base = history.git("rev-parse", "HEAD")
    history.write({WRONG: None, moved: BAD})
    if how != "on disk only":
        history.git("add", "-A")
    if how == "committed":
        history.git("commit", "-qm", "Move")
    ran = run_stepwell("check", "--since", base, "--format", "json", cwd=history.project)
    assert (ran.exit_code, found(ran.stdout)) == (0, [])


def test_a_change_begins_at_the_merge_base(history: History, run_stepwell: RunStepwell) -> None:
    history.git("checkout", "-q", "-b", "feature")
    history.commit("Feature", {"registry.d/steps/mine.yaml": BAD.replace("Wrong", "Mine")})
    history.git("checkout", "-q", "main")
    history.commit("Main goes on", {WRONG: None})
    history.git("checkout", "-q", "feature")
    base = history.git("rev-parse", "--short", "HEAD~1")
    ran = run_stepwell("check", "--since", "main", "--format", "json", cwd=history.project)
    assert (ran.exit_code, found(ran.stdout)) == (1, [("unknown-field", "registry.d/steps/mine.yaml", 3)])
    assert ran.stderr == (
        f"1 older finding not shown (already present at the merge base with main ({base})).\n"
    )


def test_where_there_was_no_project_everything_is_new(
    tmp_path: Path, environment: Mapping[str, str], run_stepwell: RunStepwell
) -> None:
    history = History(tmp_path / "project", environment)
    history.commit("Nothing yet", {"README": "Hello.\n"})
    history.commit("Begin", {"stepwell.toml": "", WRONG: BAD})
    ran = run_stepwell("check", "--since", "HEAD~1", "--format", "json", cwd=history.project)
    assert (ran.exit_code, found(ran.stdout), ran.stderr) == (1, [("unknown-field", WRONG, 3)], "")


def test_a_path_and_a_workspace_limit_both(history: History, run_stepwell: RunStepwell) -> None:
    mine = "workspaces/alice/local/steps/mine.yaml"
    history.write({mine: BAD.replace("Wrong", "Mine")})
    ran = run_stepwell("check", WRONG, "--since", "HEAD", cwd=history.project)
    assert (ran.exit_code, ran.stdout.splitlines()[-1] + "\n") == (0, note(history, 1))
    elsewhere = run_stepwell("check", SCORING, "--since", "HEAD", cwd=history.project)
    assert "older" not in elsewhere.stdout
    alice = run_stepwell("check", "-w", "alice", "--since", "HEAD", "--format", "json", cwd=history.project)
    assert (alice.exit_code, found(alice.stdout)) == (1, [("unknown-field", mine, 3)])


def test_findings_of_references_are_compared_too(history: History, run_stepwell: RunStepwell) -> None:
    history.commit(
        "References",
        {
            "stepwell.toml": "[references]\n",
            WRONG: None,
            SCORING: START + "config_class: GoneConfig\n",
            "registry.d/steps/rating.yaml": "name: Rating\ndescription: R.\nconfig_class: RatingConfig\n",
            "src/configs.py": "class RatingConfig:\n    pass\n",
        },
    )
    history.write({"src/configs.py": "class OtherConfig:\n    pass\n"})
    ran = run_stepwell("check", "--since", "HEAD", "--format", "json", cwd=history.project)
    assert (ran.exit_code, found(ran.stdout)) == (1, [("missing-class", "registry.d/steps/rating.yaml", 3)])
    assert ran.stderr == note(history, 1)


def test_a_wrong_revision_and_a_shallow_clone(
    history: History, tmp_path: Path, run_stepwell: RunStepwell
) -> None:
    ran = run_stepwell("check", "--since", "mian", cwd=history.project)
    assert (ran.exit_code, ran.stderr) == (2, "error: unknown revision 'mian' (did you mean `main`?)\n")
    history.git("checkout", "-q", "-b", "feature")
    history.commit("Feature", {})
    history.git("checkout", "-q", "main")
    history.commit("Main", {})
    clone = tmp_path / "clone"
    history.git("clone", "-q", "--depth", "1", "--no-single-branch", history.root.as_uri(), str(clone))
    cut = run_stepwell("check", "--since", "origin/feature", cwd=clone)
    assert cut.exit_code == 2
    assert cut.stderr == (
        "error: origin/feature and HEAD have no common ancestor; this clone is shallow: "
        "fetch its history (`git fetch --unshallow`, `fetch-depth: 0` in CI)\n"
    )


def finding(path: str, line: int, text: str = "", message: str = "wrong") -> Diagnostic:
    return Diagnostic("rule", Severity.ERROR, message, Span(path, line, text=text))


def test_equal_findings_are_counted() -> None:
    old = [finding("a", 1, "x: 1")]
    new = [finding("a", 4, "y: 1"), finding("a", 9, "x: 1")]
    assert introduced(old, new, {}) == ((new[0],), (new[1],))
    assert introduced([], new, {}) == (tuple(new), ())
    assert introduced(new, new, {}) == ((), tuple(new))
    assert introduced([finding("a", 1, "z"), finding("a", 2, "z")], new, {}) == ((), tuple(new))


def test_findings_differ_by_rule_file_and_message_but_not_by_line() -> None:
    old = [finding("a", 1)]
    assert introduced(old, [finding("a", 7)], {}).new == ()
    assert introduced(old, [finding("b", 1)], {}).older == ()
    assert introduced(old, [finding("b", 1)], {"b": "a"}).new == ()
    assert introduced(old, [finding("a", 1, message="other")], {}).older == ()
    assert (
        introduced(
            [Diagnostic("rule", Severity.INFO, "m")], [Diagnostic("rule", Severity.ERROR, "m")], {}
        ).new
        == ()
    )
