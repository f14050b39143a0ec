"""Default branch, merge bases and history of paths."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, final

from stepwell.source.errors import RevisionError
from stepwell.source.git.repository import Repository
from stepwell.source.immutable import record

__all__ = [
    "Commit",
    "Gone",
    "base_revision",
    "default_branch",
    "gone_between",
    "gone_from",
    "is_ancestor",
    "is_cut_off",
    "literal",
    "merge_base",
    "oldest_touching",
    "parents_of",
    "pathspecs",
    "touching",
]

_USUAL: Final = ("origin/main", "origin/master", "upstream/main", "upstream/master", "main", "master")


@final
@record
class Commit:
    """One commit of a log.

    Args:
        date: the author date, ISO 8601 with offset.
    """

    id: str
    parents: tuple[str, ...]
    author: str
    date: str
    subject: str

    @property
    def short(self) -> str:
        """Abbreviated id."""
        return self.id[:10]


@final
class Gone(NamedTuple):
    """A deleted or renamed file.

    Args:
        path: the old path, relative to the repository's folder.
        now: the new path, if git detects a rename.
    """

    path: str
    now: str | None


def default_branch(repository: Repository) -> str:
    """Return the default branch.

    Raises:
        RevisionError: it cannot be determined.
    """
    head = repository.ask("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
    names = frozenset(repository.names())
    configured = repository.ask("config", "--get", "init.defaultBranch") or ""
    for name in (head, *_USUAL[:4], configured, *_USUAL[4:]):
        if name and name in names:
            return name
    raise RevisionError(
        "cannot determine the default branch: specify the revision to compare with, e.g. HEAD~1"
    )


def merge_base(repository: Repository, left: str, right: str) -> str:
    """Return the full id of the best common ancestor of two revisions.

    Raises:
        RevisionError: a revision is unknown, or there is no common ancestor.
    """
    commits = repository.ask("merge-base", repository.commit(left), repository.commit(right))
    if commits:
        return commits
    hint = "specify the revision to compare with"
    if repository.shallow:
        hint = "this clone is shallow: fetch its history (`git fetch --unshallow`, `fetch-depth: 0` in CI)"
    raise RevisionError(f"{left} and {right} have no common ancestor; {hint}")


def base_revision(repository: Repository) -> str:
    """Return the default base of a comparison: the merge base of ``HEAD`` and the default branch.

    Raises:
        RevisionError: it cannot be determined, or there is no commit yet.
    """
    return merge_base(repository, default_branch(repository), "HEAD")


def parents_of(repository: Repository, commit: str) -> tuple[str, ...]:
    """Return the full ids of a commit's parents in this clone."""
    listed = repository.ask("rev-list", "--parents", "--max-count=1", commit) or commit
    return tuple(listed.split()[1:])


def touching(repository: Repository, start: str, globs: Iterable[str]) -> tuple[Commit, ...]:
    """Yield the commits that changed some paths, newest first, with the history simplification of ``git log
    -- PATH``.

    Args:
        globs: paths relative to the repository's folder, as git ``glob`` pathspecs (gitglossary(7)).
    """
    form = "%H%x00%P%x00%an%x00%aI%x00%s"
    listed = repository.ask(
        "rev-list",
        "--topo-order",
        "--encoding=UTF-8",
        f"--format={form}",
        "--no-commit-header",
        start,
        "--",
        *pathspecs(repository, globs),
    )
    commits: list[Commit] = []
    for line in (listed or "").split("\n"):
        if line:
            commit, parents, author, date, subject = line.split("\0")
            commits.append(Commit(commit, tuple(parents.split()), author, date, subject))
    return tuple(commits)


def oldest_touching(repository: Repository, start: str, globs: Iterable[str]) -> str | None:
    """Return the full id of the oldest commit in the history of some paths, if any.

    Args:
        globs: as for ``touching``.
    """
    listed = repository.ask("rev-list", "--topo-order", start, "--", *pathspecs(repository, globs))
    return listed.rpartition("\n")[2] if listed else None


def is_ancestor(repository: Repository, commit: str, of: str) -> bool:
    """Return whether one commit is an ancestor of another."""
    return commit != of and repository.ask("merge-base", "--is-ancestor", commit, of) is not None


def is_cut_off(repository: Repository, commit: Commit) -> bool:
    """Return whether a shallow clone lacks parents of a commit."""
    if not repository.shallow or commit.parents:
        return False
    head, _, _ = (repository.ask("cat-file", "commit", commit.id) or "").partition("\n\n")
    return "\nparent " in head


def gone_between(repository: Repository, old: str, new: str) -> tuple[Gone, ...]:
    """Yield files of one commit that are deleted or renamed in another."""
    return _gone(repository.ask("diff-tree", "-r", *_FINDING_GONE, old, new))


def gone_from(repository: Repository, old: str) -> tuple[Gone, ...]:
    """Yield files of a commit that are deleted or renamed in the index, or deleted on disk."""
    staged = _gone(repository.ask("diff-index", "--cached", *_FINDING_GONE, old))
    deleted = repository.ask("ls-files", "--deleted", "-z") or ""
    known = {item.path for item in staged}
    return (*staged, *(Gone(path, None) for path in deleted.split("\0") if path and path not in known))


_FINDING_GONE: Final = ("--name-status", "-z", "--relative", "-M", "-l1000", "--diff-filter=DR")


def _gone(listed: str | None) -> tuple[Gone, ...]:
    words = iter((listed or "").split("\0"))
    return tuple(Gone(next(words), next(words) if status[0] == "R" else None) for status in words if status)


def pathspecs(repository: Repository, globs: Iterable[str]) -> list[str]:
    """Return git pathspecs for some paths.

    Args:
        globs: paths relative to the repository's folder, as git ``glob`` pathspecs.
    """
    return [f":(top,glob){literal(repository.prefix)}{glob}" for glob in globs]


def literal(path: str) -> str:
    """Escape a path for git's ``glob`` pathspecs."""
    return "".join(f"\\{letter}" if letter in "*?[\\" else letter for letter in path)
