"""States of the registry named on the command line: a revision, a folder, a snapshot or an old table."""

from __future__ import annotations

import os
import posixpath
import re
import time
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Final, final

import click

from stepwell.frontends.cli.options import CommonOptions, with_progress
from stepwell.live.registry import Registry, as_written
from stepwell.model.settings import find_project
from stepwell.resolve.plugins import find_plugins
from stepwell.review import RegistryState, read_state, require_content
from stepwell.review.accepted import day_of
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.errors import ProjectError, RevisionError
from stepwell.source.git import (
    Repository,
    base_revision,
    default_branch,
    is_ancestor,
    merge_base,
    open_repository,
    open_revision,
)
from stepwell.source.spelling import did_you_mean
from stepwell.source.tree import EntryKind, Folder, Tree

__all__ = [
    "Here",
    "StateLocation",
    "check_sources",
    "read_both",
    "read_one",
    "with_tables",
]


def check_sources(registry: Registry, workspace: str | None, common: CommonOptions) -> tuple[Diagnostic, ...]:
    """Return findings about classes and modules that definitions reference.

    Args:
       workspace: checks the core and every workspace when ``None``.
    """
    from stepwell.code.references import check_references

    began = time.monotonic()
    index = with_progress(common, registry.code.index)
    if common.verbose:
        took = time.monotonic() - began
        click.echo(
            f"indexed {len(index.files)} Python files, {index.parsed} of them parsed, in {took:.2f} s",
            err=True,
        )
    return check_references(registry.project, as_written(registry), index, workspace)


_RANGE: Final = re.compile(
    r"(?P<old>(?:[^:{]|\{[^}]*\})*?)(?P<dots>\.\.\.?)(?P<new>.*)",
    re.DOTALL,
)
"""Two revisions (gitrevisions(7)). Dots after a colon are part of a path, dots in braces part of a search."""


@final
@dataclass(frozen=True, slots=True)
class StateLocation:
    """Location that a state is read from.

    Args:
       root: absolute path of the project folder, symbolic links resolved.
       commit: full commit id, if the state is a revision.
       name: title without paths of this machine; empty if `title` has none.
    """

    title: str
    root: str
    tree: Tree
    tables: tuple[str, ...] = ()
    commit: str | None = None
    is_working: bool = False
    name: str = ""


@final
class Here:
    """Project, working directory and Git repository in which states are looked up."""

    def __init__(self, common: CommonOptions) -> None:
        try:
            self.cwd = os.getcwd()
        except FileNotFoundError:
            raise ProjectError("the working directory no longer exists; change to another folder") from None
        self.root = self._root(common)

    def _root(self, common: CommonOptions) -> str:
        if common.project is not None:
            folder = os.path.join(self.cwd, common.project)
            if not os.path.isdir(folder):
                raise ProjectError(f"no such folder: {common.project}")
            return os.path.realpath(folder)
        try:
            return os.path.realpath(find_project(self.cwd))
        except ProjectError:  # states older than the project can still be read
            return os.path.realpath(self.cwd)

    @cached_property
    def repository(self) -> Repository:
        """Git repository of the project.

        Raises:
           RevisionError: there is no repository, or Git is not installed.
        """
        return open_repository(self.root, os.environ)

    def states(self, base: str | None, head: str | None) -> tuple[StateLocation, StateLocation]:
        """Return the older and the newer state.

        Args:
           base: older state or a range of revisions; default: the base that a change is compared with.
           head: newer state; default: the working tree.

        Raises:
           UsageError: an argument names no state, or two.
           RevisionError: a revision does not exist.
           ProjectError: a snapshot cannot be read.
        """
        if base is None:
            return self._default_base(), self.working_tree()
        match = None if self._is_path(base) else _RANGE.fullmatch(base)
        if match is None:
            return self.state(base), self.working_tree() if head is None else self.state(head)
        if head is not None:
            raise click.UsageError(f"`{base}` already names both states; remove `{head}`")
        old, new = match["old"] or "HEAD", match["new"] or "HEAD"
        if match["dots"] == "...":
            commit = merge_base(self.repository, old, new)
            short = open_revision(self.repository, commit).title
            title = f"the merge base of {old} and {new} ({short})"
            return self._revision(commit, title), self._revision(new)
        return self._revision(old), self._revision(new)

    def working_tree(self) -> StateLocation:
        """Return the location of the working tree."""
        return StateLocation("the working tree", self.root, Folder(self.root), is_working=True)

    def state(self, word: str) -> StateLocation:
        """Return the state that an argument names.

        Args:
           word: a folder, a snapshot file, an old table, a revision, or a table as ``REV:PATH``.

        Raises:
           UsageError: the argument names no state, or two.
           RevisionError: the revision does not exist.
           ProjectError: the snapshot cannot be read.
        """
        if not word:
            raise click.UsageError("a state must not be empty")
        if not self._is_path(word):
            return self._of_history(word)
        if not os.path.lexists(self._full(word)):
            raise click.UsageError(f"no such file or folder: `{word}`")
        if not _looks_like_path(word) and self._is_revision(word):
            raise click.UsageError(
                f"`{word}` is both a path and a revision: write `./{word}` for the path, "
                f"or `{word}~0` for the revision"
            )
        return self._on_disk(word)

    def is_past(self, newer: StateLocation, today: date, until: str) -> bool | None:
        """Return whether a date or revision has passed, or ``None`` if it cannot be determined.

        Args:
           until: ``YYYY-MM-DD``, or a revision.
        """
        day = day_of(until)
        if day is not None:
            return day < today
        try:
            if newer.commit is None and not newer.is_working:
                return None
            reached = newer.commit or self.repository.commit("HEAD")
            commit = self.repository.commit(until)
            return commit == reached or is_ancestor(self.repository, commit, reached)
        except RevisionError:
            return None

    def _full(self, word: str) -> str:
        return os.path.join(self.cwd, word)

    def _is_path(self, word: str) -> bool:
        return _looks_like_path(word) or os.path.lexists(self._full(word))

    def _is_revision(self, word: str) -> bool:
        try:
            self.repository.commit(word)
        except RevisionError:
            return False
        return True

    def _default_base(self) -> StateLocation:
        if self.repository.ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}") is None:
            raise RevisionError("the repository has no commits, so there is nothing to compare with")
        commit, branch = base_revision(self.repository), default_branch(self.repository)
        short = open_revision(self.repository, commit).title
        same = self.repository.commit(branch) == commit
        return self._revision(commit, f"{branch if same else f'the merge base with {branch}'} ({short})")

    def _revision(self, revision: str, title: str = "") -> StateLocation:
        tree = open_revision(self.repository, revision)
        return StateLocation(title or tree.title, self.root, tree, commit=tree.commit)

    def _of_history(self, word: str) -> StateLocation:
        try:
            return self._revision(word)
        except RevisionError as error:
            revision, colon, path = word.partition(":")
            if not colon:
                raise RevisionError(f"`{word}` is neither a file nor a folder, and {error}") from None
        if not revision or not path:
            raise click.UsageError(f"`{word}`: a table in a revision must be written as REV:PATH")
        return self._table_in(revision, path)

    def _table_in(self, revision: str, path: str) -> StateLocation:
        """Return the location of an old table in a revision; its path starts at the repository root."""
        repository = self.repository
        top = f"{self.root}/"[: -len(repository.prefix) or None].rstrip("/") or "/"
        if path.startswith(("./", "../")):
            path = os.path.relpath(os.path.join(os.path.realpath(self.cwd), path), top).replace(os.sep, "/")
        root, inside = self.root, path.removeprefix(repository.prefix)
        if not path.startswith(repository.prefix):
            root, inside = top, path
            repository = open_repository(top, os.environ)
        tree = open_revision(repository, revision)
        if tree.follow(inside).kind is None:
            hint = "paths start at the root of the repository"
            if self.repository.prefix and self._in_project(revision, path):
                hint = did_you_mean((f"{revision}:{self.repository.prefix}{path}",))
            raise click.UsageError(f"{tree.title} has no file `{path}` ({hint})")
        tables = _tables_at(f"{revision}:{path}", tree, inside)
        return StateLocation(f"{path} in {tree.title}", root, tree, tables, tree.commit)

    def _in_project(self, revision: str, path: str) -> bool:
        return open_revision(self.repository, revision).follow(path).kind is EntryKind.FILE

    def _on_disk(self, word: str) -> StateLocation:
        full = os.path.realpath(self._full(word))
        if os.path.isdir(full):
            return StateLocation(word, full, Folder(full), name=os.path.basename(full) or "a folder")
        if os.path.isfile(full) and word.endswith(".json"):
            from stepwell.review.snapshot_file import unpack

            packed = unpack(word, _content(full))
            title = f"{word} ({packed.title})"
            return StateLocation(title, os.path.dirname(full), packed.tree, packed.tables, name=packed.title)
        if os.path.isfile(full) and word.endswith((".py", ".yaml", ".yml")):
            root = self.root if full.startswith(f"{self.root}{os.sep}") else os.path.dirname(full)
            inside = os.path.relpath(full, root).replace(os.sep, "/")
            tables = _tables_at(word, Folder(root), inside)
            return StateLocation(word, root, Folder(root), tables, name=inside)
        raise click.UsageError(
            f"`{word}` is not a state of a registry: use a revision, a folder, a snapshot (.json) "
            "or an old table (.py, .yaml)"
        )


def _looks_like_path(word: str) -> bool:
    """Return whether an argument must be a path because no revision has this form (git-check-ref-format)."""
    return (
        word in (".", "..")
        or word.startswith((f".{os.sep}", f"..{os.sep}", "./", "../"))
        or word.endswith(("/", os.sep))
        or os.path.isabs(word)
    )


def _content(full: str) -> bytes:
    from stepwell.review.snapshot_file import MAX_SNAPSHOT_BYTES

    with open(full, "rb") as file:
        content = file.read(MAX_SNAPSHOT_BYTES + 1)
    if len(content) > MAX_SNAPSHOT_BYTES:
        raise ProjectError(f"{full} must be at most {MAX_SNAPSHOT_BYTES // 1024 // 1024} MiB")
    return content


def with_tables(place: StateLocation, paths: tuple[str, ...]) -> StateLocation:
    """Return a state that is read from some files of an old registry instead of its definitions.

    Args:
       paths: tables, and folders of interface files, relative to the project folder of the state.

    Raises:
       UsageError: a path has no table.
    """
    if not paths:
        return place
    clean = [posixpath.normpath(path.replace(os.sep, "/")) for path in paths]
    for path in clean:
        if place.tree.follow(path).kind is None:
            raise click.UsageError(f"{place.title} has no file `{path}` (paths start at the project folder)")
    files = dict.fromkeys(file for path in clean for file in _tables_at(path, place.tree, path))
    return replace(place, title=f"{', '.join(clean)} in {place.title}", tables=tuple(files))


def _tables_at(word: str, tree: Tree, path: str) -> tuple[str, ...]:
    """Return the table at a path, or the interface files in a folder."""
    from stepwell.review.old_tables import LOOKED_FOR, read_table, tables_at  # rarely needed

    tables = tables_at(tree, path)
    if not tables and tree.follow(path).kind is EntryKind.FOLDER:
        raise click.UsageError(f"{word} has no *.step.yaml files")
    read = read_table(tree, tables[0] if tables else path) if len(tables) < 2 else None
    if isinstance(read, Diagnostic):
        raise click.UsageError(f"{word} cannot be read: {read.message}")
    if not tables:
        raise click.UsageError(f"{word} has no table: an old registry has {LOOKED_FOR}")
    return tables


def read_one(
    place: StateLocation, today: date, common: CommonOptions, like: RegistryState | None = None
) -> RegistryState:
    """Read a state.

    Raises:
       ProjectError: the state has no registry.
    """
    return with_progress(
        common,
        lambda progress: read_state(
            place.title,
            place.root,
            place.tree,
            today,
            like=like,
            tables=place.tables,
            progress=progress,
            plugins=find_plugins,
        ),
    )


def read_both(
    old: StateLocation, new: StateLocation, today: date, common: CommonOptions
) -> tuple[RegistryState, RegistryState]:
    """Read two states, folders first, because other trees know the content of files without reading them.

    Raises:
       ProjectError: a state has no registry, or nothing of it can be read.
    """
    if isinstance(old.tree, Folder) and not isinstance(new.tree, Folder):
        first = read_one(old, today, common)
        states = first, read_one(new, today, common, first)
    else:
        last = read_one(new, today, common)
        states = read_one(old, today, common, last), last
    for state in states:
        require_content(state)
    return states
