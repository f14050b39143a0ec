"""What came before what: commits that touched paths, files that went, and a commit seen in part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.histories import SCORING, START, History

from stepwell.source.diagnostic import Diagnostic
from stepwell.source.git import (
    Gone,
    Repository,
    gone_between,
    gone_from,
    is_ancestor,
    is_cut_off,
    literal,
    merge_base,
    oldest_touching,
    open_part,
    open_repository,
    touching,
)
from stepwell.source.tree import EntryKind, Target, TreeEntry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

INSIDE = "teams/[a]*/project"


@pytest.fixture
def history(tmp_path: Path, environment: Mapping[str, str]) -> History:
    made = History(tmp_path / "repository", environment, inside=INSIDE)
    made.commit("Begin", {"stepwell.toml": "", SCORING: START})
    (made.root / "teams" / "a-other").mkdir()
    made.commit("Elsewhere", {"../../a-other/scoring.yaml": START, "notes.txt": "notes\n"})
    return made


def opened(history: History) -> Repository:
    return open_repository(str(history.project.resolve()), history.environment)


def test_commits_that_touch_a_path_below_a_folder_with_odd_characters(history: History) -> None:
    second = history.commit("Ünïcode \x1b subject", {SCORING: START + "priority: 2\n"})
    repository = opened(history)
    found = touching(repository, "HEAD", ["registry.d/steps/**/scoring.yaml"])
    assert [one.subject for one in found] == ["Ünïcode \x1b subject", "Begin"]
    assert (found[0].id, found[0].author, found[0].date) == (second, "Ann", "2026-01-03T10:00:00+00:00")
    assert found[0].short == second[:10]
    assert touching(repository, "HEAD", ["**/none.yaml"]) == ()


def test_the_encoding_of_the_users_log_does_not_matter(history: History) -> None:
    history.commit("Für alle", {SCORING: START + "priority: 2\n"})
    history.git("config", "i18n.logOutputEncoding", "ISO-8859-1")
    assert touching(opened(history), "HEAD", ["registry.d/**"])[0].subject == "Für alle"


def test_where_the_history_of_paths_begins(history: History) -> None:
    repository = opened(history)
    history.commit("Second", {SCORING: START + "priority: 2\n"})
    assert oldest_touching(repository, "HEAD", ["notes.txt"]) == history.git("rev-parse", "HEAD~1")
    assert oldest_touching(repository, "HEAD", ["registry.d/**"]) == history.git("rev-parse", "HEAD~2")
    assert oldest_touching(repository, "HEAD", ["none"]) is None


def test_files_that_went_between_commits_in_the_index_and_on_disk(history: History) -> None:
    repository = opened(history)
    first = history.git("rev-parse", "HEAD")
    moved = "registry.d/steps/new/scoring.yaml"
    second = history.commit("Move", {SCORING: None, moved: START, "notes.txt": None})
    went = {Gone(SCORING, moved), Gone("notes.txt", None)}
    assert set(gone_between(repository, first, second)) == went
    assert set(gone_from(repository, first)) == went
    history.write({moved: None})
    assert gone_from(repository, second) == (Gone(moved, None),)
    assert gone_between(repository, second, second) == ()


def test_who_is_an_ancestor(history: History) -> None:
    repository = opened(history)
    first, second = history.git("rev-parse", "HEAD~1"), history.git("rev-parse", "HEAD")
    assert is_ancestor(repository, first, second)
    assert not is_ancestor(repository, second, first)
    assert not is_ancestor(repository, first, first)
    assert merge_base(repository, "HEAD", "HEAD~1") == first


def test_only_the_end_of_a_shallow_clone_is_cut_off(history: History, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    history.commit("Third", {SCORING: START + "priority: 2\n"})
    history.git("clone", "-q", "--depth", "2", history.root.as_uri(), str(clone))
    repository = open_repository(str((clone / INSIDE).resolve()), history.environment)
    found = touching(repository, "HEAD", ["**"])
    assert [(one.subject, is_cut_off(repository, one)) for one in found] == [
        ("Third", False),
        ("Elsewhere", True),
    ]
    whole = opened(history)
    assert not any(is_cut_off(whole, one) for one in touching(whole, "HEAD", ["**"]))


def test_a_part_of_a_commit_shows_what_was_requested_and_nothing_else(history: History) -> None:
    others = {f"registry.d/steps/other_{letter}.yaml": START for letter in "abc"}
    commit = history.commit("Others", others)
    part = open_part(
        opened(history), commit, ["stepwell.toml", "registry.d", "none"], ["registry.d/steps/**/scoring.yaml"]
    )
    assert list(part.scan("registry.d/steps")) == [TreeEntry("scoring.yaml", EntryKind.FILE, False)]
    assert sorted(entry.name for entry in part.scan("")) == ["registry.d", "stepwell.toml"]
    assert part.read(SCORING) == START.encode()
    assert isinstance(part.read("registry.d/steps/other_a.yaml"), Diagnostic)
    assert part.follow("registry.d") == Target("registry.d", EntryKind.FOLDER)
    assert part.follow("none") == Target("none", None)
    assert [path for path, _ in part.ids()] == ["registry.d", "registry.d/steps", SCORING, "stepwell.toml"]


def test_a_folder_without_anything_that_is_seen_is_there_and_empty(history: History) -> None:
    commit = history.git("rev-parse", "HEAD")
    part = open_part(opened(history), commit, ["registry.d"], ["registry.d/steps/**/none.yaml"])
    assert part.follow("registry.d").kind is EntryKind.FOLDER
    assert list(part.scan("registry.d")) == []


def test_a_submodule_on_the_way_is_reported(
    history: History, tmp_path: Path, environment: Mapping[str, str]
) -> None:
    outer = History(tmp_path / "outer", environment)
    outer.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(history.root), "shared")
    commit = outer.commit("Add", {"own/file": "x"})
    repository = opened(outer)
    assert (
        open_part(repository, commit, ["shared/registry.d"], ()).submodule_on("shared/registry.d") == "shared"
    )
    assert open_part(repository, commit, ["own/file"], ()).submodule_on("own/file") is None


@pytest.mark.parametrize(
    ("path", "pattern"), [("a/b.yaml", "a/b.yaml"), ("[a]*?\\", "\\[a]\\*\\?\\\\"), ("{a,b}!", "{a,b}!")]
)
def test_a_literal_path_represents_itself_only(path: str, pattern: str) -> None:
    assert literal(path) == pattern
