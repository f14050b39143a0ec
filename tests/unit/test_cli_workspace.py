"""``stepwell workspace``: made, listed, shown, checked, compared and removed, and nothing harmed."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from tests.warm_python import run_python

if TYPE_CHECKING:
    from tests.conftest import Project, Ran, RunStepwell

pytestmark = pytest.mark.slow

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
SCORING = "name: Scoring\nsagemaker_step_type: Processing\ndescription: Score a batch.\n"
FILES = {
    "registry.d/steps/scoring.yaml": SCORING,
    "workspaces/alice/workspace.yaml": "developer_id: alice\nversion: 1.0.0\npreferred_frameworks: [numpy]\n",
    "workspaces/alice/README.md": "Alice's.\n",
    "workspaces/alice/local/steps/tuning.yaml": "name: Tuning\ndescription: Tune it.\nframework: xgboost\n",
    "workspaces/alice/override/steps/scoring.yaml": "name: Scoring\npriority: 50\n",
    "workspaces/bob/workspace.yaml": "developer_id: bob\npreferred_frameworks: [pytorch]\n",
    "workspaces/bob/README.md": "Bob's.\n",
    "workspaces/bob/src/builders/deep.py": "class DeepBuilder:\n    pass\n",
}


def faults(name: str, answer: object) -> list[str]:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    return [error.message for error in Draft202012Validator(schema).iter_errors(answer)]


def state(root: Path) -> dict[str, bytes | str]:
    """Every file and link of a folder, and every empty folder."""
    found: dict[str, bytes | str] = {}
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        elif path.is_file():
            found[name] = path.read_bytes()
        else:
            found[f"{name}/"] = ""
    return found


def findings(ran: Ran) -> list[tuple[str, str, int, int, str]]:
    """Of ``workspace check --format json``: severity, path, line, column and message."""
    return [
        (
            one["severity"],
            one["span"]["path"],
            one["span"]["line"],
            one["span"]["column"],
            one["message"],
        )
        for workspace in json.loads(ran.stdout)["workspaces"]
        for one in workspace["diagnostics"]
        if one["id"] == "leaves-workspace"
    ]


# --- new


def test_created_files_are_listed(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    before = state(root)
    ran = run_stepwell("workspace", "new", "dana", "--template", "minimal", cwd=root)
    assert (ran.exit_code, ran.stderr) == (0, "")
    *wrote, last = ran.stdout.splitlines()
    after = state(root)
    assert wrote == [f"wrote {path}" for path in sorted(after.keys() - before.keys()) if path[-1] != "/"]
    assert last == "next: stepwell workspace check dana, and workspaces/dana/README.md"
    assert {path: after[path] for path in before} == before


def test_odd_values_are_written_to_the_files_unchanged(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    words = 'It\'s: {{ 7*7 }} # "quoted" \\ {% raw %} é 名'
    ran = run_stepwell(
        *("workspace", "new", "dana", "--description", words, "--framework", "no: {}"), cwd=root
    )
    assert (ran.exit_code, ran.stderr) == (0, "")
    shown = json.loads(run_stepwell("workspace", "show", "dana", "--format", "json", cwd=root).stdout)
    assert shown["settings"]["description"] == words
    assert shown["settings"]["preferred_frameworks"] == ["no: {}"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "missing id of the new workspace (or use --interactive)"),
        ("all", "`all` is reserved and cannot be the id of a workspace"),
        ("Con", "`Con` cannot be the id of a workspace: Windows reserves the name"),
        (
            "../x",
            (
                "invalid workspace id `../x`: use letters, digits, `_` and `-`, "
                "starting with a letter or a digit"
            ),
        ),
        (
            "-- -x",
            (
                "invalid workspace id `-x`: use letters, digits, `_` and `-`, "
                "starting with a letter or a digit"
            ),
        ),
        (
            "d\x1b[2J",
            (
                "invalid workspace id `d\\x1b[2J`: use letters, digits, `_` and `-`, "
                "starting with a letter or a digit"
            ),
        ),
        ("x" * 129, "a workspace id must be at most 128 characters"),
        (
            "alice",
            "workspace `alice` already exists; use --force to write the template's files into it",
        ),
        ("ALICE", "`ALICE` differs from the workspace `alice` only in case"),
        ("dana --template minmal", "unknown template `minmal` (did you mean `minimal`?)"),
        ("dana --template x", "unknown template `x` (available: advanced, minimal, standard)"),
        ("dana --copy-from alcie", "unknown workspace: alcie (did you mean `alice`?)"),
        ("dana --copy-from dana", "unknown workspace: dana (available: alice, bob)"),
        (
            "dana --copy-from bob --template minimal",
            "--template cannot be used with --copy-from",
        ),
        ("dana --interactive", "--interactive needs a terminal"),
        (
            "dana --framework xgbost",
            "`xgbost` is not a framework of the project (did you mean `xgboost`?)",
        ),
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(
    project: Project, run_stepwell: RunStepwell, arguments: str, message: str
) -> None:
    root = project({**FILES, "stepwell.toml": '[vocabulary]\nframeworks = ["xgboost", "numpy", "pytorch"]\n'})
    before = state(root)
    ran = run_stepwell("workspace", "new", *arguments.split(), cwd=root)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (2, "", f"error: {message}\n")
    assert state(root) == before


def test_nothing_is_written_over_or_through_what_is_there(
    project: Project, run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    root = project(FILES)
    (tmp_path / "outside").mkdir()
    (root / "workspaces/link").symlink_to(tmp_path / "outside")
    (root / "workspaces/dangling").symlink_to(tmp_path / "nowhere")
    (root / "workspaces/file").write_text("mine")
    (root / "workspaces/empty").mkdir()
    before = state(tmp_path)
    for one in ("link", "dangling", "file"):
        for force in ([], ["--force"]):
            ran = run_stepwell("workspace", "new", one, *force, cwd=root)
            assert (ran.exit_code, ran.stdout) == (2, ""), one
            assert len(ran.stderr.splitlines()) == 1
    ran = run_stepwell("workspace", "new", "empty", cwd=root)
    assert (ran.exit_code, ran.stderr) == (
        2,
        "error: workspace `empty` already exists; use --force to write the template's files into it\n",
    )
    assert state(tmp_path) == before


def test_a_folder_of_workspaces_that_leads_out_is_not_written_to(
    project: Project, run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    root = project({"registry.d/steps/scoring.yaml": SCORING})
    (tmp_path / "outside").mkdir()
    (root / "workspaces").symlink_to(tmp_path / "outside")
    ran = run_stepwell("workspace", "new", "dana", cwd=root)
    assert (ran.exit_code, ran.stderr) == (
        2,
        "error: workspaces leaves the project through a symbolic link; nothing was written\n",
    )
    assert list((tmp_path / "outside").iterdir()) == []


def test_force_writes_the_files_of_the_template_and_leaves_all_others(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project(FILES)
    run_stepwell("workspace", "new", "dana", "--template", "minimal", cwd=root)
    own = root / "workspaces/dana"
    (own / "README.md").write_text("mine")
    (own / "notes.txt").write_text("mine too")
    (own / "local/steps/tuning.yaml").write_text("name: Tuning\ndescription: Mine.\n")
    ran = run_stepwell("workspace", "new", "dana", "--template", "minimal", "--force", cwd=root)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.splitlines()[0] == "wrote workspaces/dana/README.md"
    assert (own / "README.md").read_text().startswith("# Workspace dana\n")
    assert (own / "notes.txt").read_text() == "mine too"
    assert (own / "local/steps/tuning.yaml").read_text() == "name: Tuning\ndescription: Mine.\n"
    again = run_stepwell("workspace", "new", "dana", "--template", "minimal", "--force", cwd=root)
    assert again.stdout.splitlines()[0] == "workspaces/dana is already up to date"
    inside = run_stepwell("workspace", "new", "dana", "--template", "minimal", "--force", cwd=own)
    assert inside.stdout.splitlines() == [
        ". is already up to date",
        "next: stepwell workspace check dana, and ./README.md",
    ]


def test_invalid_files_are_reported_and_not_written(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(
        {
            **FILES,
            "stepwell.toml": '[templates]\npath = "ours"\n',
            "ours/bad/workspace.yaml.j2": "developer_id: {{ workspace }}\n",
            "ours/bad/local/steps/wrong.yaml": "name: Wrong\ndescripton: Oops.\n",
        }
    )
    before = state(root)
    ran = run_stepwell("workspace", "new", "dana", "--template", "bad", cwd=root)
    assert (ran.exit_code, ran.stderr) == (1, "")
    assert "workspaces/dana/local/steps/wrong.yaml:2:1" in ran.stdout
    assert "did you mean `description`?" in ran.stdout
    assert ran.stdout.endswith("workspaces/dana was not created; nothing was written\n")
    assert state(root) == before


def test_an_error_that_was_there_before_stops_nothing(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**FILES, "workspaces/bob/local/steps/broken.yaml": "name: [\n"})
    ran = run_stepwell("workspace", "new", "dana", cwd=root)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert "broken" not in ran.stdout


def test_settings_with_errors_stop_it(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**FILES, "stepwell.toml": "[pahts]\n"})
    ran = run_stepwell("workspace", "new", "dana", cwd=root)
    assert (ran.exit_code, ran.stderr) == (
        2,
        "error: the configuration has errors, nothing was written (run `stepwell check`)\n",
    )


AT_THE_FOURTH = """
count = 0
def fail(_):
    global count
    count += 1
    if count > 3: raise {}
os.fsync = fail
"""
"""Makes the fourth file that is written fail."""


def in_process(environment: Mapping[str, str], root: Path, before: str, *arguments: str) -> Any:
    code = (
        f"import os, sys\n{before}\nfrom stepwell.frontends.cli import run\n"
        f"sys.exit(run({list(arguments)!r}))"
    )
    return run_python("-c", code, cwd=root, env=environment)


@pytest.mark.parametrize("force", [[], ["--force"]])
@pytest.mark.parametrize("existing", [True, False])
def test_a_disk_that_is_full_leaves_all_as_it_was(
    project: Project, environment: Mapping[str, str], existing: bool, force: list[str]
) -> None:
    root = project(FILES if existing else {"registry.d/steps/scoring.yaml": SCORING})
    before = state(root)
    full = AT_THE_FOURTH.format("OSError(28, os.strerror(28))")
    who = "alice" if existing and force else "dana"
    ran = in_process(environment, root, full, "workspace", "new", who, *force)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        f"error: workspaces/{who} cannot be created: no space left on device; nothing was written\n"
    )
    assert state(root) == before


def test_an_interrupt_leaves_nothing(project: Project, environment: Mapping[str, str]) -> None:
    root = project(FILES)
    before = state(root)
    stopped = AT_THE_FOURTH.format("KeyboardInterrupt")
    ran = in_process(environment, root, stopped, "workspace", "new", "dana")
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "\ninterrupted\n")
    assert state(root) == before


def test_a_terminated_process_leaves_nothing(project: Project, environment: Mapping[str, str]) -> None:
    root = project(FILES)
    before = state(root)
    ended = AT_THE_FOURTH.format("OSError()").replace("raise OSError()", "os.kill(os.getpid(), 15)")
    ran = in_process(environment, root, ended, "workspace", "new", "dana")
    assert (ran.returncode, ran.stdout, ran.stderr) == (143, "", "")
    assert state(root) == before


def test_a_folder_created_meanwhile_is_kept(project: Project, environment: Mapping[str, str]) -> None:
    root = project(FILES)
    taken = (
        "rename = os.rename\n"
        "def late(old, new):\n"
        "    os.makedirs(new); open(os.path.join(new, 'mine'), 'w').close(); rename(old, new)\n"
        "os.rename = late"
    )
    ran = in_process(environment, root, taken, "workspace", "new", "dana")
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: workspaces/dana cannot be created: ")
    assert sorted(os.listdir(root / "workspaces")) == ["alice", "bob", "dana"]
    assert os.listdir(root / "workspaces/dana") == ["mine"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to a read-only folder")
def test_a_folder_that_is_read_only_is_one_line(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    (root / "workspaces").chmod(0o555)
    ran = run_stepwell("workspace", "new", "dana", cwd=root)
    (root / "workspaces").chmod(0o755)
    assert (ran.exit_code, ran.stderr) == (
        2,
        "error: workspaces/dana cannot be created: permission denied; nothing was written\n",
    )


# --- templates of the team

OURS = {**FILES, "stepwell.toml": '[templates]\npath = "ours"\n'}


def test_a_template_of_the_team_is_used_offered_and_listed(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project(
        {
            **OURS,
            "ours/fraud/template.yaml": "description: Steps that find fraud.\nextends: minimal\n",
            "ours/fraud/README.md.j2": "Owned by {{ workspace }}.\n",
            "ours/fraud/{{ step.stem }}.txt.j2": "{{ step.name }}\n",
            "ours/fraud/{% if false %}never{% endif %}/a.txt": "",
            "ours/fraud/plain.bin": b"\x00{{ kept }}\xff",
        }
    )
    told = run_stepwell("workspace", "new", "--help", cwd=root).stdout
    assert "fraud: Steps that find fraud" in " ".join(told.split())
    ran = run_stepwell("workspace", "new", "dana", "--template", "fraud", cwd=root)
    assert (ran.exit_code, ran.stderr) == (0, "")
    own = root / "workspaces/dana"
    assert (own / "README.md").read_text() == "Owned by dana.\n"
    assert (own / "dana_row_count.txt").read_text() == "DanaRowCount\n"
    assert (own / "plain.bin").read_bytes() == b"\x00{{ kept }}\xff"
    assert (own / "src/scripts/dana_row_count.py").exists()
    assert not (own / "template.yaml").exists()


@pytest.mark.parametrize(
    ("name", "content", "place", "message"),
    [
        ("a.md.j2", "one\n{% for x %}\n", "ours/bad/a.md.j2:2:1", "expected token 'in'"),
        ("a.md.j2", "one\ntwo {{ worksapce }}\n", "ours/bad/a.md.j2:2:1", "'worksapce' is undefined"),
        ("a.md.j2", "{{ 1 // 0 }}\n", "ours/bad/a.md.j2:1:1", "by zero"),
        (
            "a.md.j2",
            "\n{{ ''.__class__.__mro__ }}\n",
            "ours/bad/a.md.j2:2:1",
            "access to attribute '__class__' of 'str' object is unsafe",
        ),
        ("a.md.j2", "{% include 'b' %}\n", "ours/bad/a.md.j2:1:1", "included file `b`"),
        ("a.md.j2", "{% include 'a.md.j2' %}\n", "ours/bad/a.md.j2:1:1", "template includes itself"),
        ("a.md.j2", "{% include '/etc/passwd' %}\n", "ours/bad/a.md.j2:1:1", "included file `/etc/passwd`"),
        ("a.md.j2", b"\xff\xfe\n", "ours/bad/a.md.j2:1:1", "file is not UTF-8"),
        (
            "a.md.j2",
            "{% for a in range(9999) %}{% for b in range(9999) %}xxxxxxxxxxxxxxx{% endfor %}{% endfor %}",
            "ours/bad/a.md.j2:1:1",
            "output must have at most 1048576 characters",
        ),
        ("a.md.j2", "{{ range(99999999) | list }}", "ours/bad/a.md.j2:1:1", "Range too big"),
        ("{{ '..' }}.j2", "x", "ours/bad/{{ '..' }}.j2:1:1", "`..` is not a valid file name"),
        ("{{ '\\x2fetc' }}", "x", "ours/bad/{{ '\\x2fetc' }}:1:1", "is not a valid file name"),
        ("{{ nope }}", "x", "ours/bad/{{ nope }}:1:1", "file name cannot be rendered: 'nope' is undefined"),
        ("template.yaml", "extends: nowhere\n", "ours/bad/template.yaml:1:1", "cannot extend `nowhere`"),
        ("template.yaml", "descripton: x\n", "ours/bad/template.yaml:1:1", "no field `descripton`"),
        ("template.yaml", "description: [\n", "ours/bad/template.yaml:", ""),
    ],
)
def test_a_broken_template_is_reported_with_its_line_and_makes_nothing(
    project: Project, run_stepwell: RunStepwell, name: str, content: str | bytes, place: str, message: str
) -> None:
    root = project({**OURS, f"ours/bad/{name}": content})
    before = state(root)
    ran = run_stepwell("workspace", "new", "dana", "--template", "bad", cwd=root)
    assert (ran.exit_code, ran.stderr) == (1, "")
    assert f"--> {place}" in ran.stdout
    assert message in ran.stdout
    assert state(root) == before


def test_a_broken_template_affects_no_other(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**OURS, "ours/bad/template.yaml": "description: [\n", "ours/bad/a.j2": "{{"})
    assert run_stepwell("workspace", "new", "dana", cwd=root).exit_code == 0


@pytest.mark.parametrize("path", ["../elsewhere", "/etc", "."])
def test_templates_lie_inside_the_project(project: Project, run_stepwell: RunStepwell, path: str) -> None:
    root = project({**FILES, "stepwell.toml": f'[templates]\npath = "{path}"\n'})
    ran = run_stepwell("check", "--format", "concise", cwd=root)
    assert ran.exit_code == 1
    assert ran.stdout.startswith(
        f"stepwell.toml:2:8: error[outside-project] `{path}` is not a path inside the project"
    )


# --- copies


def test_a_copy_is_the_same_but_for_whose_it_is(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**FILES, "workspaces/alice/src/data.bin": b"\x00\xff", "workspaces/alice/.hidden": "x"})
    (root / "workspaces/alice/link").symlink_to("README.md")
    (root / "workspaces/alice/notes.md").write_text("of alice\n", encoding="utf-8")
    ran = run_stepwell("workspace", "new", "dana", "--copy-from", "alice", cwd=root)
    assert ran.exit_code == 0
    assert ran.stderr == (
        "skipped workspaces/alice/link: it is a symbolic link\nworkspaces/dana/notes.md still "
        "mentions alice\n"
    )
    there = state(root / "workspaces/dana")
    assert there["workspace.yaml"] == b"developer_id: dana\nversion: 1.0.0\npreferred_frameworks: [numpy]\n"
    assert there["src/data.bin"] == b"\x00\xff"
    assert "link" not in there
    assert ".hidden" not in there
    listed = run_stepwell("list", "--workspace", "dana", cwd=root).stdout
    assert "Tuning" in listed


def test_a_copy_of_code_that_refers_to_its_origin_is_not_made(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project({**FILES, "workspaces/bob/src/use.py": "import workspaces.bob.src.builders.deep\n"})
    ran = run_stepwell("workspace", "new", "dana", "--copy-from", "bob", cwd=root)
    assert ran.exit_code == 1
    assert "workspaces/dana/src/use.py:1:8" in ran.stdout
    assert not (root / "workspaces/dana").exists()


# --- questions


def talk(
    environment: Mapping[str, str], root: Path, arguments: list[str], answers: list[str]
) -> tuple[int, str]:
    """Run a command on a terminal and answer each question."""
    mine, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "stepwell", *arguments],
        cwd=root,
        env={**environment, "TERM": "xterm"},
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    heard, waiting, interrupted = b"", list(answers), False
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        if not select.select([mine], [], [], 3 if interrupted else 0.2)[0]:
            if process.poll() is not None:
                break
            if interrupted:  # press the keys again until they have an effect
                os.killpg(process.pid, signal.SIGINT)
            continue
        try:
            more = os.read(mine, 4096)
        except OSError:
            break
        heard += more
        if waiting and re.search(rb"(: |\]: )$", heard):
            answer = waiting.pop(0)
            if answer == "^C":
                os.killpg(process.pid, signal.SIGINT)
                interrupted = True
            else:
                os.write(mine, answer.encode() + b"\n")
            heard += b"\0"
    os.close(mine)
    return process.wait(timeout=60), heard.decode().replace("\0", "")


def test_interactive_asks_again_until_it_can_be_used(
    project: Project, environment: Mapping[str, str]
) -> None:
    root = project({**FILES, "stepwell.toml": '[vocabulary]\nframeworks = ["xgboost", "numpy", "pytorch"]\n'})
    answers = ["alice", "d/x", "dana", "nope", "minimal", "Find fraud.", "xgbost", "xgboost"]
    code, told = talk(environment, root, ["workspace", "new", "--interactive"], answers)
    assert code == 0, told
    assert "workspace `alice` already exists" in told
    assert "invalid workspace id `d/x`" in told
    assert "must be one of advanced, minimal, standard, got `nope`" in told
    assert "must be one of xgboost, numpy, pytorch, got `xgbost`" in told
    said = (root / "workspaces/dana/workspace.yaml").read_text()
    assert "description: Find fraud.\npreferred_frameworks: [xgboost]\n" in said


def test_interactive_can_be_interrupted(project: Project, environment: Mapping[str, str]) -> None:
    root = project(FILES)
    before = state(root)
    code, told = talk(environment, root, ["workspace", "new", "--interactive"], ["dana", "^C"])
    assert (code, told.rstrip().endswith("interrupted")) == (130, True)
    assert state(root) == before


# --- list and show


def test_the_list_counts_steps_overrides_and_findings(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**FILES, "workspaces/bob/local/steps/broken.yaml": "name: Broken\n"})
    ran = run_stepwell("workspace", "list", cwd=root)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == (
        "ID     VERSION  STEPS  OVERRIDES  FINDINGS\n"
        "alice  1.0.0    1      1          no findings\n"
        "bob    0.0.0    0      0          1 error\n"
    )
    told = json.loads(run_stepwell("workspace", "list", "--format", "json", cwd=root).stdout)
    assert faults("output-workspace-list", told) == []
    assert told["workspaces"][1] == {
        "id": "bob",
        "version": "0.0.0",
        "description": "",
        "folder": "workspaces/bob",
        "steps": 0,
        "overrides": 0,
        "findings": {"errors": 1, "warnings": 0, "infos": 0},
    }


def test_a_project_without_workspaces_reports_how_to_create_one(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project({})
    assert run_stepwell("workspace", "list", cwd=root).stdout == (
        "No workspaces; run `stepwell workspace new ID` to create one.\n"
    )
    assert run_stepwell("workspace", "check", cwd=root).stdout == "No workspaces to check.\n"
    told = json.loads(run_stepwell("workspace", "check", "--format", "json", cwd=root).stdout)
    assert faults("output-workspace-check", told) == []
    assert told["totals"]["success_rate"] is None


def test_show_reports_what_is_added_hidden_and_overridden(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project({**FILES, "workspaces/bob/local/steps/scoring.yaml": SCORING})
    assert run_stepwell("workspace", "show", "alice", cwd=root).stdout == (
        "alice in workspaces/alice\n"
        "  version: 1.0.0\n"
        "  default_resolution_strategy: workspace_priority\n"
        "  preferred_frameworks: numpy\n"
        "  conflict_tolerance: medium\n"
        "\n"
        "Adds\n"
        "  Tuning  workspaces/alice/local/steps/tuning.yaml\n"
        "\n"
        "Overrides\n"
        "  Scoring  workspaces/alice/override/steps/scoring.yaml (priority)\n"
        "\n"
        "Findings: no findings.\n"
    )
    told = json.loads(run_stepwell("workspace", "show", "bob", "--format", "json", cwd=root).stdout)
    assert faults("output-workspace-show", told) == []
    assert [one["step"] for one in told["hides"]] == ["Scoring"]
    assert told["adds"] == told["overrides"] == []
    assert told["code"] == [{"folder": "workspaces/bob/src/builders", "files": 1}]
    assert [one["id"] for one in told["findings"]] == ["shadows-core"]


@pytest.mark.parametrize(
    "command", ["show alcie", "check alcie", "remove alcie --yes", "compare alice alcie"]
)
def test_an_unknown_workspace_is_reported_with_the_nearest(
    project: Project, run_stepwell: RunStepwell, command: str
) -> None:
    ran = run_stepwell("workspace", *command.split(), cwd=project(FILES))
    assert (ran.exit_code, ran.stdout, ran.stderr) == (
        2,
        "",
        "error: unknown workspace: alcie (did you mean `alice`?)\n",
    )


# --- check


@pytest.mark.parametrize(
    ("code", "line", "column", "message"),
    [
        (
            "import workspaces.bob.src.builders.deep\n",
            1,
            8,
            "`workspaces.bob.src.builders.deep` belongs to workspace bob",
        ),
        (
            "from workspaces.bob.src import builders\n",
            1,
            6,
            "`workspaces.bob.src.builders` belongs to workspace bob",
        ),
        (
            "rows = open('workspaces/bob/rows.csv').read()\n",
            1,
            13,
            "opens `workspaces/bob/rows.csv` of workspace bob",
        ),
        (
            (
                "from pathlib import Path\nROWS = Path(__file__).parents[3] / 'bob'\n"
                "for one in (ROWS / 'rows').glob('*.csv'): print(one)\n"
            ),
            3,
            13,
            "opens `workspaces/bob/rows` of workspace bob",
        ),
        ("from workspaces import bob\n", 1, 6, "`workspaces.bob` belongs to workspace bob"),
        ("import bob.src.builders.deep\n", 1, 8, "`bob.src.builders.deep` belongs to workspace bob"),
        (
            "def f():\n    from ....bob.src.builders import deep\n",
            2,
            10,
            ("relative import leaves workspace alice, to `workspaces/bob/src/builders` of workspace bob"),
        ),
        (
            "from .... import bob\n",
            1,
            6,
            ("relative import leaves workspace alice, to `workspaces/bob` of workspace bob"),
        ),
        (
            "from ........ import x\n",
            1,
            6,
            "relative import leaves workspace alice, above the project",
        ),
        (
            "import sys\nsys.path.insert(0, 'workspaces/bob/src')\n",
            2,
            20,
            "adds `workspaces/bob/src` of workspace bob to `sys.path`",
        ),
        (
            "import sys\nsys.path += ['a', '../../../bob/src']\n",
            2,
            19,
            "adds `workspaces/bob/src` of workspace bob to `sys.path`",
        ),
        (
            (
                "import sys as s\nfrom pathlib import Path\nHERE = Path(__file__).resolve()\n"
                "s.path.append(str(HERE.parents[3] / 'bob' / 'src'))\n"
            ),
            4,
            15,
            "adds `workspaces/bob/src` of workspace bob to `sys.path`",
        ),
        (
            (
                "import os\nfrom sys import path\n"
                "path.append(os.path.join(os.path.dirname(__file__), '..', '..', '..'))\n"
            ),
            3,
            13,
            "adds `workspaces`, the folder of all workspaces, to `sys.path`",
        ),
        (
            "from importlib import import_module\nimport_module('workspaces.bob.src')\n",
            2,
            15,
            "`workspaces.bob.src` belongs to workspace bob",
        ),
        (
            "import runpy\nrunpy.run_path(f'workspaces/{\"bob\"}/src/builders/deep.py')\n",
            2,
            16,
            "loads `workspaces/bob/src/builders/deep.py` of workspace bob",
        ),
    ],
)
def test_code_that_leads_into_another_workspace_is_an_error_at_its_position(
    project: Project, run_stepwell: RunStepwell, code: str, line: int, column: int, message: str
) -> None:
    root = project({**FILES, "workspaces/alice/src/builders/mine.py": code})
    ran = run_stepwell("workspace", "check", "alice", "--format", "json", cwd=root)
    assert ran.exit_code == 1
    assert findings(ran) == [("error", "workspaces/alice/src/builders/mine.py", line, column, message)]


@pytest.mark.parametrize(
    "code",
    [
        "import os, sys\nimport numpy\nfrom . import other\nfrom ..configs import x\nfrom ... import tests\n",
        "import workspaces.alice.src.configs\nfrom pipeline.base import Base\n",
        "import sys\nfrom pathlib import Path\nsys.path.insert(0, str(Path(__file__).parents[1]))\n",
        "import sys\nsys.path.append('/opt/ml/code')\nsys.path.append(input())\nsys.path[:] = []\n",
        "import sys\nopen('rows.csv')\nopen('/opt/ml/x', 'w')\nopen(sys.argv[1])\nsys.stdin.open()\n",
        "# import workspaces.bob\n'''sys.path.append('workspaces/bob')'''\n",
        "import sys\na = a + a\nsys.path.append(a)\n",
        "def broken(:\n  sys.path.append('workspaces/bob')\n",
    ],
)
def test_code_that_keeps_to_its_folder_the_core_and_the_environment_is_fine(
    project: Project, run_stepwell: RunStepwell, code: str
) -> None:
    files = {"workspaces/alice/src/builders/mine.py": code, "src/pipeline/base.py": "class Base: ...\n"}
    ran = run_stepwell("workspace", "check", "alice", "--format", "json", cwd=project({**FILES, **files}))
    assert (ran.exit_code, findings(ran)) == (0, [])


def test_a_module_that_only_another_workspace_has_is_a_warning(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project({**FILES, "workspaces/alice/src/use.py": "from builders.deep import DeepBuilder\n"})
    ran = run_stepwell("workspace", "check", "alice", "--format", "json", cwd=root)
    told = "`builders.deep` exists only in the sources of workspace bob"
    assert (ran.exit_code, findings(ran)) == (0, [("warning", "workspaces/alice/src/use.py", 1, 6, told)])
    own = root / "workspaces/alice/src/builders/deep.py"
    own.parent.mkdir()
    own.write_text("class DeepBuilder: ...\n")
    assert findings(run_stepwell("workspace", "check", "alice", "--format", "json", cwd=root)) == []


def test_a_file_that_cannot_be_looked_into_is_reported_and_hides_no_other(
    project: Project, run_stepwell: RunStepwell
) -> None:
    files = {
        "workspaces/alice/src/a_large.py": "x = 1\n" * 800_000,
        "workspaces/alice/src/b_broken.py": "import os\ndef broken(:\n",
        "workspaces/alice/src/c_nul.py": b"import sys\0path\n",
        "workspaces/alice/src/d_marked.py": b"\xef\xbb\xbfx = 1\r\nimport workspaces.bob\r\n",
        "workspaces/alice/src/e_deep.py": "import sys\nsys.path.append(" + "+".join(["'a'"] * 900) + ")\n",
    }
    root = project({**FILES, **files})
    os.mkfifo(root / "workspaces/alice/src/pipe.py")
    ran = run_stepwell("workspace", "check", "alice", "--format", "json", cwd=root)
    told = json.loads(ran.stdout)["workspaces"][0]["diagnostics"]
    assert [
        (one["id"], one["span"]["path"].rpartition("/")[2], one["span"]["line"], one["span"]["column"])
        for one in told
        if one["severity"] != "info"
    ] == [
        ("unparsable-source", "a_large.py", 1, 1),
        ("unparsable-source", "b_broken.py", 2, 12),
        ("unparsable-source", "c_nul.py", 1, 1),
        ("leaves-workspace", "d_marked.py", 2, 8),
    ]
    assert ran.exit_code == 1


def test_links_and_paths_in_definitions_are_checked_against_it_too(
    project: Project, run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    tuning = (
        "name: Tuning\ndescription: See workspaces/bob/README.md.\n"
        "x-code:\n  - ../bob/src/builders/deep.py:DeepBuilder\n  - src/mine.py\n  - workspaces.bob.src\n"
    )
    root = project({**FILES, "workspaces/alice/local/steps/tuning.yaml": tuning})
    own = root / "workspaces/alice"
    (own / "bob").symlink_to("../bob")
    (own / "core").symlink_to("../../registry.d")
    (own / "readme").symlink_to("README.md")
    (own / "out").symlink_to(tmp_path)
    ran = run_stepwell("workspace", "check", "alice", "--format", "json", cwd=root)
    steps = "workspaces/alice/local/steps/tuning.yaml"
    assert findings(ran) == [
        (
            "error",
            "workspaces/alice/bob",
            1,
            1,
            "link leads to `workspaces/bob` of workspace bob",
        ),
        (
            "error",
            steps,
            4,
            5,
            "`x-code.0` refers to `../bob/src/builders/deep.py:DeepBuilder` of workspace bob",
        ),
        ("error", steps, 6, 5, "`x-code.2` refers to `workspaces.bob.src` of workspace bob"),
        ("error", "workspaces/alice/out", 1, 1, "link leads outside the project"),
    ]


def test_parts_that_are_missing_or_misplaced_are_reported(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project(
        {
            "workspaces/erin/train.py": "",
            "workspaces/erin/builders/x.py": "",
            "workspaces/erin/steps/lost.yaml": SCORING,
            "workspaces/fred/workspace.yaml": "description: Fred's.\n",
            "workspaces/fred/README": "",
            **{
                f"workspaces/fred/{name}/.keep": ""
                for name in ("src/builders", "src/configs", "tests", "docs")
            },
        }
    )
    ran = run_stepwell("workspace", "check", "--format", "json", cwd=root)
    told = json.loads(ran.stdout)
    assert faults("output-workspace-check", told) == []
    assert [
        (one["severity"], one["span"]["path"], one["message"])
        for workspace in told["workspaces"]
        for one in workspace["diagnostics"]
    ] == [
        ("warning", "workspaces/erin", "the workspace has no README"),
        ("warning", "workspaces/erin", "the workspace has no `workspace.yaml`"),
        (
            "info",
            "workspaces/erin",
            (
                "the workspace has no folders `src/builders/`, `src/configs/`, `src/contracts/`, "
                "`src/scripts/`, `src/specs/`, `tests/`, `docs/`"
            ),
        ),
        (
            "warning",
            "workspaces/erin/builders",
            "folder `builders/` is ignored: code of a workspace must be in `src/`",
        ),
        (
            "warning",
            "workspaces/erin/steps/lost.yaml",
            "definitions are not read from this folder, so the file is ignored",
        ),
        (
            "warning",
            "workspaces/erin/train.py",
            "Python file is outside `src/`, where steps are not found",
        ),
        (
            "info",
            "workspaces/fred",
            "the workspace has no folders `src/contracts/`, `src/scripts/`, `src/specs/`",
        ),
        ("warning", "workspaces/fred/workspace.yaml", "`workspace.yaml` of fred has no `developer_id`"),
    ]


def test_totals_count_what_passed_and_the_report_is_the_same(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project({**FILES, "workspaces/bob/src/use.py": "import workspaces.alice\n"})
    ran = run_stepwell("workspace", "check", "--format", "json", "--report", "report.json", cwd=root)
    assert ran.exit_code == 1
    told = json.loads(ran.stdout)
    assert (root / "report.json").read_text() == ran.stdout
    assert told["totals"] == {
        "workspaces": 2,
        "passed": 1,
        "failed": 1,
        "success_rate": 0.5,
        "errors": 1,
        "warnings": 0,
        "infos": 2,
    }
    one = json.loads(run_stepwell("workspace", "check", "bob", "bob", "--format", "json", cwd=root).stdout)
    assert one["workspaces"] == told["workspaces"][1:]
    again = run_stepwell("workspace", "check", "alice", "--report", "report.json", cwd=root)
    assert again.exit_code == 0
    assert again.stdout.endswith("Checked 1 workspace: 1 passed, 0 failed.\n")
    (root / "report.json").write_text('{"mine": true}')
    refused = run_stepwell("workspace", "check", "--report", "report.json", cwd=root)
    assert (refused.exit_code, refused.stdout, refused.stderr) == (
        2,
        "",
        "error: report.json exists and is not a report; it was not overwritten\n",
    )
    assert (root / "report.json").read_text() == '{"mine": true}'


BROKEN_SECTIONS = {
    "workspaces/dana/local/steps/odd.yaml": "name: Odd\ndescription: A.\npriorty: 3\n",
    "workspaces/dana/src/builders/borrowed.py": "import workspaces.erin.src.x\n",
    "workspaces/dana/src/scripts/dana_row_count.py": "print()\n",
    "workspaces/dana/src/builders/dana_row_count.py": (
        "class DanaRowCountStepBuilder:\n    def __init__(self, config):\n        raise KeyError('speed')\n"
    ),
    "workspaces/dana/local/pipelines/count.yaml": (
        "name: Count\ndescription: A.\nsteps: [{id: a, step: DanaRowCount}]\n"
    ),
    "workspaces/dana/tests/test_bad.py": "raise ValueError\n",
    "workspaces/erin/workspace.yaml": "",
    "workspaces/erin/src/x.py": "",
}


def test_everything_is_checked_with_one_report(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({"stepwell.toml": "[references]\nsource = ['src']\n", "src/x.py": ""})
    assert run_stepwell("workspace", "new", "dana", cwd=root).exit_code == 0
    passed = run_stepwell("check", "--all", "--workspace", "dana", "--report", "all.html", cwd=root)
    assert (passed.exit_code, passed.stderr) == (0, ""), passed.stdout
    assert passed.stdout == run_stepwell("workspace", "check", "dana", cwd=root).stdout
    page = (root / "all.html").read_text()
    assert "<h2>dana: <span" in page
    assert page.count(">passed<") == 8
    for path, text in BROKEN_SECTIONS.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    failed = run_stepwell("check", "--all", "--workspace", "all", "--format", "json", cwd=root)
    told = json.loads(failed.stdout)
    assert (failed.exit_code, faults("output-workspace-check", told)) == (1, [])
    dana, erin = told["workspaces"]
    assert {one["name"]: one["passed"] for one in dana["sections"]} == {
        **dict.fromkeys(("structure", "isolation", "alignment", "builders", "pipelines", "tests"), False),
        "references": True,
    }
    assert [one["skipped"] for one in erin["sections"] if one["skipped"]] == ["no folder `tests`"]
    ids = {one["id"] for one in dana["diagnostics"]}
    assert {"leaves-workspace", "failed-builder", "failed-tests", "missing-data", "unknown-field"} <= ids
    static = run_stepwell("workspace", "check", "dana", "--static", cwd=root)
    assert (static.exit_code, "failed-" in static.stdout) == (1, False)


def test_a_builder_that_cannot_be_imported_is_shown_at_its_line(
    project: Project, run_stepwell: RunStepwell
) -> None:
    builder = "workspaces/dana/src/builders/dana_row_count.py"
    root = project({"stepwell.toml": "[references]\nsource = ['src']\n", "src/x.py": ""})
    assert run_stepwell("workspace", "new", "dana", cwd=root).exit_code == 0
    (root / builder).write_text("import nowhere_at_all\n\n\nclass DanaRowCountStepBuilder:\n    pass\n")
    output = run_stepwell("workspace", "check", "dana", cwd=root).stdout
    assert "error[failed-builder]: " in output
    assert f"--> {builder}:1:1\n" in output
    assert " 1 | import nowhere_at_all\n" in output


@pytest.mark.parametrize("words", ["check --report x.json", "check --all src", "check --all --format sarif"])
def test_options_that_a_complete_check_lacks(project: Project, run_stepwell: RunStepwell, words: str) -> None:
    ran = run_stepwell(*words.split(), cwd=project({"src/x.py": ""}))
    assert (ran.exit_code, "--all" in ran.stderr) == (2, True)


# --- compare


def test_compare_reports_what_is_missing_and_what_differs(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project(
        {
            **FILES,
            "workspaces/alice/src/configs/scoring.py": "class ScoringConfig: ...\n",
            "workspaces/bob/override/steps/scoring.yaml": "name: Scoring\npriority: 80\n",
        }
    )
    ran = run_stepwell("workspace", "compare", "alice", "bob", cwd=root)
    assert (ran.exit_code, ran.stderr) == (1, "")
    assert ran.stdout == (
        "Scoring (override): does not work in bob\n  missing: configuration class `ScoringConfig` in "
        "workspaces/alice/src/configs/scoring.py is not visible in workspace bob\n  differs: "
        "`priority` is `50` here, but `80` in workspace bob\nTuning (local): works in bob\n  differs: "
        "framework is `xgboost`, but workspace bob prefers `pytorch`\n1 of 2 steps of alice would work "
        "in bob.\n"
    )
    told = json.loads(
        run_stepwell(
            "workspace", "compare", "alice", "bob", "--steps", "Tuning", "--format", "json", cwd=root
        ).stdout
    )
    assert faults("output-workspace-compare", told) == []
    assert [(one["step"], one["works"]) for one in told["steps"]] == [("Tuning", True)]


@pytest.mark.parametrize(
    ("scripts", "fault"),
    [
        (("workspaces/alice/src/scripts/work.py", "workspaces/bob/src/scripts/work.py"), ""),
        (("workspaces/alice/src/scripts/work.py", "workspaces/bob/src/steps/work.py"), ""),
        (("src/scripts/work.py",), ""),
        (
            ("workspaces/alice/src/scripts/work.py",),
            "script workspaces/alice/src/scripts/work.py is not visible in workspace bob",
        ),
        (
            ("workspaces/bob/src/scripts/work.py",),
            "script: neither `work.py` nor `scripts/work.py` exists in `workspaces/alice/src/` and `src/`",
        ),
    ],
)
def test_a_step_works_only_where_a_run_has_its_script(
    project: Project, run_stepwell: RunStepwell, scripts: tuple[str, ...], fault: str
) -> None:
    files = {
        "stepwell.toml": '[components]\nsource = ["src"]\n',
        "workspaces/alice/workspace.yaml": "",
        "workspaces/bob/workspace.yaml": "",
        "workspaces/alice/local/steps/work.yaml": (
            "name: Work\ndescription: Work.\ninterface: {entry_point: work.py}\n"
        ),
        **dict.fromkeys(scripts, "print()\n"),
    }
    ran = run_stepwell("workspace", "compare", "alice", "bob", cwd=project(files))
    assert ran.exit_code == bool(fault)
    assert (f"missing: {fault}" in ran.stdout) == bool(fault), ran.stdout


def test_a_class_that_the_core_has_is_missed_nowhere(project: Project, run_stepwell: RunStepwell) -> None:
    files = {"src/scoring.py": "class ScoringConfig: ...\n", "workspaces/alice/src/mine.py": "class X: ...\n"}
    ran = run_stepwell(
        "workspace", "compare", "alice", "bob", "--steps", "Scoring", cwd=project({**FILES, **files})
    )
    assert (ran.exit_code, ran.stdout) == (
        0,
        "Scoring (override): works in bob\n1 of 1 step of alice would work in bob.\n",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("alice alice", "cannot compare a workspace with itself"),
        ("alice bob --steps ,", "--steps must name at least one step"),
        ("alice bob --steps Tunig", "no step `Tunig` in workspace alice (did you mean `Tuning`?)"),
    ],
)
def test_what_cannot_be_compared_is_one_line(
    project: Project, run_stepwell: RunStepwell, arguments: str, message: str
) -> None:
    ran = run_stepwell("workspace", "compare", *arguments.split(), cwd=project(FILES))
    assert (ran.exit_code, ran.stdout, ran.stderr) == (2, "", f"error: {message}\n")


# --- remove


def test_a_workspace_is_removed_whole_with_an_archive(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**FILES, "stepwell.toml": '[project]\nworkspace = "alice"\n'})
    before = state(root / "workspaces/alice")
    ran = run_stepwell("workspace", "remove", "alice", "--backup", "--yes", cwd=root)
    assert (ran.exit_code, ran.stderr) == (0, "")
    kept, removed, following = ran.stdout.splitlines()
    assert re.fullmatch(r"kept workspaces/\.backup/alice-\d{8}-\d{6}\.tar\.gz", kept)
    assert removed == "removed workspaces/alice"
    assert following == "next: remove it from `[project] workspace` in stepwell.toml"
    assert sorted(os.listdir(root / "workspaces")) == [".backup", "bob"]
    with tarfile.open(root / kept.removeprefix("kept ")) as archive:
        names = {one.name: one for one in archive.getmembers()}
        for path, content in before.items():
            if isinstance(content, bytes):
                file = archive.extractfile(names[f"alice/{path}"])
                assert file is not None
                assert file.read() == content
    assert run_stepwell("workspace", "list", cwd=root).stdout.splitlines()[1:] == [
        "bob  0.0.0    0      0          no findings"
    ]


def test_without_a_terminal_it_is_only_removed_with_yes(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    before = state(root)
    ran = run_stepwell("workspace", "remove", "alice", cwd=root)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (
        2,
        "",
        "error: no terminal to ask for confirmation; use --yes to remove the workspace `alice`\n",
    )
    assert state(root) == before


@pytest.mark.parametrize(("answer", "code", "there"), [("n", 2, True), ("", 2, True), ("y", 0, False)])
def test_on_a_terminal_it_asks(
    project: Project, environment: Mapping[str, str], answer: str, code: int, there: bool
) -> None:
    root = project(FILES)
    ended, told = talk(environment, root, ["workspace", "remove", "alice"], [answer])
    assert "Remove workspaces/alice with all its files? [y/N]:" in told
    assert (ended, (root / "workspaces/alice").exists()) == (code, there)


def test_a_link_is_removed_and_not_what_it_leads_to(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**FILES, "elsewhere/local/steps/mine.yaml": "name: Mine\ndescription: Mine.\n"})
    (root / "workspaces/linked").symlink_to("../elsewhere")
    assert run_stepwell("workspace", "remove", "linked", "--yes", cwd=root).exit_code == 0
    assert not (root / "workspaces/linked").is_symlink()
    assert (root / "elsewhere/local/steps/mine.yaml").exists()


def test_an_archive_that_cannot_be_written_removes_nothing(
    project: Project, environment: Mapping[str, str]
) -> None:
    root = project(FILES)
    before = {path: text for path, text in state(root).items() if isinstance(text, bytes)}
    full = "def full(_): raise OSError(28, os.strerror(28))\nos.fsync = full"
    ran = in_process(environment, root, full, "workspace", "remove", "alice", "--backup", "--yes")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        "error: workspaces/alice cannot be removed: no space left on device; nothing was removed\n"
    )
    assert {path: text for path, text in state(root).items() if isinstance(text, bytes)} == before


# --- help and completion


def test_a_mistyped_command_is_reported_with_the_nearest(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    for word, hint in (
        ("lst", "did you mean `list`?"),
        ("xyzzy", "run `stepwell workspace --help` for a list"),
    ):
        ran = run_stepwell("workspace", word, cwd=tmp_path)
        assert (ran.exit_code, ran.stderr) == (2, f"error: unknown command `workspace {word}` ({hint})\n")


@pytest.mark.parametrize("name", ["new", "list", "show", "check", "compare", "remove"])
def test_each_has_help_with_examples_of_itself(run_stepwell: RunStepwell, tmp_path: Path, name: str) -> None:
    ran = run_stepwell("workspace", name, "--help", cwd=tmp_path)
    assert (ran.exit_code, ran.stderr) == (0, "")
    examples = ran.stdout.partition("Examples:\n")[2].splitlines()
    assert len(examples) >= 2
    assert [line for line in examples if not line.startswith(f"    stepwell workspace {name}")] == []


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("stepwell workspace re", ["plain,remove"]),
        ("stepwell workspace show ", ["plain,alice", "plain,bob"]),
        ("stepwell workspace check al", ["plain,alice"]),
        ("stepwell workspace compare alice b", ["plain,bob"]),
        ("stepwell workspace remove b", ["plain,bob"]),
        ("stepwell workspace new --copy-from a", ["plain,alice"]),
        ("stepwell workspace new --template ", ["plain,advanced", "plain,minimal", "plain,standard"]),
        ("stepwell new X --like Sc", ["plain,Scoring"]),
        ("stepwell new X --workspace b", ["plain,bob"]),
    ],
)
def test_the_shell_is_offered_ids_templates_and_steps(
    project: Project, run_stepwell: RunStepwell, words: str, offered: list[str]
) -> None:
    place = str(len(words.split(" ")) - 1)
    asked = {"_STEPWELL_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": place}
    ran = run_stepwell(cwd=project(FILES), env=asked)
    assert (ran.exit_code, ran.stdout.split(), ran.stderr) == (0, offered, "")


def test_dependencies_are_compared_with_workspaces_and_the_environment(
    project: Project, run_stepwell: RunStepwell
) -> None:
    needs = "[bob, jinja2, 'pyyaml>=5', 'click>=99', no-such-package, bo b, 'tomli; python_version < \"3\"']"
    root = project(
        {
            "workspaces/alice/workspace.yaml": f"developer_id: alice\ndependencies: {needs}\n",
            "workspaces/bob/workspace.yaml": "developer_id: bob\n",
        }
    )
    told = run_stepwell("workspace", "check", "alice", "--static", "--format", "json", cwd=root)
    findings = [
        (each["message"].rpartition(" as ")[0] or each["message"], each["span"]["line"])
        for each in json.loads(told.stdout)["workspaces"][0]["diagnostics"]
        if each["id"] == "missing-package"
    ]
    assert findings == [
        ("required package `click >=99` is installed", 2),
        ("required package `no-such-package` is not installed", 2),
        ("`bo b` is neither a workspace nor a package name", 2),
    ]
