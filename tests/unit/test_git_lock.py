"""The index lock of git shows whether a checkout is running, wherever a repository keeps it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from stepwell.source.git import index_times
from stepwell.source.git.repository import FRESH, JUST

NOW = 1_700_000_000.0

Git = Callable[..., str]


@pytest.fixture
def git(tmp_path: Path, environment: Mapping[str, str]) -> Git:
    def run(*arguments: str, at: Path = tmp_path) -> str:
        ran = subprocess.run(
            [
                "git",
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@b",
                "-c",
                "protocol.file.allow=always",
                *arguments,
            ],
            cwd=at,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return ran.stdout.strip()

    return run


@pytest.fixture
def repository(tmp_path: Path, git: Git) -> Path:
    root = tmp_path / "top"
    (root / "deep" / "project").mkdir(parents=True)
    git("init", "-q", "-b", "main", at=root)
    git("commit", "-q", "--allow-empty", "-m", "one", at=root)
    return root


def hold(lock: Path, age: float = 1.0) -> None:
    lock.write_text("")
    os.utime(lock, (NOW - age, NOW - age))


def changing(*folders: Path) -> bool:
    return index_times(str(folder) for folder in folders).is_changing(NOW)


def test_the_lock_of_the_repository_that_a_folder_lies_in(repository: Path) -> None:
    project = repository / "deep" / "project"
    assert not changing(project)
    hold(repository / ".git" / "index.lock")
    assert changing(project)
    assert changing(repository)
    assert changing(project / "a folder" / "that git just took away")
    assert not changing(repository.parent)
    (repository / ".git" / "index.lock").unlink()
    assert not changing(project)


@pytest.mark.parametrize(
    ("age", "is_fresh"),
    [(0.0, True), (FRESH - 1, True), (FRESH + 1, False), (86_400.0, False), (-5.0, True), (-3_600.0, False)],
)
def test_a_lock_is_believed_while_it_is_fresh(repository: Path, age: float, is_fresh: bool) -> None:
    hold(repository / ".git" / "index.lock", age)
    assert changing(repository) is is_fresh


def test_what_a_checkout_wrote_last_may_not_have_been_heard_of_yet(repository: Path) -> None:
    hold(repository / ".git" / "index", JUST / 2)
    assert changing(repository)
    hold(repository / ".git" / "index", JUST * 2)
    assert not changing(repository)
    assert index_times([str(repository / "deep")]).changed_since(NOW - JUST * 3)
    assert not index_times([str(repository / "deep")]).changed_since(NOW - JUST)
    assert not index_times([str(repository.parent)]).changed_since(0.0)


def test_a_linked_worktree_has_its_own_lock(repository: Path, git: Git, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git("worktree", "add", "-q", "-b", "other", str(linked), at=repository)
    hold(repository / ".git" / "index.lock")
    assert not changing(linked)
    (repository / ".git" / "index.lock").unlink()
    place = Path(git("rev-parse", "--absolute-git-dir", at=linked))
    assert place != repository / ".git"
    hold(place / "index.lock")
    assert changing(linked / "project")
    assert not changing(repository)


def test_a_submodule_has_its_own_lock(repository: Path, git: Git, tmp_path: Path) -> None:
    git("init", "-q", "-b", "main", str(tmp_path / "inner"))
    git("commit", "-q", "--allow-empty", "-m", "one", at=tmp_path / "inner")
    git("submodule", "--quiet", "add", str(tmp_path / "inner"), "part", at=repository)
    part = repository / "part"
    assert (part / ".git").read_text().startswith("gitdir: ../.git/")
    hold(Path(git("rev-parse", "--absolute-git-dir", at=part)) / "index.lock")
    assert changing(part)
    assert not changing(repository)
    assert changing(repository, part / "steps")


@pytest.mark.parametrize(
    "text", ["", "gitdir: ", "gitdir: nowhere\n", "nonsense\n", "gitdir: .git\n", "\0\n"]
)
def test_a_file_that_names_no_repository_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / ".git").write_text(text)
    assert not changing(tmp_path)


def test_git_itself_holds_the_lock_while_it_writes_files(repository: Path, git: Git) -> None:
    """A filter that runs in the middle of a checkout looks."""
    probe = repository.parent / "probe"
    look = f"ls '{repository}/.git/' >> '{probe}'; cat"
    (repository / ".gitattributes").write_text("*.yaml filter=probe\n")
    (repository / "a.yaml").write_text("one\n")
    git("add", ".", at=repository)
    git("commit", "-q", "-m", "two", at=repository)
    git("-c", f"filter.probe.smudge={look}", "checkout", "-q", "HEAD~1", at=repository)
    git("-c", f"filter.probe.smudge={look}", "checkout", "-q", "main", at=repository)
    assert "index.lock" in probe.read_text().splitlines()
