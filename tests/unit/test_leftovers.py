"""What killed commands leave is named by `doctor` and removed or completed by the next command."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from stepwell.frontends import cli
from stepwell.model.settings import STAGING
from stepwell.source import atomic_write
from stepwell.source.atomic_write import held, leftovers, remove_leftovers, write_atomically
from stepwell.write import transaction
from stepwell.write.scaffold import workspace_files
from stepwell.write.transaction import recover, write_files

Project = Callable[[Mapping[str, str]], Path]

HEX = "0123456789abcdef"
FILES = {
    "stepwell.toml": '[[freeze]]\noutput = "old/"\nworkspace = "all"\n',
    "registry.d/steps/scoring.yaml": "name: Scoring\ndescription: Score.\nsagemaker_step_type: Training\n",
    "workspaces/alice/workspace.yaml": "developer_id: alice\n",
}


def test_a_killed_writer_leaves_a_file_that_the_next_one_removes(tmp_path: Path) -> None:
    code = (
        "import os, sys, time\nfrom pathlib import Path\nfrom stepwell.source import atomic_write\n"
        "def stop(_, content):\n    if content:\n        print('here', flush=True)\n        time.sleep(60)\n"
        "atomic_write._write = stop\natomic_write.write_atomically(Path('names.py'), 'new')\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert running.stdout is not None
    with running:
        assert running.stdout.readline() == "here\n"
        [name] = os.listdir(tmp_path)
        assert leftovers(tmp_path) == ()  # in use
        write_atomically(tmp_path / "other.py", "text")
        assert sorted(os.listdir(tmp_path)) == [name, "other.py"]
        running.send_signal(signal.SIGKILL)
    assert leftovers(tmp_path) == (name,)
    write_atomically(tmp_path / "other.py", "new text")
    assert os.listdir(tmp_path) == ["other.py"]


def test_only_temporary_names_of_dead_processes_are_removed(tmp_path: Path) -> None:
    kept = [".stepwell-1.tmp", f"stepwell-{HEX}.tmp", f".stepwell-{HEX}.tmp.yaml", "a.tmp", ".tmp"]
    left = [f".stepwell-{HEX}.tmp", f".alice.{HEX}.tmp", f".{HEX}.tmp"]
    for name in (*kept, left[0], left[2]):
        (tmp_path / name).write_text("x")
    (tmp_path / left[1]).mkdir()
    (tmp_path / left[1] / "file").write_text("x")
    (tmp_path / f".link.{HEX}.tmp").symlink_to(tmp_path)
    with held(tmp_path / left[1]):
        remove_leftovers(tmp_path)
        assert (tmp_path / left[1] / "file").exists()
    assert set(leftovers(tmp_path)) == {left[1]}
    remove_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, f".link.{HEX}.tmp"])


def test_doctor_names_leftovers_and_the_next_command_removes_them(
    project: Project, run_stepwell: Any
) -> None:
    root = project(FILES)
    assert run_stepwell("freeze", cwd=root).exit_code == 0
    left = [
        f".stepwell-{HEX}.tmp",
        f"old/.stepwell-{HEX}.tmp",
        f"registry.d/steps/.stepwell-{HEX}.tmp",
        f"workspaces/.alice.{HEX}.tmp",
    ]
    for path in left[:3]:
        (root / path).write_text("half")
    (root / left[3]).mkdir()
    told = run_stepwell("doctor", cwd=root)
    assert told.exit_code == 1
    for path in left:
        assert f"- Delete {path}: a command that was killed left it" in told.stdout
    assert run_stepwell("workspace", "new", "bob", cwd=root).exit_code == 0
    assert not (root / left[3]).exists()
    step = root / "registry.d/steps/scoring.yaml"
    step.write_text(step.read_text().replace("Score.", "Score all."))
    assert run_stepwell("freeze", cwd=root).exit_code == 0
    assert run_stepwell("new", "Rating", cwd=root).exit_code == 0
    assert [path for path in left if (root / path).exists()] == [left[0]]


def test_the_gitignore_of_init_covers_leftovers(tmp_path: Path, run_stepwell: Any) -> None:
    assert run_stepwell("init", cwd=tmp_path).exit_code == 0
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    for path in (f"a/.stepwell-{HEX}.tmp", f"workspaces/.x.{HEX}.tmp/f", f"{STAGING}/journal.json"):
        command = ["git", "check-ignore", "-q", path]
        assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 0, path


class Killed(BaseException):
    pass


def names(root: Path) -> dict[str, bytes]:
    files = (path for path in (root / "old").rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


@pytest.mark.slow
@pytest.mark.parametrize("at", range(1, 24, 2))
def test_a_freeze_that_is_killed_at_any_moment_is_completed_or_undone(
    project: Project, run_stepwell: Any, at: int
) -> None:
    root = project(FILES)
    assert cli.run(["freeze", "-q", "--project", str(root)]) == 0
    before = names(root)
    step = root / "registry.d/steps/scoring.yaml"
    step.write_text(step.read_text().replace("Score.", "Score all.").replace("Training", "Processing"))
    definitions = step.read_text() + "aliases: [Old]\n"
    step.write_text(definitions)
    hyperparameters = root / "registry.d/hyperparameters"
    hyperparameters.mkdir()
    (hyperparameters / "small.yaml").write_text("name: Small\nmodule_path: m.small\ndescription: Small.\n")
    child = os.fork()
    if child == 0:
        calls = iter(range(1, at + 1))

        def or_killed(function: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any, **more: Any) -> Any:
                if next(calls, None) is None:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*arguments, **more)

            return call

        for module, name in ((os, "replace"), (os, "rename"), (os, "mkdir"), (os, "fsync"), (os, "chmod")):
            setattr(module, name, or_killed(getattr(module, name)))
        for module, name in ((shutil, "copy2"), (shutil, "rmtree"), (transaction, "_stage")):
            setattr(module, name, or_killed(getattr(module, name)))
        os._exit(cli.run(["freeze", "-q", "--project", str(root)]))
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or at > 12  # a late moment may be after the end
    run_stepwell("list", cwd=root)
    now = names(root)
    changed = {name for name in now if now[name] != before.get(name)}
    assert run_stepwell("freeze", cwd=root).exit_code == 0
    after = names(root)
    assert changed in (set(), {name for name in after if after[name] != before.get(name)})
    assert run_stepwell("doctor", cwd=root).exit_code == 0
    assert not (root / STAGING).exists()


def journal(root: Path, folder: int | None, path: str, new: str = "0.new") -> None:
    (root / STAGING).mkdir()
    (root / STAGING / "0.new").write_text("evil")
    steps = [{"path": path, "new": new, "before": None, "files": [path]}]
    text = json.dumps({"version": 2, "folder": folder, "steps": steps})
    (root / STAGING / "journal.json").write_text(text)


@pytest.mark.parametrize(
    "path", ["../escape", "/escape-of-stepwell", ".git/hooks/x", ".venv/x.py", "link/x", "a/../../x", ""]
)
def test_a_journal_that_came_with_a_clone_writes_nothing_hidden_or_outside(
    project: Project, run_stepwell: Any, path: str
) -> None:
    root = project(FILES)
    (root / "link").symlink_to("..")
    (root / ".git" / "hooks").mkdir(parents=True)
    before = sorted(root.parent.rglob("*"))
    journal(root, 1, path)
    assert run_stepwell("list", cwd=root).exit_code == 0
    write_files(str(root), {"a.txt": b"a", "b.txt": b"b"})
    assert sorted(root.parent.rglob("*")) == sorted([*before, root / "a.txt", root / "b.txt"])
    assert not Path("/escape-of-stepwell").exists()


@pytest.mark.parametrize(
    "text", ["", "[", "[]", "{}", '{"steps": 1}', '{"steps": [1]}', '{"steps": [{"path": 1}]}', "[" * 100_000]
)
def test_a_journal_that_is_none_is_dropped(tmp_path: Path, text: str) -> None:
    (tmp_path / STAGING).mkdir()
    (tmp_path / STAGING / "journal.json").write_text(text)
    assert recover(str(tmp_path)) == ()
    assert os.listdir(tmp_path) == []


def test_a_clone_s_journal_is_left_alone_by_commands_that_only_read(
    project: Project, run_stepwell: Any
) -> None:
    root = project(FILES)
    journal(root, None, "registry.d/steps/evil.yaml")
    assert run_stepwell("check", cwd=root).exit_code == 0
    assert not (root / "registry.d/steps/evil.yaml").exists()
    assert f"- Delete {STAGING}: " in run_stepwell("doctor", cwd=root).stdout


@pytest.mark.parametrize("fails_at", [0, 1])
def test_a_workspace_whose_files_cannot_be_deleted_is_there_or_gone(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fails_at: int
) -> None:
    root = project({**FILES, "workspaces/alice/local/steps/a.yaml": "name: A\ndescription: A.\n"})

    def failing(path: str, **_: Any) -> None:
        files = sorted(Path(path).rglob("*.yaml"))
        for file in files[:fails_at]:
            file.unlink()
        raise OSError(5, "Input/output error", str(files[fails_at]))

    with monkeypatch.context() as patched:
        patched.setattr(workspace_files.shutil, "rmtree", failing)
        assert cli.run(["workspace", "remove", "alice", "--yes", "--project", str(root)]) == 2
    error = capsys.readouterr().err
    if fails_at == 0:
        assert error.endswith("input/output error; nothing was removed\n")
        assert len(list((root / "workspaces/alice").rglob("*.yaml"))) == 2
        return
    [hidden] = (root / "workspaces").iterdir()
    assert error.endswith(f"it is removed, but some of its files remain in workspaces/{hidden.name}\n")
    assert cli.run(["workspace", "new", "bob", "-q", "--project", str(root)]) == 0
    assert [path.name for path in (root / "workspaces").iterdir()] == ["bob"]
    assert atomic_write.leftovers(root / "workspaces") == ()
