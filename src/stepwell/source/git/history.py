"""What came before what: the default branch, merge bases, and the commits that touched some paths."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, final

from stepwell.source.errors import RevisionError
from stepwell.source.git.repository import Repository

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
@dataclass(frozen=True, slots=True)
class Commit:
    """One commit as a log tells it.

    Args:
        date: the author's date, ISO 8601 with its offset.
    """

    id: str
    parents: tuple[str, ...]
    author: str
    date: str
    subject: str

    @property
    def short(self) -> str:
        """Its id as people write it."""
        return self.id[:10]


@final
class Gone(NamedTuple):
    """One file that is no longer at its path.

    Args:
        path: where it was, relative to the folder of the repository.
        now: where git finds it again under another path; ``None`` where it does not.
    """

    path: str
    now: str | None


def default_branch(repository: Repository) -> str:
    """The branch that changes are proposed to.

    Raises:
        RevisionError: when none can be told.
    """
    head = repository.ask("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
    names = frozenset(repository.names())
    configured = repository.ask("config", "--get", "init.defaultBranch") or ""
    for name in (head, *_USUAL[:4], configured, *_USUAL[4:]):
        if name and name in names:
            return name
    raise RevisionError("no default branch is known here: name the revision to compare with, e.g. HEAD~1")


def merge_base(repository: Repository, one: str, other: str) -> str:
    """The full id of the best common ancestor of two revisions.

    Raises:
        RevisionError: when there is no such revision, or they have no ancestor in common here.
    """
    found = repository.ask("merge-base", repository.commit(one), repository.commit(other))
    if found:
        return found
    hint = "name the revision to compare with"
    if repository.shallow:
        hint = "this clone is shallow: fetch its history (`git fetch --unshallow`, `fetch-depth: 0` in CI)"
    raise RevisionError(f"{one} and {other} have no common ancestor here; {hint}")


def base_revision(repository: Repository) -> str:
    """What a change is compared with unless somebody says otherwise.

    That is the merge base of ``HEAD`` and the default branch.

    Raises:
        RevisionError: when it cannot be told, or nothing is committed yet.
    """
    return merge_base(repository, default_branch(repository), "HEAD")


def parents_of(repository: Repository, commit: str) -> tuple[str, ...]:
    """The full ids of a commit's parents that are in this clone."""
    listed = repository.ask("rev-list", "--parents", "--max-count=1", commit) or commit
    return tuple(listed.split()[1:])


def touching(repository: Repository, start: str, globs: Iterable[str]) -> tuple[Commit, ...]:
    """The commits that changed some paths, newest first, as ``git log -- PATH`` simplifies history.

    Args:
        globs: paths relative to the folder of the repository, in git's ``glob`` form (gitglossary(7)).
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
    found: list[Commit] = []
    for line in (listed or "").split("\n"):
        if line:
            one, parents, author, date, subject = line.split("\0")
            found.append(Commit(one, tuple(parents.split()), author, date, subject))
    return tuple(found)


def oldest_touching(repository: Repository, start: str, globs: Iterable[str]) -> str | None:
    """The full id of the commit at which the history of some paths begins, if it has one.

    Args:
        globs: as for ``touching``.
    """
    listed = repository.ask("rev-list", "--topo-order", start, "--", *pathspecs(repository, globs))
    return listed.rpartition("\n")[2] if listed else None


def is_ancestor(repository: Repository, commit: str, of: str) -> bool:
    """Whether one commit came before another."""
    return commit != of and repository.ask("merge-base", "--is-ancestor", commit, of) is not None


def is_cut_off(repository: Repository, commit: Commit) -> bool:
    """Whether a commit has parents that a shallow clone leaves out."""
    if not repository.shallow or commit.parents:
        return False
    head, _, _ = (repository.ask("cat-file", "commit", commit.id) or "").partition("\n\n")
    return "\nparent " in head


def gone_between(repository: Repository, old: str, new: str) -> tuple[Gone, ...]:
    """The files of one commit that another one has not, or under another path."""
    return _gone(repository.ask("diff-tree", "-r", *_FINDING_GONE, old, new))


def gone_from(repository: Repository, old: str) -> tuple[Gone, ...]:
    """The files of a commit that the index has not, or under another path, or that are deleted on disk."""
    staged = _gone(repository.ask("diff-index", "--cached", *_FINDING_GONE, old))
    deleted = repository.ask("ls-files", "--deleted", "-z") or ""
    known = {one.path for one in staged}
    return (*staged, *(Gone(path, None) for path in deleted.split("\0") if path and path not in known))


_FINDING_GONE: Final = ("--name-status", "-z", "--relative", "-M", "-l1000", "--diff-filter=DR")


def _gone(listed: str | None) -> tuple[Gone, ...]:
    words = iter((listed or "").split("\0"))
    return tuple(Gone(next(words), next(words) if status[0] == "R" else None) for status in words if status)


def pathspecs(repository: Repository, globs: Iterable[str]) -> list[str]:
    """What stands for some paths on git's command line.

    Args:
        globs: paths relative to its folder, in git's ``glob`` form.
    """
    return [f":(top,glob){literal(repository.prefix)}{glob}" for glob in globs]


def literal(path: str) -> str:
    """A path in which nothing stands for anything else, in git's ``glob`` form."""
    return "".join(f"\\{letter}" if letter in "*?[\\" else letter for letter in path)
