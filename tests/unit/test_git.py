"""A project as git holds it: the same tree as a folder, and nothing outside it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from stepwell.source.diagnostic import Diagnostic
from stepwell.source.errors import RevisionError
from stepwell.source.git import (
    base_revision,
    default_branch,
    merge_base,
    open_repository,
    open_revision,
    parents_of,
)
from stepwell.source.tree import EntryKind, Folder, Target

CLEAN = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
SETTINGS = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}
ENVIRONMENT: Mapping[str, str] = {**CLEAN, **SETTINGS}


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, env=ENVIRONMENT, check=True, capture_output=True)
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def commit(folder: Path, message: str = "one") -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "project"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    return folder


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)


NAMES = (
    "a.yaml",
    "deep/er/b.yaml",
    "deep/ c d .yaml",
    "deep/line\nbreak.yaml",
    'deep/"quoted"\\.yaml',
    "deep/tab\t.yaml",
    "deep/多.yaml",
    "deep/[a]*?.yaml",
    "deep/-x.yaml",
    ":top/(glob).yaml",
    "deep/latin\udce9.yaml",
)


def test_a_revision_lists_and_reads_what_the_folder_has(root: Path) -> None:
    write(root, {name: f"content of {name!a}" for name in NAMES})
    write(root, {"empty.yaml": b"", "binary.yaml": b"\0\xff\r\n"})
    commit(root)
    folder, revision = Folder(str(root)), open_revision(open_repository(str(root), ENVIRONMENT), "HEAD")
    for place in ("", "deep", "deep/er", ":top"):
        there = sorted(entry for entry in folder.scan(place) if entry.name != ".git")
        assert sorted(revision.scan(place)) == there
    for name in (*NAMES, "empty.yaml", "binary.yaml"):
        assert revision.read(name) == folder.read(name)
        assert revision.follow(name) == folder.follow(name) == Target(name, EntryKind.FILE)
        content = revision.read(name)
        assert isinstance(content, bytes)
        assert revision.id_of(name) == revision.id_for(content)
    assert sorted(revision.files()) == sorted((*NAMES, "empty.yaml", "binary.yaml"))


@pytest.mark.parametrize(
    ("link", "to", "expected"),
    [
        ("deep/link.yaml", "b.yaml", Target("deep/b.yaml", EntryKind.FILE)),
        ("deep/link.yaml", "../a.yaml", Target("a.yaml", EntryKind.FILE)),
        ("link", "deep", Target("deep", EntryKind.FOLDER)),
        ("deep/link", "..", Target("", EntryKind.FOLDER)),
        ("link.yaml", "nowhere.yaml", Target("nowhere.yaml", None)),
        ("link.yaml", "../../etc/passwd", Target(None, None)),
        ("link.yaml", "/etc/passwd", Target(None, None)),
        ("link.yaml", "link.yaml", Target("link.yaml", None)),
    ],
)
def test_a_link_is_followed_inside_the_revision_only(
    root: Path, link: str, to: str, expected: Target
) -> None:
    write(root, {"a.yaml": "a", "deep/b.yaml": "b"})
    (root / link).symlink_to(to)
    commit(root)
    revision = open_revision(open_repository(str(root), ENVIRONMENT), "HEAD")
    assert revision.follow(link) == expected
    found = revision.read(link)
    if expected.kind is EntryKind.FILE:
        assert found == Folder(str(root)).read(link)
    else:
        assert isinstance(found, Diagnostic)
        assert (found.id, found.message) == ("unreadable-file", "this is not a regular file")


def test_a_folder_below_the_top_sees_itself_alone(root: Path) -> None:
    write(root, {"teams/fr*ud/a.yaml": "a", "teams/other/b.yaml": "b", "c.yaml": "c"})
    (root / "teams/fr*ud/out.yaml").symlink_to("../../c.yaml")
    commit(root)
    revision = open_revision(open_repository(str(root / "teams/fr*ud"), ENVIRONMENT), "HEAD")
    assert [entry.name for entry in revision.scan("")] == ["a.yaml", "out.yaml"]
    assert revision.follow("out.yaml") == Target(None, None)
    assert isinstance(revision.read("../other/b.yaml"), Diagnostic)


def test_a_folder_that_a_revision_does_not_have_is_empty(root: Path) -> None:
    write(root, {"a.yaml": "a"})
    commit(root)
    write(root, {"teams/a.yaml": "a"})
    revision = open_revision(open_repository(str(root / "teams"), ENVIRONMENT), "HEAD")
    assert list(revision.scan("")) == []
    with pytest.raises(FileNotFoundError):
        revision.scan("registry.d").__next__()


def test_the_object_format_decides_the_ids(tmp_path: Path) -> None:
    root = tmp_path.resolve() / "project"
    root.mkdir()
    git(root, "init", "-q", "-b", "main", "--object-format=sha256")
    write(root, {"a.yaml": "a"})
    assert len(commit(root)) == 64
    revision = open_revision(open_repository(str(root), ENVIRONMENT), "main")
    assert revision.read("a.yaml") == b"a"
    assert revision.id_of("a.yaml") == revision.id_for(b"a") == git(root, "hash-object", "a.yaml")


@pytest.mark.parametrize(
    "revision",
    ["", "--help", "--all", "-h", "HEAD\nmain", "HEAD\0", "a b", "HEAD^2", "HEAD~7", "main:a.yaml", "@{u}"],
)
def test_what_is_no_revision_is_rejected(root: Path, revision: str) -> None:
    write(root, {"a.yaml": "a"})
    commit(root)
    repository = open_repository(str(root), ENVIRONMENT)
    with pytest.raises(RevisionError, match=r"^unknown revision "):
        repository.commit(revision)


def test_branches_named_like_options_are_revisions(root: Path) -> None:
    one = commit(root)
    git(root, "update-ref", "refs/heads/--all", one)
    assert open_repository(str(root), ENVIRONMENT).commit("--all") == one


def test_a_near_miss_is_named(root: Path) -> None:
    commit(root)
    git(root, "branch", "feature/scoring")
    with pytest.raises(RevisionError) as told:
        open_repository(str(root), ENVIRONMENT).commit("feature/scorin")
    assert str(told.value) == "unknown revision 'feature/scorin' (did you mean `feature/scoring`?)"


@pytest.mark.parametrize(
    ("branches", "origin_head", "expected"),
    [
        (("main",), None, "main"),
        (("master", "work"), None, "master"),
        (("trunk", "main"), "trunk", "origin/trunk"),
        (("main", "master"), None, "main"),
    ],
)
def test_the_default_branch(
    root: Path, branches: tuple[str, ...], origin_head: str | None, expected: str
) -> None:
    one = commit(root)
    git(root, "checkout", "-q", "--detach")
    git(root, "branch", "-D", "main")
    for branch in branches:
        git(root, "branch", branch)
    if origin_head:
        git(root, "update-ref", f"refs/remotes/origin/{origin_head}", one)
        git(root, "symbolic-ref", "refs/remotes/origin/HEAD", f"refs/remotes/origin/{origin_head}")
    assert default_branch(open_repository(str(root), ENVIRONMENT)) == expected


def test_the_base_is_where_a_branch_left_the_default_one(root: Path) -> None:
    one = commit(root, "one")
    git(root, "checkout", "-q", "-b", "work")
    two = commit(root, "two")
    git(root, "checkout", "-q", "main")
    three = commit(root, "three")
    git(root, "checkout", "-q", "work")
    repository = open_repository(str(root), ENVIRONMENT)
    assert base_revision(repository) == merge_base(repository, "work", "main") == one
    git(root, "merge", "-q", "-m", "four", "main")
    assert base_revision(repository) == three
    assert parents_of(repository, repository.commit("HEAD")) == (two, three)


def test_histories_without_anything_in_common_are_reported(root: Path) -> None:
    commit(root)
    git(root, "checkout", "-q", "--orphan", "other")
    commit(root, "two")
    with pytest.raises(RevisionError) as told:
        merge_base(open_repository(str(root), ENVIRONMENT), "main", "other")
    assert str(told.value) == ("main and other have no common ancestor; specify the revision to compare with")


@pytest.mark.parametrize("present", [True, False])
def test_a_submodule_is_read_where_its_commit_is(root: Path, tmp_path: Path, present: bool) -> None:
    inner = tmp_path.resolve() / "inner"
    inner.mkdir()
    git(inner, "init", "-q", "-b", "main")
    write(inner, {"steps/a.yaml": "a"})
    commit(inner)
    git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "registry.d")
    commit(root)
    place = root
    if not present:
        place = tmp_path.resolve() / "clone"
        git(tmp_path, "clone", "-q", str(root), str(place))
    revision = open_revision(open_repository(str(place), ENVIRONMENT), "HEAD")
    if present:
        assert revision.follow("registry.d") == Target("registry.d", EntryKind.FOLDER)
        assert [entry.name for entry in revision.scan("registry.d/steps")] == ["a.yaml"]
        assert revision.read("registry.d/steps/a.yaml") == b"a"
    else:
        assert revision.follow("registry.d") == Target("registry.d", EntryKind.OTHER)
        with pytest.raises(OSError, match="the submodule's commit is missing"):
            next(revision.scan("registry.d"))


def test_an_object_that_a_partial_clone_lacks_is_reported(root: Path, tmp_path: Path) -> None:
    write(root, {"a.yaml": "a", "b.yaml": "b"})
    commit(root)
    git(root, "config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{root}", str(clone))
    git(clone, "remote", "set-url", "origin", "file:///nowhere")
    revision = open_revision(open_repository(str(clone.resolve()), ENVIRONMENT), "HEAD")
    found = revision.read("a.yaml")
    assert isinstance(found, Diagnostic)
    assert found.message == "its git object is missing in this clone"
    assert found.help is not None
    assert "git fetch --refetch" in found.help


def test_files_are_given_whatever_was_announced_and_in_any_order(root: Path) -> None:
    files = {f"a{number}.yaml": f"text {number}" for number in range(50)}
    write(root, files)
    commit(root)
    revision = open_revision(open_repository(str(root), ENVIRONMENT), "HEAD")
    revision.expect([*files, "nowhere.yaml", "a1.yaml"])
    for name in reversed(files):
        assert revision.read(name) == files[name].encode()


def test_a_huge_file_is_not_read(root: Path) -> None:
    write(root, {"a.yaml": b"x" * (1024 * 1024 + 1)})
    commit(root)
    revision = open_revision(open_repository(str(root), ENVIRONMENT), "HEAD")
    revision.expect(["a.yaml"])
    found = revision.read("a.yaml")
    assert isinstance(found, Diagnostic)
    assert found.id == "too-large"


def test_neither_hooks_nor_filters_nor_a_pager_of_the_repository_run(root: Path, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    run = tmp_path / "run.sh"
    run.write_text(f"#!/bin/sh\necho ran >> '{proof}'\ncat\n", encoding="utf-8")
    run.chmod(0o755)
    write(root, {"a.yaml": "a", ".gitattributes": "*.yaml filter=odd diff=odd\n"})
    commit(root)
    for key, value in {
        "filter.odd.smudge": run,
        "filter.odd.clean": run,
        "filter.odd.process": run,
        "diff.odd.textconv": run,
        "core.pager": run,
        "core.fsmonitor": run,
        "core.sshCommand": run,
        "credential.helper": run,
    }.items():
        git(root, "config", key, str(value))
    for hook in ("post-checkout", "reference-transaction", "post-index-change", "pre-auto-gc"):
        (root / ".git" / "hooks" / hook).write_bytes(run.read_bytes())
        (root / ".git" / "hooks" / hook).chmod(0o755)
    repository = open_repository(str(root), {**ENVIRONMENT, "GIT_EXTERNAL_DIFF": str(run)})
    revision = open_revision(repository, base_revision(repository))
    assert revision.read("a.yaml") == b"a"
    assert not proof.exists()


def test_the_variables_of_a_hook_lead_nowhere(root: Path, tmp_path: Path) -> None:
    write(root, {"a.yaml": "a"})
    one = commit(root)
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q", "-b", "main")
    hooked = {
        **ENVIRONMENT,
        "GIT_DIR": str(other / ".git"),
        "GIT_WORK_TREE": str(other),
        "GIT_INDEX_FILE": str(other / ".git" / "index"),
        "GIT_PREFIX": "x/",
    }
    assert open_repository(str(root), hooked).commit("HEAD") == one


def test_no_repository_and_no_git_are_reported(tmp_path: Path) -> None:
    alone = {**ENVIRONMENT, "GIT_CEILING_DIRECTORIES": str(tmp_path.resolve().parent)}
    with pytest.raises(RevisionError) as told:
        open_repository(str(tmp_path.resolve()), alone)
    assert "has no history: not a git repository" in str(told.value)
    with pytest.raises(RevisionError, match=r"^git is not installed, so revisions cannot be read"):
        open_repository(str(tmp_path.resolve()), {**ENVIRONMENT, "PATH": str(tmp_path)})
    with pytest.raises(RevisionError, match=r"^no such folder: "):
        open_repository(str(tmp_path / "gone"), ENVIRONMENT)


def test_a_worktree_is_the_repository_of_its_folder(root: Path, tmp_path: Path) -> None:
    write(root, {"a.yaml": "a"})
    one = commit(root)
    other = tmp_path.resolve() / "other"
    git(root, "worktree", "add", "-q", str(other))
    write(other, {"a.yaml": "b"})
    git(other, "commit", "-q", "-a", "-m", "two")
    there, here = open_repository(str(other), ENVIRONMENT), open_repository(str(root), ENVIRONMENT)
    assert here.commit("HEAD") == one
    assert merge_base(there, "HEAD", "main") == one
    assert open_revision(there, "HEAD").read("a.yaml") == b"b"
