"""``stepwell.open(fallback="last-good")`` serves the last valid version across restarts, with one warning."""

from __future__ import annotations

import json
import os
import shutil
import stat
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import stepwell
from stepwell import Registry

Project = Callable[..., Path]

CORE = "registry.d/steps/scoring.yaml"
ALICE = "workspaces/alice/override/steps/scoring.yaml"
BOB = "workspaces/bob/local/steps/sorting.yaml"
FILES = {
    "stepwell.toml": '[project]\nworkspace = "alice"\n',
    CORE: "name: Scoring\ndescription: Score.\npriority: 10\n",
    "registry.d/steps/ranking.yaml": "name: Ranking\ndescription: Rank.\n",
    ALICE: "name: Scoring\npriority: 20\n",
    "workspaces/alice/workspace.yaml": "developer_id: alice\n",
    BOB: "name: Sorting\ndescription: Sort.\npriority: 10\n",
}
BROKEN = "name: [\n"


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "stepwell"


@pytest.fixture
def root(project: Project, folder: Path) -> Path:
    root = project(FILES)
    registry, messages = opened(root)
    assert (messages, registry.diagnostics) == ([], ())
    assert len(list(folder.iterdir())) == 1
    return root


def opened(path: Path) -> tuple[Registry, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        registry = stepwell.open(path, fallback="last-good")
    assert all(one.filename == __file__ for one in caught)
    return registry, [str(one.message) for one in caught]


def stored(folder: Path) -> Path:
    [file] = folder.iterdir()
    return file


def test_a_broken_core_keeps_its_definitions_across_restarts(root: Path) -> None:
    (root / CORE).write_text(BROKEN)
    (root / BOB).write_text(FILES[BOB].replace("10", "30"))
    for _ in range(3):
        registry, messages = opened(root)
        assert messages == [
            f"{root} has 1 error; the last valid version is served for the core (run `stepwell check`)"
        ]
        assert registry.view(None)["Scoring"].priority == 10
        assert registry.view()["Scoring"].priority == 20
        assert registry.view("bob")["Sorting"].priority == 30
        assert [found.id for found in registry.diagnostics] == ["invalid-yaml"]
    (root / CORE).write_text(FILES[CORE].replace("10", "11"))
    event = registry.reload()
    assert event is not None
    assert (event.accepted, event.kept, registry.view(None)["Scoring"].priority) == (True, (), 11)


def test_a_broken_workspace_keeps_its_view_and_new_valid_edits_of_others_are_stored(root: Path) -> None:
    (root / ALICE).write_text(BROKEN)
    (root / CORE).write_text(FILES[CORE].replace("10", "12"))
    registry, messages = opened(root)
    assert "for workspace alice (" in messages[0]
    assert (registry.view()["Scoring"].priority, registry.view(None)["Scoring"].priority) == (20, 12)
    (root / CORE).write_text(BROKEN)
    registry, messages = opened(root)
    assert "for the core, workspace alice (" in messages[0]
    assert (registry.view()["Scoring"].priority, registry.view(None)["Scoring"].priority) == (20, 12)


@pytest.mark.parametrize("text", ["[project\n", "[paths]\ncore = 1\n", b"\xff", '[paths]\ncore = "no"\n'])
def test_broken_settings_keep_everything(root: Path, text: str | bytes) -> None:
    (root / "stepwell.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    registry, messages = opened(root)
    assert "the last valid version is served for the core, workspace alice, workspace bob" in messages[0]
    assert registry.active_workspace == "alice"
    assert registry.view()["Scoring"].priority == 20
    (root / "stepwell.toml").write_text(FILES["stepwell.toml"])
    registry.reload()
    assert registry.health().kept == ()


@pytest.mark.parametrize("gone", [".", "stepwell.toml", "registry.d"])
def test_a_missing_project_keeps_everything_until_it_is_back(root: Path, tmp_path: Path, gone: str) -> None:
    (root / gone).rename(tmp_path / "aside")
    registry, messages = opened(root)
    assert len(messages) == 1
    assert str(root) in messages[0]
    assert registry.workspaces == ("alice", "bob")
    assert registry.view()["Scoring"].priority == 20
    assert opened(root / "registry.d" / "steps")[0].digest == registry.digest
    (tmp_path / "aside").rename(root / gone)
    registry.reload()
    assert registry.diagnostics == ()
    assert registry.health().kept == ()
    assert opened(root)[1] == []


def test_a_valid_edit_of_a_running_program_is_the_next_version(root: Path) -> None:
    registry, _ = opened(root)
    (root / CORE).write_text(FILES[CORE].replace("10", "13"))
    registry.reload()
    (root / CORE).write_text(BROKEN)
    registry.reload()
    assert opened(root)[0].view(None)["Scoring"].priority == 13


def test_without_a_stored_version_skipped_definitions_are_reported(project: Project, folder: Path) -> None:
    root = project({**FILES, CORE: BROKEN})
    _, messages = opened(root)
    assert "invalid definitions are skipped" in messages[0]
    assert not folder.exists() or not list(folder.iterdir())
    shutil.rmtree(root)
    with pytest.raises(stepwell.ProjectError):
        stepwell.open(root, fallback="last-good")


def test_a_workspace_that_was_never_valid_is_served_without_its_invalid_definitions(root: Path) -> None:
    own = root / "workspaces/carol/local/steps"
    own.mkdir(parents=True)
    (own / "rating.yaml").write_text("name: Rating\ndescription: Rate.\n")
    (own / "other.yaml").write_text(BROKEN)
    registry, messages = opened(root)
    assert "invalid definitions are skipped" in messages[0]
    assert "Rating" in registry.view("carol")


def test_the_default_stores_nothing(project: Project, folder: Path) -> None:
    stepwell.open(project(FILES))
    assert [path.name for path in folder.iterdir()] == ["cache-key"]
    with pytest.raises(ValueError, match="must be `skip` or `last-good`, got 'never'"):
        stepwell.open(fallback="never")  # type: ignore[arg-type]


def test_only_the_user_can_read_it_and_nothing_else_is_left(root: Path, folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(stored(folder).stat().st_mode) == 0o600
    assert json.loads(stored(folder).read_text())["root"] == str(root)


def hostile(root: Path, /, **changes: Any) -> bytes:
    state = {"form": 1, "root": str(root), "today": "2026-01-01", "files": FILES}
    return json.dumps({**state, **changes}).encode()


@pytest.mark.parametrize(
    "make",
    [
        lambda _: b"",
        lambda _: b"\xff\xfe",
        lambda _: b"[" * 100_000,
        lambda _: b"null",
        lambda root: hostile(root, form=2),
        lambda root: hostile(root, root="/elsewhere"),
        lambda root: hostile(root, today="never"),
        lambda root: hostile(root, today=1),
        lambda root: hostile(root, files=[]),
        lambda root: hostile(root, files={"a": 1}),
        lambda root: hostile(root, files={"a": "\ud800"}),
        lambda root: hostile(root, files={"../escape": "x"}),
        lambda root: hostile(root, files={"/etc/passwd": "x"}),
        lambda root: hostile(root, files={"a": "x", "a/b": "x"}),
        lambda root: hostile(root, files={}),
        lambda root: hostile(root, files={**FILES, CORE: BROKEN}),
    ],
)
def test_hostile_bytes_are_no_version(root: Path, folder: Path, make: Callable[[Path], bytes]) -> None:
    stored(folder).write_bytes(make(root))
    (root / CORE).write_text(BROKEN)
    registry, messages = opened(root)
    assert "invalid definitions are skipped" in messages[0]
    assert "Ranking" in registry.view(None)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of POSIX")
def test_a_file_that_others_can_write_is_not_trusted(root: Path, folder: Path) -> None:
    stored(folder).chmod(0o666)
    (root / CORE).write_text(BROKEN)
    assert "invalid definitions are skipped" in opened(root)[1][0]
    stored(folder).chmod(0o600)
    assert "invalid definitions are skipped" not in opened(root)[1][0]
    folder.chmod(0o777)
    assert "invalid definitions are skipped" in opened(root)[1][0]


def test_a_disk_that_cannot_be_written_stops_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    registry, messages = opened(project(FILES))
    assert (messages, registry.view()["Scoring"].priority) == ([], 20)
