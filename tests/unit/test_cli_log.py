"""``stepwell log``: every commit that changed what a view serves of a step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from tests.histories import OVERRIDE, ROW, SCORING, START, History

from stepwell.frontends import cli
from stepwell.source.spelling import Naming

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conftest import RunStepwell

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
BATCH = "registry.d/steps/batch_scoring.yaml"


@pytest.fixture
def history(tmp_path: Path, environment: Mapping[str, str]) -> History:
    made = History(tmp_path / "project", environment)
    made.commit("Begin", {"stepwell.toml": "", SCORING: START})
    return made


def reported(ran: Any) -> str:
    assert (ran.exit_code, ran.stderr) == (0, "")
    text: str = ran.stdout
    return text


def subjects(ran: Any) -> list[str]:
    """The heads of the entries without their ids."""
    blocks = reported(ran).rstrip("\n").split("\n\n")[1:]
    return [block.split("\n")[0].split("  ")[-1] for block in blocks]


def test_every_change_is_reported_newest_first_and_what_is_not_committed_before_all(
    history: History, run_stepwell: RunStepwell
) -> None:
    first = history.git("rev-parse", "HEAD")
    second = history.commit("Raise its priority", {SCORING: START + "priority: 50\n"})
    history.commit("Something else", {"registry.d/steps/other.yaml": "name: Other\ndescription: Else.\n"})
    history.write({SCORING: START + "priority: 50\nx-team: fraud\n"})
    assert reported(run_stepwell("log", "Scoring", cwd=history.project)) == (
        "Scoring in the core\n"
        "\n"
        "uncommitted\n"
        '  x-team: none → "fraud"  registry.d/steps/scoring.yaml:4\n'
        "\n"
        f"{second[:10]}  2026-01-02  Ann  Raise its priority\n"
        "  priority: 100 → 50  registry.d/steps/scoring.yaml:3\n"
        "\n"
        f"{first[:10]}  2026-01-01  Ann  Begin\n"
        "  added  registry.d/steps/scoring.yaml:1\n"
    )


def test_a_commit_that_changes_no_value_is_not_reported(history: History, run_stepwell: RunStepwell) -> None:
    moved = "registry.d/steps/batch/scoring.yaml"
    history.commit("Comment", {SCORING: f"# why\n{START}"})
    history.commit("Say the default", {SCORING: f"{START}priority: 100\n"})
    history.commit("Move", {SCORING: None, moved: START})
    as_toml = 'name = "Scoring"\ndescription = "Score a batch."\n'
    history.commit("Write it as TOML", {moved: None, "registry.d/steps/scoring.toml": as_toml})
    assert subjects(run_stepwell("log", "Scoring", cwd=history.project)) == ["Begin"]


@pytest.mark.parametrize(
    ("old", "new", "because"),
    [
        ("", "aliases: [BatchScoring]\n", "alias"),
        ("deprecated: {replaced_by: Scoring}\n", "description: 1234567890 1234567890\n", "its `replaced_by`"),
        ("x-a: 1234567890\nx-b: 1234567890\n", "", "renamed file"),
    ],
)
def test_a_rename_is_followed(
    tmp_path: Path,
    environment: Mapping[str, str],
    run_stepwell: RunStepwell,
    old: str,
    new: str,
    because: str,
) -> None:
    history = History(tmp_path / "project", environment)
    body = "description: Score a batch.\n"
    history.commit("Begin", {"stepwell.toml": "", BATCH: f"name: BatchScoring\n{body}{old}"})
    history.commit("Under its old name", {BATCH: f"name: BatchScoring\n{body}{old}priority: 7\n"})
    said = new if "description" in new else body + new
    kept = old if because == "renamed file" else ""
    renamed = history.commit("Rename", {BATCH: None, SCORING: f"name: Scoring\n{said}{kept}priority: 7\n"})
    ran = run_stepwell("log", "Scoring", cwd=history.project)
    assert subjects(ran) == ["Rename", "Under its old name", "Begin"]
    assert (
        f"\n{renamed[:10]}  2026-01-03  Ann  Rename\n"
        f"  renamed from BatchScoring ({because})  registry.d/steps/scoring.yaml:1\n" in ran.stdout
    )


def test_without_a_trace_of_a_rename_the_step_is_new(history: History, run_stepwell: RunStepwell) -> None:
    history.commit(
        "Another one", {SCORING: None, "registry.d/steps/rating.yaml": "name: Rating\ndescription: R.\n"}
    )
    assert subjects(run_stepwell("log", "Rating", cwd=history.project)) == ["Another one"]


def test_a_rename_that_is_not_committed_is_followed(history: History, run_stepwell: RunStepwell) -> None:
    history.write(
        {
            SCORING: None,
            "registry.d/steps/rating.yaml": START.replace("Scoring", "Rating") + "aliases: [Scoring]\n",
        }
    )
    ran = run_stepwell("log", "Rating", cwd=history.project)
    assert subjects(ran) == ["uncommitted", "Begin"]
    assert "  renamed from Scoring (alias)  registry.d/steps/rating.yaml:1\n" in ran.stdout


def test_an_alias_represents_the_step_that_has_it_today(history: History, run_stepwell: RunStepwell) -> None:
    history.commit("Alias", {SCORING: START + "aliases: [BatchScoring]\n"})
    ran = run_stepwell("log", "BatchScoring", cwd=history.project)
    assert subjects(ran) == ["Alias", "Begin"]
    assert ran.stdout.startswith("Scoring in the core\n")


def test_a_step_that_is_gone_is_found_by_its_old_name(history: History, run_stepwell: RunStepwell) -> None:
    gone = history.commit("Drop it", {SCORING: None, "registry.d/steps/a.yaml": "name: A\ndescription: A.\n"})
    ran = run_stepwell("log", "Scoring", cwd=history.project)
    assert subjects(ran) == ["Drop it", "Begin"]
    assert (
        f"{gone[:10]}  2026-01-02  Ann  Drop it\n  removed  registry.d/steps/scoring.yaml:1\n" in ran.stdout
    )


def test_history_continues_in_the_old_table_and_the_move_is_no_change(
    tmp_path: Path, environment: Mapping[str, str], run_stepwell: RunStepwell
) -> None:
    history = History(tmp_path / "project", environment)
    table = "src/registry/step_names.py"

    def rows(said: str) -> str:
        return "STEP_NAMES = {\n" + ROW.format(said) + "}\n"

    history.commit("A table", {table: rows("Score.")})
    more = history.commit("Say more", {table: rows("Score a batch.")})
    history.commit("Configure", {"stepwell.toml": ""})
    yaml = START.replace("description", "sagemaker_step_type: Processing\ndescription")
    history.commit("Move", {SCORING: yaml, "registry.d/steps/b.yaml": "name: B\ndescription: B.\n"})
    history.commit("Generated from now on", {table: rows("Whatever.")})
    ran = run_stepwell("log", "Scoring", cwd=history.project)
    assert subjects(ran) == ["Say more", "A table"]
    assert (
        f"{more[:10]}  2026-01-02  Ann  Say more\n"
        '  description: "Score." → "Score a batch."  src/registry/step_names.py:7\n' in ran.stdout
    )


def test_a_step_that_moved_later_than_the_others_was_away_in_between(
    tmp_path: Path, environment: Mapping[str, str], run_stepwell: RunStepwell
) -> None:
    history = History(tmp_path / "project", environment)
    table = "STEP_NAMES = {\n" + ROW.format("Score.") + "}\n"
    history.commit("A table", {"step_names.py": table})
    other = {"registry.d/steps/b.yaml": "name: B\ndescription: B.\n"}
    history.commit("Move the first", {"stepwell.toml": "", **other})
    history.commit("Move the second", {SCORING: START})
    ran = run_stepwell("log", "Scoring", cwd=history.project)
    assert subjects(ran) == ["Move the second", "Move the first", "A table"]
    assert "Move the first\n  removed  step_names.py:2\n" in ran.stdout


def test_a_workspace_has_its_own_history(history: History, run_stepwell: RunStepwell) -> None:
    history.commit("Alice overrides", {OVERRIDE: "name: Scoring\npriority: 5\n"})
    history.commit("Hidden from Alice", {SCORING: START + "priority: 9\n"})
    history.commit("Seen by Alice", {SCORING: START + "priority: 9\nframework: pandas\n"})
    core = run_stepwell("log", "Scoring", cwd=history.project)
    assert subjects(core) == ["Seen by Alice", "Hidden from Alice", "Begin"]
    ran = run_stepwell("log", "Scoring", "--workspace", "alice", cwd=history.project)
    assert subjects(ran) == ["Seen by Alice", "Alice overrides", "Begin"]
    assert ran.stdout.startswith("Scoring in workspace alice\n")
    assert f"  priority: 100 → 5  {OVERRIDE}:2\n" in ran.stdout
    unknown = run_stepwell("log", "Scoring", "-w", "alise", cwd=history.project)
    assert (unknown.exit_code, unknown.stderr) == (
        2,
        "error: unknown workspace: alise (did you mean `alice`?)\n",
    )

    outside = run_stepwell("log", "Scoring", "-w", "../registry.d", cwd=history.project)
    assert outside.exit_code == 2
    assert outside.stderr == ("error: unknown workspace: ../registry.d (not in the project or its history)\n")


def test_a_workspace_that_is_gone_keeps_its_history(history: History, run_stepwell: RunStepwell) -> None:
    history.commit("Alice overrides", {OVERRIDE: "name: Scoring\npriority: 5\n"})
    history.commit("Alice leaves", {OVERRIDE: None})
    ran = run_stepwell("log", "Scoring", "--workspace", "alice", cwd=history.project)
    assert subjects(ran) == ["Alice leaves", "Alice overrides", "Begin"]


def test_what_cannot_be_read_is_reported_and_history_continues(
    history: History, run_stepwell: RunStepwell
) -> None:
    broken = history.commit("Break it", {SCORING: START + "priority: [\n"})
    history.commit("Break it more", {SCORING: b"\xff\x00"})
    mended = history.commit("Mend it", {SCORING: START + "priority: 50\n"})
    ran = run_stepwell("log", "Scoring", cwd=history.project)
    assert subjects(ran) == ["Mend it", "Break it more", "Break it", "Begin"]
    assert f"{mended[:10]}  2026-01-04  Ann  Mend it\n  priority: 100 → 50  {SCORING}:3\n" in ran.stdout
    assert f"\n  could not be read at {broken[:10]}: {SCORING}:4:1: not valid YAML" in ran.stdout


def test_of_a_merge_only_what_it_did_itself_is_reported(history: History, run_stepwell: RunStepwell) -> None:
    base = "name: Scoring\ndescription: Score a batch.\n# a\n# b\n# c\n# d\n# e\n# f\n"
    history.commit("Room", {SCORING: base})
    history.git("checkout", "-q", "-b", "side")
    history.commit("On the side", {SCORING: base + "priority: 50\n"})
    history.git("checkout", "-q", "main")
    history.commit("On main", {SCORING: "framework: pandas\n" + base})
    history.git("merge", "-q", "--no-ff", "-m", "Merge cleanly", "side")
    assert sorted(subjects(run_stepwell("log", "Scoring", cwd=history.project))) == [
        "Begin",
        "On main",
        "On the side",
    ]
    history.write({SCORING: "framework: pandas\nx-evil: 1\n" + base + "priority: 50\n"})
    history.git("commit", "-q", "-a", "--amend", "-m", "Merge with more")
    ran = run_stepwell("log", "Scoring", cwd=history.project)
    assert subjects(ran)[0] == "Merge with more"
    assert f"  Ann  Merge with more\n  x-evil: none → 1  {SCORING}:2\n\n" in ran.stdout


def test_an_edit_under_the_old_name_on_a_side_branch_is_reported(
    history: History, run_stepwell: RunStepwell
) -> None:
    body = START + "".join(f"x-{letter}: 1\n" for letter in "abcdefgh")
    history.commit("Room", {SCORING: body})
    history.git("checkout", "-q", "-b", "side")
    history.commit("Old name on the side", {SCORING: body + "priority: 50\n"})
    history.git("checkout", "-q", "main")
    rating = "registry.d/steps/rating.yaml"
    renamed = "aliases: [Scoring]\n" + body.replace("name: Scoring", "name: Rating")
    history.commit("Rename", {SCORING: None, rating: renamed})
    history.git("merge", "-q", "--no-ff", "-m", "Merge", "side")
    ran = run_stepwell("log", "Rating", cwd=history.project)
    assert sorted(subjects(ran)) == ["Begin", "Old name on the side", "Rename", "Room"]


def test_the_end_of_a_shallow_clone_is_reported(
    history: History, tmp_path: Path, run_stepwell: RunStepwell
) -> None:
    cut = history.commit("Second", {SCORING: START + "priority: 2\n"})
    history.commit("Third", {SCORING: START + "priority: 3\n"})
    clone = tmp_path / "clone"
    history.git("clone", "-q", "--depth", "2", history.root.as_uri(), str(clone))
    ran = run_stepwell("log", "Scoring", cwd=clone)
    assert reported(ran).endswith(
        f"  priority: 2 → 3  {SCORING}:3\n"
        "\n"
        f"shallow clone: no history before {cut[:10]} (run `git fetch --unshallow`)\n"
    )
    assert subjects(ran)[0] == "Third"
    assert (
        json.loads(reported(run_stepwell("log", "Scoring", "--format", "json", cwd=clone)))["cut_off"] == cut
    )


def test_the_number_of_commits_can_be_limited(history: History, run_stepwell: RunStepwell) -> None:
    for number in (1, 2, 3):
        history.commit(f"To {number}", {SCORING: f"{START}priority: {number}\n"})
    ran = run_stepwell("log", "Scoring", "-n", "2", cwd=history.project)
    assert subjects(ran)[:2] == ["To 3", "To 2"]
    assert ran.stdout.endswith("\nolder commits may exist: use a larger -n\n")
    refused = run_stepwell("log", "Scoring", "-n", "0", cwd=history.project)
    assert refused.exit_code == 2


def test_a_revision_is_where_history_begins(history: History, run_stepwell: RunStepwell) -> None:
    history.commit("Second", {SCORING: START + "priority: 2\n"})
    history.write({SCORING: START + "priority: 3\n"})
    assert subjects(run_stepwell("log", "Scoring", "HEAD~1", cwd=history.project)) == ["Begin"]
    assert subjects(run_stepwell("log", "Scoring", "HEAD", cwd=history.project)) == ["Second", "Begin"]
    wrong = run_stepwell("log", "Scoring", "mian", cwd=history.project)
    assert (wrong.exit_code, wrong.stderr) == (
        2,
        "error: unknown revision 'mian' (did you mean `main`?)\n",
    )
    option = run_stepwell("log", "Scoring", "--", "--output=x", cwd=history.project)
    assert option.exit_code == 2
    assert option.stderr.startswith("error: unknown revision '--output=x'")
    assert not (history.project / "x").exists()


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("Scorin", "error: neither the core nor the history has a step `Scorin` (did you mean `Scoring`?)\n"),
        (
            "Nothing",
            "error: neither the core nor the history has a step `Nothing` (run `stepwell list` for a list)\n",
        ),
        ("*", "error: neither the core nor the history has a step `*` (run `stepwell list` for a list)\n"),
        (
            "../x",
            "error: neither the core nor the history has a step `../x` (run `stepwell list` for a list)\n",
        ),
        (
            "\x1b[2J",
            (
                "error: neither the core nor the history has a step `\\x1b[2J` "
                "(run `stepwell list` for a list)\n"
            ),
        ),
        ("", "error: neither the core nor the history has a step `` (run `stepwell list` for a list)\n"),
    ],
)
def test_a_step_that_never_was(history: History, run_stepwell: RunStepwell, asked: str, answer: str) -> None:
    ran = run_stepwell("log", asked, cwd=history.project)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (2, "", answer)


def test_a_step_that_came_later_than_the_revision(history: History, run_stepwell: RunStepwell) -> None:
    history.commit("New", {"registry.d/steps/rating.yaml": "name: Rating\ndescription: R.\n"})
    ran = run_stepwell("log", "Rating", "HEAD~1", cwd=history.project)
    assert ran.exit_code == 2
    assert ran.stderr == "error: the history up to `HEAD~1` has no step `Rating`: it was added later\n"


def test_a_subfolder_a_worktree_and_a_detached_head(
    tmp_path: Path, environment: Mapping[str, str], run_stepwell: RunStepwell
) -> None:
    history = History(tmp_path / "repository", environment, inside="teams/[a]*/project")
    history.commit("Begin", {"stepwell.toml": "", SCORING: START})
    history.commit("Second", {SCORING: START + "priority: 2\n"})
    assert subjects(run_stepwell("log", "Scoring", cwd=history.project)) == ["Second", "Begin"]
    history.git("worktree", "add", "-q", "--detach", str(tmp_path / "tree"), "HEAD~1")
    inside = tmp_path / "tree" / "teams" / "[a]*" / "project"
    assert subjects(run_stepwell("log", "Scoring", cwd=inside)) == ["Begin"]
    hook = {"GIT_DIR": str(tmp_path / "nowhere"), "GIT_INDEX_FILE": "/dev/null"}
    assert subjects(run_stepwell("log", "Scoring", cwd=inside, env=hook)) == ["Begin"]


def test_without_commits_or_without_git(
    tmp_path: Path, environment: Mapping[str, str], run_stepwell: RunStepwell
) -> None:
    fresh = History(tmp_path / "fresh", environment)
    fresh.write({"stepwell.toml": "", SCORING: START})
    assert subjects(run_stepwell("log", "Scoring", cwd=fresh.project)) == ["uncommitted"]
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "stepwell.toml").touch()
    ran = run_stepwell("log", "Scoring", cwd=plain, env={"GIT_CEILING_DIRECTORIES": str(tmp_path)})
    assert ran.exit_code == 2
    assert ran.stderr.startswith(f"error: {plain} has no history: not a git repository")
    none = run_stepwell("log", "Scoring", cwd=fresh.project, env={"PATH": str(plain)})
    assert none.exit_code == 2
    assert none.stderr.startswith("error: git is not installed")


def test_a_core_in_a_submodule_is_rejected(
    history: History, tmp_path: Path, environment: Mapping[str, str], run_stepwell: RunStepwell
) -> None:
    outer = History(tmp_path / "outer", environment)
    outer.commit("Begin", {"stepwell.toml": '[paths]\ncore = "shared/registry.d"\n'})
    outer.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(history.root), "shared")
    outer.commit("Add", {})
    ran = run_stepwell("log", "Scoring", cwd=outer.project)
    assert ran.exit_code == 2
    assert ran.stderr == (
        "error: `shared` is a submodule, whose history is not followed; run `git -C shared log`\n"
    )


def test_links_are_reported_and_not_followed(history: History, run_stepwell: RunStepwell) -> None:
    history.git("mv", "registry.d", "real")
    (history.project / "registry.d").symlink_to("real")
    linked = history.commit("Link it", {})
    ran = run_stepwell("log", "Scoring", cwd=history.project)
    assert ran.exit_code == 2
    assert ran.stderr == (
        f"error: {SCORING} is reached through a symbolic link, which is not followed; run "
        "`git log -- real/steps/scoring.yaml`\n"
    )
    (history.project / "registry.d").unlink()
    history.git("mv", "real", "registry.d")
    history.commit("No link", {SCORING: START + "priority: 2\n"})
    ran = run_stepwell("log", "Scoring", cwd=history.project)
    assert subjects(ran) == ["No link", "Link it", "Begin"]
    assert f"  could not be read at {linked[:10]}: registry.d:1:1: symbolic link" in ran.stdout
    assert f"  Ann  No link\n  priority: 100 → 2  {SCORING}:3\n" in ran.stdout


def test_a_core_that_moved_with_its_configuration(history: History, run_stepwell: RunStepwell) -> None:
    history.commit("Second", {SCORING: START + "priority: 2\n"})
    history.commit(
        "Elsewhere",
        {SCORING: None, "stepwell.toml": '[paths]\ncore = "steps"\n', "steps/steps/scoring.yaml": START},
    )
    ran = run_stepwell("log", "Scoring", cwd=history.project)
    assert subjects(ran) == ["Elsewhere", "Second", "Begin"]


def test_hostile_texts_are_made_visible(history: History, run_stepwell: RunStepwell) -> None:
    history.commit("Sub\x1b[2Jject \u202e", {SCORING: 'name: Scoring\ndescription: "\\x1b[2J\\n"\n'})
    ran = run_stepwell("log", "Scoring", cwd=history.project)
    assert "\x1b" not in ran.stdout
    assert "  Ann  Sub\\x1b[2Jject \\u202e\n" in ran.stdout


def test_json_matches_its_schema(history: History, run_stepwell: RunStepwell) -> None:
    rename = START.replace("Scoring", "Rating") + "aliases: [Scoring]\nx-a: {b: [1, null]}\n"
    history.commit("Rename", {SCORING: None, "registry.d/steps/rating.yaml": rename})
    history.commit("Break", {"registry.d/steps/rating.yaml": "["})
    history.write({"registry.d/steps/rating.yaml": rename + "deprecated: {note: old}\n"})
    schema = json.loads((ROOT / "schemas" / "output-log.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    answer = json.loads(reported(run_stepwell("log", "Rating", "--format", "json", cwd=history.project)))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(answer)] == []
    assert [(one["what"], one["old_name"]) for one in answer["entries"]] == [
        ("changed", None),
        ("unreadable", None),
        ("renamed", "Scoring"),
        ("added", None),
    ]
    assert answer["names"] == ["Rating", "Scoring"]
    assert answer["entries"][0]["fields"] == [
        {
            "field": "deprecated",
            "old": None,
            "new": {"note": "old"},
            "old_place": None,
            "new_place": {"file": "registry.d/steps/rating.yaml", "line": 5, "column": 13},
        }
    ]
    assert not Draft202012Validator(schema).is_valid({**answer, "version": 2})
    assert not Draft202012Validator(schema).is_valid({**answer, "something": "else"})


def test_an_interrupt_ends_it_with_130(
    history: History, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stepwell.review.history.touching", interrupted)
    assert cli.run(["log", "Scoring", "--project", str(history.project)]) == 130
    assert capsys.readouterr().err.strip() == "interrupted"


def test_only_the_files_of_the_step_are_read(
    history: History, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"Other{letter}Step" for letter in "abcdefghij"]
    stem = Naming().stem
    others = {f"registry.d/steps/{stem(name)}.yaml": f"name: {name}\ndescription: O.\n" for name in names}
    history.commit("Others", others)
    history.commit("Second", {SCORING: START + "priority: 2\n"})
    read: list[str] = []
    from stepwell.check import file

    check = file.check_document

    def counted(listed: Any, *rest: Any) -> Any:
        read.append(listed.path)
        return check(listed, *rest)

    monkeypatch.setattr(file, "check_document", counted)
    assert cli.run(["log", "Scoring", "--project", str(history.project)]) == 0
    assert set(read) == {SCORING}
    assert "Second" in capsys.readouterr().out
