"""Access to a git repository by plumbing commands, without hooks, filters or pager."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, final

from stepwell.source.errors import RevisionError
from stepwell.source.immutable import record
from stepwell.source.spelling import suggest
from stepwell.source.wording import parenthesised

__all__ = ["FRESH", "JUST", "IndexTimes", "Repository", "converted", "index_times", "open_repository"]

FRESH: Final = 10.0
"""Maximum age of a lock in seconds; an older one belongs to a crashed git or an open commit message."""

JUST: Final = 0.1
"""Seconds after a checkout during which its last writes may not be noticed yet."""

_LOCK: Final = "index.lock"
"""Exists from the first to the last write of a checkout, then replaces the index."""

_INDEX: Final = "index"


@final
@record
class IndexTimes:
    """Times of the indexes of some repositories, in seconds since the epoch.

    Args:
        locks: creation times of the locks.
        indexes: write times of the indexes.
    """

    locks: tuple[float, ...]
    indexes: tuple[float, ...]

    def is_changing(self, now: float) -> bool:
        """Return whether a checkout is in progress or has just finished."""
        return any(abs(now - item) < FRESH for item in self.locks) or any(
            abs(now - item) < JUST for item in self.indexes
        )

    def changed_since(self, then: float) -> bool:
        """Return whether git wrote an index after a time."""
        return any(item > then for item in self.indexes)


def index_times(folders: Iterable[str]) -> IndexTimes:
    """Return the times of the indexes of all repositories of some folders.

    Needs no process, only two ``stat`` calls per parent folder.

    Args:
        folders: absolute; they need not exist.
    """
    seen: set[str] = set()
    locks: list[float] = []
    indexes: list[float] = []
    for folder in folders:
        here = folder
        while here not in seen:
            seen.add(here)
            place = os.path.join(here, ".git")
            for name, times in ((_LOCK, locks), (_INDEX, indexes)):
                time = _written(place, name)
                if time is not None:
                    times.append(time)
            here = os.path.dirname(here)
    return IndexTimes(tuple(locks), tuple(indexes))


def _written(place: str, name: str) -> float | None:
    try:
        return os.stat(os.path.join(place, name)).st_mtime
    except NotADirectoryError:  # a linked worktree or a submodule: a file names the folder
        elsewhere = _named_in(place)
        return None if elsewhere is None else _written(elsewhere, name)
    except OSError:
        return None


def _named_in(file: str) -> str | None:
    try:
        with open(file, encoding="utf-8", errors="surrogateescape") as text:
            word, _, named = text.readline().partition(": ")
    except OSError:
        return None
    folder = os.path.join(os.path.dirname(file), named.rstrip("\r\n"))
    return folder if word == "gitdir" and os.path.isdir(folder) else None


_PLACE_VARIABLES: Final = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_NAMESPACE")
"""Set in git hooks; they would redirect all commands to the hook's repository."""


@final
@record
class Repository:
    """A repository as seen from one folder of its working tree.

    Args:
        folder: absolute.
        prefix: the folder relative to the top of the working tree, with trailing ``/``; empty for the top.
        git_dir: the folder of its objects, absolute.
        object_format: the hash of its objects, ``sha1`` or ``sha256``.
    """

    folder: str
    prefix: str
    git_dir: str
    object_format: str
    shallow: bool
    environment: Mapping[str, str]

    def ask(self, *words: str) -> str | None:
        """Run a command and return its output without the last line break; ``None`` on failure.

        Raises:
            RevisionError: git is not installed.
        """
        answer = _run(self.folder, self.environment, *words)
        return None if answer.returncode else answer.stdout.decode("utf-8", "surrogateescape").rstrip("\n")

    def list_tree(self, tree: str, *, deep: bool) -> bytes:
        """Return the output of ``git ls-tree -z`` for a tree.

        Raises:
            RevisionError: the tree does not exist.
        """
        depth = ("-r", "-t") if deep else ()
        answer = _run(self.folder, self.environment, "ls-tree", *depth, "-z", "--full-tree", tree)
        if answer.returncode:
            raise RevisionError(f"git cannot list the tree {tree}: {_reason(answer)}")
        return answer.stdout

    def list_paths(self, commit: str, paths: Iterable[str]) -> bytes:
        """Return the output of ``git ls-tree -z`` for some paths of a commit.

        Args:
            paths: relative to the top of the working tree; folders are not expanded.

        Raises:
            RevisionError: the commit does not exist.
        """
        words = ("ls-tree", "-z", "--full-tree", commit, "--", *paths)
        answer = _run(self.folder, self.environment, *words)
        if answer.returncode:
            raise RevisionError(f"git cannot list the tree of {commit}: {_reason(answer)}")
        return answer.stdout

    def compare_trees(self, old: str, new: str) -> bytes | None:
        """Return the output of ``git diff-tree -z --raw`` for two commits in this folder.

        Folders are included, renames are not detected; ``None`` if a commit is incomplete.

        Raises:
            RevisionError: git is not installed.
        """
        how = ("-r", "-t", "-z", "--raw", "--no-renames", "--ignore-submodules=none", "--relative")
        answer = _run(self.folder, self.environment, "diff-tree", *how, old, new, "--")
        return None if answer.returncode else answer.stdout

    def contents(self, ids: Iterable[str], at_most: int) -> Iterator[tuple[str, bytes]]:
        """Yield the ids and contents of objects in order, without those missing in this clone.

        Git reads ahead while the caller processes objects.

        Args:
            at_most: maximum number of bytes per object; the rest is skipped.
        """
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return
        with tempfile.TemporaryFile() as questions:  # a pipe could fill up while both sides write
            questions.write("".join(f"{item}\n" for item in wanted).encode("ascii"))
            questions.seek(0)
            command = [*_COMMAND, "-C", self.folder, "cat-file", "--batch", "--buffer"]
            with subprocess.Popen(  # noqa: S603 - a fixed command; what a user wrote is only in stdin
                command,
                stdin=questions,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(self.environment),
                bufsize=1 << 18,
            ) as process:
                answers = process.stdout
                while answers is not None and (head := answers.readline()):
                    object_id, *about = head.decode("ascii", "replace").split()
                    if len(about) != 2 or not about[1].isdigit():
                        continue  # it is missing
                    left = int(about[1]) + 1  # a line break ends it
                    content = answers.read(min(left, at_most + 1))
                    left -= len(content)
                    while left and (passed_over := answers.read(min(left, 65_536))):
                        left -= len(passed_over)
                    if left:  # git was ended before it was done
                        return
                    yield object_id, content[:at_most] if int(about[1]) > at_most else content[:-1]

    def commit(self, revision: str) -> str:
        """Return the full id of the commit of a revision.

        Args:
            revision: a branch, a tag, ``HEAD~3``, an abbreviated id.

        Raises:
            RevisionError: unknown revision; the message suggests a similar name, or reports a shallow clone.
        """
        if revision and "\0" not in revision and "\n" not in revision:
            words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
            commits = self.ask(*words)
            if commits:
                return commits.rpartition("\n")[2]
        raise RevisionError(f"unknown revision {revision!a}{self._hint(revision)}")

    def names(self) -> tuple[str, ...]:
        """Return all branches and tags, including remote ones."""
        listed = self.ask(
            "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags"
        )
        return tuple((listed or "").split())

    def _hint(self, revision: str) -> str:
        hint = suggest(revision, self.names())
        if hint:
            return parenthesised(hint)
        if self.shallow:
            return " in this shallow clone: fetch more of its history (`git fetch --unshallow`)"
        return ": `git log` and `git branch --all` list all revisions"


def open_repository(folder: str, environment: Mapping[str, str]) -> Repository:
    """Return the repository of a folder.

    Args:
        folder: absolute, links resolved.

    Raises:
        RevisionError: git is not installed, or the folder is not in a repository.
    """
    questions = ("--show-prefix", "--absolute-git-dir", "--is-shallow-repository", "--show-object-format")
    answer = _run(folder, environment, "rev-parse", "--show-toplevel", *questions)
    if answer.returncode:
        reason = _reason(answer)
        remedy = "folders and snapshot files can be compared without git"
        if "dubious ownership" in reason:
            remedy = f"if you trust it, run `git config --global --add safe.directory {shlex.quote(folder)}`"
        raise RevisionError(f"{folder} has no history: {reason}; {remedy}")
    lines = answer.stdout.decode("utf-8", "surrogateescape").split("\n")
    _, prefix, git_dir, shallow, object_format = lines[:5]
    return Repository(folder, prefix, git_dir, object_format, shallow == "true", environment)


_COMMAND: Final = ("git", "--no-optional-locks", "--no-pager", "-c", "core.fsmonitor=false")


def converted(folder: str, environment: Mapping[str, str], paths: Iterable[str]) -> frozenset[str]:
    """Return the files that git stores with LF and the working copy has with CRLF (``core.autocrlf``)."""
    try:
        answer = _run(folder, environment, "ls-files", "--eol", "-z", "--", *paths)
    except RevisionError:
        return frozenset()
    entries = answer.stdout.decode("utf-8", "surrogateescape").split("\0")
    return frozenset(
        path
        for state, _, path in (entry.partition("\t") for entry in entries)
        if state.split()[:2] == ["i/lf", "w/crlf"]
    )


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    own = {key: value for key, value in given.items() if key not in _PLACE_VARIABLES}
    # Missing objects of a partial clone are reported: fetching them one by one could take hours.
    own.update(LC_ALL="C", GIT_TERMINAL_PROMPT="0", GIT_NO_LAZY_FETCH="1")
    return own


def _run(folder: str, environment: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[bytes]:
    if not os.path.isdir(folder):
        raise RevisionError(f"no such folder: {folder}")
    try:
        return subprocess.run(  # noqa: S603 - a fixed command; user input follows --end-of-options
            [*_COMMAND, "-C", folder, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env=_environment(environment),
        )
    except FileNotFoundError:
        raise RevisionError(
            "git is not installed, so revisions cannot be read; folders and snapshot files can be compared"
        ) from None


def _reason(answer: subprocess.CompletedProcess[bytes]) -> str:
    splitlines = answer.stderr.decode("utf-8", "replace").strip().splitlines()
    words = splitlines[0] if splitlines else f"git exited with code {answer.returncode}"
    return words.removeprefix("fatal: ")
