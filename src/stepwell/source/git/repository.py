"""One git repository and how it is asked: by its plumbing, which runs no hook, filter or pager."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, final

from stepwell.source.errors import RevisionError
from stepwell.source.spelling import suggest
from stepwell.source.wording import parenthesised

__all__ = ["Repository", "open_repository"]

_PLACE_VARIABLES: Final = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_NAMESPACE")
"""Set while a hook runs; they would bind every question to the repository of the hook."""


@final
@dataclass(frozen=True, slots=True)
class Repository:
    """A repository as one folder of its working tree sees it.

    Args:
        folder: that folder, absolute.
        prefix: the folder relative to the top of the working tree, ending in ``/``; empty for the top.
        git_dir: where its objects are, absolute.
        object_format: the hash of its objects, ``sha1`` or ``sha256``.
    """

    folder: str
    prefix: str
    git_dir: str
    object_format: str
    shallow: bool
    environment: Mapping[str, str]

    def ask(self, *words: str) -> str | None:
        """What a command answers, without the last line break; ``None`` when it refuses.

        Raises:
            RevisionError: when there is no git.
        """
        answer = _run(self.folder, self.environment, *words)
        return None if answer.returncode else answer.stdout.decode("utf-8", "surrogateescape").rstrip("\n")

    def list_tree(self, tree: str, *, deep: bool) -> bytes:
        """The entries of a tree as ``git ls-tree -z`` writes them.

        Raises:
            RevisionError: when the object is not there.
        """
        depth = ("-r", "-t") if deep else ()
        answer = _run(self.folder, self.environment, "ls-tree", *depth, "-z", "--full-tree", tree)
        if answer.returncode:
            raise RevisionError(f"git cannot list the tree {tree}: {_reason(answer)}")
        return answer.stdout

    def list_paths(self, commit: str, paths: Iterable[str]) -> bytes:
        """The entries of a commit at some paths, as ``git ls-tree -z`` writes them.

        Args:
            paths: relative to the top of the working tree; of a folder its own entry.

        Raises:
            RevisionError: when the commit is not there.
        """
        words = ("ls-tree", "-z", "--full-tree", commit, "--", *paths)
        answer = _run(self.folder, self.environment, *words)
        if answer.returncode:
            raise RevisionError(f"git cannot list the tree of {commit}: {_reason(answer)}")
        return answer.stdout

    def compare_trees(self, old: str, new: str) -> bytes | None:
        """What differs between two commits in this folder, as ``git diff-tree -z --raw`` writes it.

        Folders are listed too, and no renames looked for; ``None`` when one of the commits is not all there.

        Raises:
            RevisionError: when there is no git.
        """
        how = ("-r", "-t", "-z", "--raw", "--no-renames", "--ignore-submodules=none", "--relative")
        answer = _run(self.folder, self.environment, "diff-tree", *how, old, new, "--")
        return None if answer.returncode else answer.stdout

    def contents(self, ids: Iterable[str], at_most: int) -> Iterator[tuple[str, bytes]]:
        """Objects, each by its id, in the order asked for; those that are not in this clone are left out.

        Git goes on reading while whoever asks works on what has come.

        Args:
            at_most: how many bytes of an object to give; what is beyond them is passed over.
        """
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return
        with tempfile.TemporaryFile() as questions:  # a pipe could fill up while both sides write
            questions.write("".join(f"{one}\n" for one in wanted).encode("ascii"))
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
                    one, *about = head.decode("ascii", "replace").split()
                    if len(about) != 2 or not about[1].isdigit():
                        continue  # it is missing
                    left = int(about[1]) + 1  # a line break ends it
                    content = answers.read(min(left, at_most + 1))
                    left -= len(content)
                    while left and (passed_over := answers.read(min(left, 65_536))):
                        left -= len(passed_over)
                    if left:  # git was ended before it was done
                        return
                    yield one, content[:at_most] if int(about[1]) > at_most else content[:-1]

    def commit(self, revision: str) -> str:
        """The full id of the commit that a revision names.

        Args:
            revision: as git reads one: a branch, a tag, ``HEAD~3``, an abbreviated id.

        Raises:
            RevisionError: when there is none; the message says what is near, or that history is cut off.
        """
        if revision and "\0" not in revision and "\n" not in revision:
            words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
            found = self.ask(*words)
            if found:
                return found.rpartition("\n")[2]
        raise RevisionError(f"there is no revision {revision!a}{self._hint(revision)}")

    def names(self) -> tuple[str, ...]:
        """The names of all branches and tags, those of remotes too."""
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
        return ": `git log` and `git branch --all` show those that there are"


def open_repository(folder: str, environment: Mapping[str, str]) -> Repository:
    """The repository that a folder belongs to.

    Args:
        folder: absolute, links resolved.

    Raises:
        RevisionError: when git is not installed, or the folder is in no repository.
    """
    questions = ("--show-prefix", "--absolute-git-dir", "--is-shallow-repository", "--show-object-format")
    answer = _run(folder, environment, "rev-parse", "--show-toplevel", *questions)
    if answer.returncode:
        raise RevisionError(
            f"{folder} has no history to look into: {_reason(answer)}; "
            "folders and snapshot files can be compared without one"
        )
    lines = answer.stdout.decode("utf-8", "surrogateescape").split("\n")
    _, prefix, git_dir, shallow, object_format = lines[:5]
    return Repository(folder, prefix, git_dir, object_format, shallow == "true", environment)


_COMMAND: Final = ("git", "--no-optional-locks", "--no-pager", "-c", "core.fsmonitor=false")


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    own = {key: value for key, value in given.items() if key not in _PLACE_VARIABLES}
    # A missing object of a partial clone is told as missing: fetching one by one could take hours.
    own.update(LC_ALL="C", GIT_TERMINAL_PROMPT="0", GIT_NO_LAZY_FETCH="1")
    return own


def _run(folder: str, environment: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[bytes]:
    if not os.path.isdir(folder):
        raise RevisionError(f"no such folder: {folder}")
    try:
        return subprocess.run(  # noqa: S603 - a fixed command; a user's word stands after --end-of-options
            [*_COMMAND, "-C", folder, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env=_environment(environment),
        )
    except FileNotFoundError:
        raise RevisionError(
            "git is not installed, so no revision can be read; folders and snapshot files can be compared"
        ) from None


def _reason(answer: subprocess.CompletedProcess[bytes]) -> str:
    told = answer.stderr.decode("utf-8", "replace").strip().splitlines()
    words = told[0] if told else f"git ended with {answer.returncode}"
    return words.removeprefix("fatal: ")
