"""``stepwell snapshot``: one state in one file, which is compared like any other."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    from tests.conftest import Project, RunStepwell

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "schemas" / "snapshot.schema.json").read_text(encoding="utf-8"))
SCORING = "registry.d/steps/scoring.yaml"
FILES: dict[str, str | bytes] = {
    "stepwell.toml": '[[freeze]]\noutput = "step_names.py"\nfirst = ["Scoring"]\n',
    SCORING: (
        "\ufeffname: Scoring\r\nsagemaker_step_type: Processing\r\n"
        "description: Größe 多.\r\naliases: [Score]\r\n"
    ),
    "registry.d/steps/cleaning.toml": 'name = "Cleaning"\ndescription = "Clean."\nx-team = {lead = "Ann"}\n',
    "registry.d/hyperparameters/tree.yaml": "name: Tree\nmodule_path: src.tree\ndescription: Of a tree.\n",
    "workspaces/alice/override/steps/scoring.yaml": "name: Scoring\nframework: numpy\naliases: null\n",
    "workspaces/bob/README.md": "nothing yet\n",
    "accepted_breaks.yaml": "accepted:\n  - {what: 'a:b', reason: c}\n",
    "schemas/step.schema.json": '{"type": "object"}\n',
    "src/secret.py": "x = 1\n",
}


def snapshot(root: Path, run: RunStepwell, *arguments: str) -> dict[str, Any]:
    ran = run("snapshot", *arguments, cwd=root)
    assert (ran.exit_code, ran.stderr) == (0, "")
    answer: dict[str, Any] = json.loads(ran.stdout)
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(answer)] == []
    return answer


def test_the_schema_is_valid_and_so_are_its_examples() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    for example in SCHEMA["examples"]:
        assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(example)] == []


def test_it_holds_the_files_that_the_state_is_made_of_and_no_other(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project(FILES)
    answer = snapshot(root, run_stepwell)
    expected = FILES.keys() - {"src/secret.py", "workspaces/bob/README.md"}
    assert answer["files"] == {path: FILES[path] for path in sorted(expected)}
    assert answer["folders"] == ["workspaces/bob"]
    assert answer["title"] == "the working tree"
    assert str(root) not in json.dumps(answer)


def test_each_field_of_each_view_has_its_origin(project: Project, run_stepwell: RunStepwell) -> None:
    core, alice, bob = snapshot(project(FILES), run_stepwell)["views"]
    assert [core["workspace"], alice["workspace"], bob["workspace"]] == [None, "alice", "bob"]
    assert [step["name"] for step in core["steps"]] == ["Scoring", "Cleaning"]
    assert core["first"] == ["Scoring"]
    assert [one["name"] for one in core["hyperparameters"]] == ["Tree"]
    assert bob["steps"] == []
    (scoring,) = alice["steps"]
    place = {
        "layer": "override",
        "workspace": "alice",
        "path": "workspaces/alice/override/steps/scoring.yaml",
    }
    assert scoring["fields"]["framework"] == {
        "value": "numpy",
        "from": {"how": "stated", **place, "line": 2, "column": 12},
    }
    nowhere = {"layer": None, "workspace": None, "path": None, "line": None, "column": None}
    assert scoring["fields"]["config_class"] == {
        "value": "ScoringConfig",
        "from": {"how": "by convention", **nowhere},
    }
    assert scoring["fields"]["aliases"] == {"value": [], "from": {"how": "schema default", **nowhere}}
    assert scoring["fields"]["description"]["from"] == {
        "how": "stated",
        "layer": "core",
        "workspace": None,
        "path": SCORING,
        "line": 3,
        "column": 14,
    }
    assert "deprecated" not in scoring["fields"]
    cleaning = core["steps"][1]["fields"]
    assert cleaning["x-team"]["value"] == {"lead": "Ann"}


def test_it_is_compared_like_the_state_it_was_made_of(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    assert run_stepwell("snapshot", "-o", "before.json", cwd=root).stderr == "wrote before.json\n"
    same = run_stepwell("diff", "before.json", cwd=root)
    assert same.stdout.startswith("from before.json (the working tree) to the working tree\n")
    assert same.stdout.endswith("\n\nno differences\n")
    assert same.stdout == run_stepwell("diff", ".", cwd=root).stdout.replace(
        "from . to", ("from before.json (the working tree) to")
    )
    (root / "elsewhere").mkdir()
    for path, content in FILES.items():
        file = root / "elsewhere" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    (root / SCORING).write_text("name: Scoring\ndescription: Less.\n", encoding="utf-8")
    by_file = json.loads(run_stepwell("diff", "before.json", "--format", "json", cwd=root).stdout)
    by_folder = json.loads(run_stepwell("diff", "elsewhere", "--format", "json", cwd=root).stdout)
    assert by_file.pop("old")["errors"] == by_folder.pop("old")["errors"] == []
    assert by_file == by_folder
    assert by_file["verdict"] == "breaking"
    for words in (("before.json", "."), (".", "before.json"), ("before.json", "before.json")):
        assert run_stepwell("diff", *words, cwd=root).exit_code == 0


def test_a_snapshot_of_a_snapshot_is_equal(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    first = snapshot(root, run_stepwell)
    (root / "a.json").write_text(json.dumps(first), encoding="utf-8")
    second = snapshot(root, run_stepwell, "a.json")
    assert second == first


def test_the_title_of_a_folder_states_nothing_of_the_machine(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project(FILES)
    for word in (str(root), ".", "../project/"):
        assert snapshot(root, run_stepwell, word)["title"] == "project"


def test_the_same_sources_return_the_same_bytes(
    project: Project, run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    root = project(FILES)
    first = run_stepwell("snapshot", cwd=root).stdout
    moved = root.rename(tmp_path / "moved")
    (moved / SCORING).touch()
    second = run_stepwell("snapshot", "-o", "-", cwd=moved, env={"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"})
    assert second.stdout == first
    assert run_stepwell("snapshot", "-o", "a.json", cwd=moved).stderr == "wrote a.json\n"
    assert (moved / "a.json").read_text(encoding="utf-8") == first
    assert run_stepwell("snapshot", "-o", "a.json", cwd=moved).stderr == "unchanged: a.json\n"


def test_a_revision_is_packed_without_the_working_tree(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    author = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), (*author, "commit", "-q", "-m", "one")):
        subprocess.run(["git", *words], cwd=root, check=True, env=environment)
    before = snapshot(root, run_stepwell)
    (root / SCORING).unlink()
    answer = snapshot(root, run_stepwell, "main")
    assert answer["title"].startswith("main (")
    assert {**answer, "title": "", "folders": []} == {**before, "title": "", "folders": []}
    with_file = run_stepwell("snapshot", "HEAD", "-o", "a.json", cwd=root)
    assert with_file.exit_code == 0
    assert run_stepwell("diff", "a.json", "HEAD", "-q", cwd=root).stdout == "no differences\n"


def test_broken_files_are_kept_as_they_are(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(
        {
            **FILES,
            "registry.d/steps/latin.yaml": b"name: Latin\ndescription: \xe9\n",
            "registry.d/steps/huge.yaml": b"x" * (1024 * 1024 + 1),
            "registry.d/steps/odd.yaml": "name: [\n",
        }
    )
    ran = run_stepwell("snapshot", cwd=root)
    assert ran.exit_code == 0
    assert ran.stderr == (
        "3 errors in the working tree; invalid definitions are skipped (run `stepwell check`)\n"
    )
    answer = json.loads(ran.stdout)
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(answer)] == []
    kept = answer["files"]["registry.d/steps/latin.yaml"]["base64"]
    assert base64.b64decode(kept) == b"name: Latin\ndescription: \xe9\n"
    assert answer["files"]["registry.d/steps/huge.yaml"]["unread"]["id"] == "too-large"
    (root / "a.json").write_text(ran.stdout, encoding="utf-8")
    told = json.loads(run_stepwell("diff", "a.json", "--format", "json", cwd=root).stdout)
    assert told["old"]["errors"] == told["new"]["errors"]
    assert len(told["old"]["errors"]) == 3
    assert run_stepwell("snapshot", "-q", cwd=root).stderr == ""


def test_an_old_table_is_packed_with_its_python(project: Project, run_stepwell: RunStepwell) -> None:
    row = '{"config_class": "A", "builder_step_name": "B", "spec_type": "C", "description": "D", '
    table = f'STEP_NAMES = {{"Scoring": {row}"sagemaker_step_type": "Base"}}}}\n'
    root = project({"src/step_names.py": table})
    (root / "stepwell.toml").unlink()
    answer = snapshot(root, run_stepwell)
    assert (answer["files"], answer["tables"]) == ({"src/step_names.py": table}, ["src/step_names.py"])
    assert answer["views"][0]["steps"][0]["fields"]["spec_type"]["from"]["path"] == "src/step_names.py"
    (root / "a.json").write_text(json.dumps(answer), encoding="utf-8")
    ran = run_stepwell("diff", "a.json", cwd=root)
    assert (ran.exit_code, ran.stdout.endswith("\n\nno differences\n")) == (0, True)


def test_nothing_but_a_snapshot_is_overwritten(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    (root / "other.json").write_text('{"version": 1}\n', encoding="utf-8")
    ran = run_stepwell("snapshot", "-o", "other.json", cwd=root)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == ("error: other.json is not a snapshot; use `--force` to overwrite it\n")
    assert (root / "other.json").read_text(encoding="utf-8") == '{"version": 1}\n'
    assert run_stepwell("snapshot", "-o", "other.json", "--force", cwd=root).exit_code == 0
    (root / "stepwell.toml").write_text("", encoding="utf-8")
    again = run_stepwell("snapshot", "-o", "other.json", cwd=root)
    assert (again.exit_code, again.stderr) == (0, "wrote other.json\n")
    for output in ("registry.d", "new/"):
        ran = run_stepwell("snapshot", "-o", output, cwd=root)
        assert (ran.exit_code, ran.stderr) == (2, f"error: -o {output} is a folder; specify a file\n")
    assert list(root.glob(".stepwell-*")) == []


def test_an_output_that_cannot_be_written_is_one_line(project: Project, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("snapshot", "-o", "stepwell.toml/a.json", cwd=project(FILES))
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == "error: stepwell.toml/a.json cannot be read: not a directory\n"


GOOD: dict[str, Any] = SCHEMA["examples"][0]
DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not valid JSON"),
        (b"\xff\xfe\x00", "not valid JSON"),
        (b"name: Scoring\n", "not valid JSON"),
        (DEEP.encode(), "not valid JSON"),
        (b"[1]", "not a snapshot; create one with `stepwell snapshot`"),
        (b'{"version": 1}', "not a snapshot; create one with `stepwell snapshot`"),
        ({**GOOD, "version": 2}, "version must be 1, got 2"),
        (
            {**GOOD, "version": "\x1b[31m", "$schema": "https://stepwell.dev/schemas/9/snapshot.schema.json"},
            "version must be 1, got '\\x1b[31m'",
        ),
        ({**GOOD, "version": True}, "not valid against `stepwell schema snapshot`"),
        ({**GOOD, "files": []}, "not valid against `stepwell schema snapshot`"),
        ({**GOOD, "views": {}}, "not valid against `stepwell schema snapshot`"),
        ({**GOOD, "more": 1}, "not valid against `stepwell schema snapshot`"),
        (
            {**GOOD, "files": {"a": {"base64": "x", "unread": 1}}},
            "not valid against `stepwell schema snapshot`",
        ),
        ({**GOOD, "files": {"a": {"base64": "&"}}}, "the bytes of 'a' are not base64"),
        ({**GOOD, "files": {"a": "\ud800"}}, "the text of 'a' is not Unicode"),
        ({**GOOD, "files": {"../a": ""}}, "'../a' is not a plain path inside a project"),
        ({**GOOD, "files": {"/etc/passwd": ""}}, "'/etc/passwd' is not a plain path inside a project"),
        ({**GOOD, "files": {"a//b": ""}}, "'a//b' is not a plain path inside a project"),
        ({**GOOD, "files": {"a\x00": ""}}, "'a\\x00' is not a plain path inside a project"),
        ({**GOOD, "files": {"a/" * 80 + "b": ""}}, f"'{'a/' * 40}' is not a plain path inside a project"),
        ({**GOOD, "folders": ["a/./b"]}, "'a/./b' is not a plain path inside a project"),
        ({**GOOD, "files": {"a": "", "a/b": ""}}, "'a' is both a file and a folder"),
        ({**GOOD, "files": {"a/b": "", "a": ""}}, "'a' is both a file and a folder"),
        ({**GOOD, "tables": ["a.py"]}, "missing table 'a.py'"),
    ],
)
def test_what_is_no_snapshot_is_rejected_in_one_line(
    project: Project, run_stepwell: RunStepwell, content: Any, reason: str
) -> None:
    root = project(FILES)
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    (root / "a.json").write_bytes(raw)
    ran = run_stepwell("diff", "a.json", cwd=root)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == f"error: cannot read snapshot a.json: {reason}\n"


def test_a_deep_value_among_the_views_is_not_read(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    deep = "[" * 800 + "]" * 800
    text = json.dumps({**GOOD, "views": []}).replace('"views": []', f'"views": [{deep}]')
    (root / "a.json").write_text(text, encoding="utf-8")
    assert run_stepwell("diff", "a.json", cwd=root).exit_code == 0
    (root / "a.json").write_text(
        text.replace('"title": "the working tree"', f'"title": {deep}'), encoding="utf-8"
    )
    ran = run_stepwell("diff", "a.json", cwd=root)
    assert (ran.exit_code, len(ran.stderr.splitlines())) == (2, 1)
    assert "cannot read snapshot" in ran.stderr


def test_a_snapshot_without_a_registry_is_an_empty_state_or_rejected(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project(FILES)
    (root / "a.json").write_text(json.dumps({**GOOD, "files": {}, "views": []}), encoding="utf-8")
    ran = run_stepwell("diff", "a.json", cwd=root)
    assert ran.exit_code == 2
    assert ran.stderr.startswith("error: a.json (the working tree) has neither a stepwell.toml")
