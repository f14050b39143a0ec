"""Several files are written together, or none is."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from stepwell.write.transaction import STAGING, Changed, recover, write_files

FILES = {"one.txt": b"1", "new/deep/two.txt": b"2", "new/three.txt": b"3"}


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_written_files_are_reported_and_equal_ones_are_not_touched(tmp_path: Path) -> None:
    assert write_files(str(tmp_path / "made"), FILES) == tuple(FILES)
    assert contents(tmp_path / "made") == FILES
    before = os.stat(tmp_path / "made" / "one.txt").st_mtime_ns
    assert write_files(str(tmp_path / "made"), {**FILES, "new/three.txt": b"4"}) == ("new/three.txt",)
    assert os.stat(tmp_path / "made" / "one.txt").st_mtime_ns == before


@pytest.mark.parametrize("failing", range(1, 6))
def test_a_failure_at_any_rename_names_a_file_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    (tmp_path / "one.txt").write_bytes(b"0")
    (tmp_path / "four.txt").write_bytes(b"0")
    count = 0

    def counted(real: Any) -> Any:
        def call(*arguments: str) -> None:
            nonlocal count
            count += 1
            if count == failing:
                raise OSError(28, "no space left on device")
            real(*arguments)

        return call

    monkeypatch.setattr(os, "replace", counted(os.replace))
    monkeypatch.setattr(os, "rename", counted(os.rename))
    files = {**FILES, "four.txt": b"4"}
    if failing == 5:  # the journal and three moves
        write_files(str(tmp_path), files)
        assert contents(tmp_path) == files
        return
    with pytest.raises(OSError, match="no space left") as failed:
        write_files(str(tmp_path), files)
    assert failed.value.filename in files
    assert contents(tmp_path) == {"one.txt": b"0", "four.txt": b"0"}
    assert sorted(os.listdir(tmp_path)) == ["four.txt", "one.txt"]


def test_a_new_folder_appears_whole_and_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "three.txt").write_bytes(b"mine")
    with pytest.raises(FileExistsError) as refused:
        write_files(str(tmp_path), FILES, overwrite=False)
    assert refused.value.filename == "new/three.txt"
    assert contents(tmp_path) == {"new/three.txt": b"mine"}


def test_the_next_writer_finishes_what_a_killed_one_left(tmp_path: Path) -> None:
    staging = tmp_path / STAGING
    (staging / "0.new").mkdir(parents=True)
    (staging / "0.new" / "a.txt").write_bytes(b"a")
    step = {"path": "folder", "new": "0.new", "before": None, "files": ["folder/a.txt"]}
    (staging / "journal.json").write_text(json.dumps({"version": 2, "steps": [step]}))
    write_files(str(tmp_path), FILES)
    assert contents(tmp_path) == {**FILES, "folder/a.txt": b"a"}
    assert recover(str(tmp_path)) is None


OLD = {"edited.txt": b"old", "deleted.txt": b"old", "folder/kept.txt": b"old"}
NEW: dict[str, bytes | None] = {
    "edited.txt": b"new",
    "deleted.txt": None,
    "folder/moved.txt": b"new",
    "made/a.txt": b"a",
}


def put(root: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def written() -> dict[str, bytes]:
    return {**{name: text for name, text in {**OLD, **NEW}.items() if text is not None}}


def test_files_are_deleted_and_written_together(tmp_path: Path) -> None:
    put(tmp_path, OLD)
    assert write_files(str(tmp_path), NEW, read=dict.fromkeys(NEW, None) | OLD) == tuple(NEW)
    assert contents(tmp_path) == written()


@pytest.mark.parametrize("name", ["edited.txt", "deleted.txt", "folder/moved.txt"])
def test_a_file_that_changed_since_it_was_read_is_not_overwritten(tmp_path: Path, name: str) -> None:
    put(tmp_path, OLD)
    read = {path: OLD.get(path) for path in NEW}
    put(tmp_path, {name: b"changed meanwhile"})
    before = contents(tmp_path)
    with pytest.raises(Changed) as refused:
        write_files(str(tmp_path), NEW, read=read)
    assert refused.value.path == name
    assert contents(tmp_path) == before


def test_a_killed_writer_leaves_old_or_new_files_after_the_next_command(tmp_path: Path) -> None:
    killed = 0
    for step in range(1, 200):
        root = tmp_path / str(step)
        put(root, OLD)
        child = os.fork()
        if child == 0:
            _die_at(step)
            write_files(str(root), NEW, read={path: OLD.get(path) for path in NEW})
            os._exit(0)
        _, status = os.waitpid(child, 0)
        recover(str(root))
        assert contents(root) in (OLD, written()), step
        write_files(str(root), NEW)
        assert contents(root) == written()
        assert not list(root.rglob(".*"))
        if status == 0:
            break
        killed += 1
    assert killed > 15


def _die_at(step: int) -> None:
    """Kill this process at a call of the operating system that changes files."""
    count = 0

    def dying(real: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count == step:
                os._exit(9)
            return real(*arguments, **options)

        return call

    for name in ("replace", "rename", "unlink", "mkdir", "rmdir", "fsync", "chmod"):
        setattr(os, name, dying(getattr(os, name)))


@pytest.mark.parametrize("is_own", [True, False])
def test_a_journal_that_came_with_a_clone_deletes_nothing(tmp_path: Path, is_own: bool) -> None:
    put(tmp_path, OLD)
    staging = tmp_path / STAGING
    staging.mkdir()
    before = hashlib.sha256(b"old").hexdigest()
    step = {"path": "deleted.txt", "new": "0.new", "before": before, "delete": True, "files": ["deleted.txt"]}
    folder = staging.stat().st_ino + (not is_own)
    (staging / "journal.json").write_text(json.dumps({"version": 2, "folder": folder, "steps": [step]}))
    assert recover(str(tmp_path)) == (("deleted.txt",) if is_own else ())
    assert (tmp_path / "deleted.txt").exists() is not is_own
