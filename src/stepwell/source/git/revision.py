"""Tree of one commit, read from git's objects."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, final

from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.errors import RevisionError
from stepwell.source.git.history import pathspecs
from stepwell.source.git.repository import Repository
from stepwell.source.read import MAX_BYTES, too_large
from stepwell.source.tree import EntryKind, Target, Tree, TreeEntry

__all__ = [
    "Revision",
    "open_part",
    "open_revision",
]


_MAX_LINKS: Final = 40
"""Maximum number of links in a path, as in Linux (path_resolution(7))."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Revision:
    """A project at one commit."""

    repository: Repository
    commit: str
    title: str
    inventory: Inventory
    _contents: dict[str, bytes]
    _coming: list[Iterator[tuple[str, bytes]]]

    @property
    def is_complete(self) -> bool:
        return True

    def read(self, path: str) -> bytes | Diagnostic:
        """Return the bytes of a file of at most ``MAX_BYTES``, or a finding."""
        item = self._plain(path)
        if item is None or item.mode != FILE:
            target = self.follow(path)
            item = self.inventory.objects.get(target.path) if target.path is not None else None
            if item is None or target.kind is not EntryKind.FILE:
                return _unreadable(path, "this is not a regular file")
        content = self._content(item)
        if content is None:
            return _unreadable(path, "its git object is missing in this clone", _PARTIAL)
        return too_large(path) if len(content) > MAX_BYTES else content

    def scan(self, folder: str) -> Iterator[TreeEntry]:
        """Yield the entries of a folder.

        Raises:
            OSError: the folder does not exist, or is a submodule whose commit is missing.
        """
        target = self.follow(folder)
        if target.kind is None:
            raise FileNotFoundError(errno.ENOENT, "no such folder in the revision", folder)
        if target.path is None or target.kind is EntryKind.FILE:
            raise NotADirectoryError(errno.ENOTDIR, "not a folder", folder)
        if target.kind is EntryKind.OTHER:
            raise OSError(
                errno.EIO,
                "the submodule's commit is missing (run git submodule update --init)",
                folder,
            )
        objects, start = self.inventory.objects, f"{target.path}/" if target.path else ""
        for name in self.inventory.names.get(target.path, ()):
            path = start + name
            mode = objects[path].mode
            if mode == FILE:
                yield TreeEntry(name, EntryKind.FILE, False)
            elif mode == LINK:
                yield TreeEntry(name, self.follow(path).kind, True)
            else:
                yield TreeEntry(name, self._kind(path), False)

    def follow(self, path: str) -> Target:
        """Follow links of a path inside the revision only."""
        item = self._plain(path)
        if item is not None:
            return Target(path, self._kind(path))
        way: list[str] = []
        pending = path.split("/")[::-1]
        links = 0
        while pending:
            step = pending.pop()
            if step in ("", "."):
                continue
            if step == "..":
                if not way:
                    return Target(None, None)
                way.pop()
                continue
            here = "/".join((*way, step))
            self.inventory.list_way(here)
            item = self.inventory.objects.get(here)
            if item is None:
                return Target("/".join((here, *pending[::-1])), None)
            if item.mode != LINK:
                way.append(step)
                continue
            links += 1
            content = self._content(item) or b""
            if content.startswith(b"/"):
                return Target(None, None)
            if links > _MAX_LINKS or not content:
                return Target(here, None)
            pending += content.decode("utf-8", "surrogateescape").split("/")[::-1]
        there = "/".join(way)
        return Target(there, self._kind(there) if way else EntryKind.FOLDER)

    def expect(self, paths: Iterable[str]) -> None:
        """Prefetch files with a single git process in the background."""
        wanted: dict[int, tuple[Repository, list[str]]] = {}
        for path in paths:
            item = self._plain(path) or self.inventory.objects.get(self.follow(path).path or "")
            if item is not None and item.id not in self._contents:
                wanted.setdefault(id(item.place), (item.place, []))[1].append(item.id)
        self._coming.extend(place.contents(ids, MAX_BYTES + 1) for place, ids in wanted.values())

    def id_of(self, path: str) -> str | None:
        """Return the object id of a file; equal ids mean equal bytes."""
        item = self._plain(path)
        if item is None:
            target = self.follow(path)
            item = (
                self.inventory.objects.get(target.path)
                if target.kind is EntryKind.FILE and target.path
                else None
            )
        return item.id if item is not None else None

    def id_for(self, content: bytes) -> str:
        """Return the object id of some bytes."""
        digest = hashlib.new(self.repository.object_format, usedforsecurity=False)
        digest.update(b"blob %d\0" % len(content))
        digest.update(content)
        return digest.hexdigest()

    def files(self) -> Iterator[str]:
        """Return every file of the project in the revision, without submodules."""
        for top in self.inventory.names.get("", ()):
            self.inventory.list_way(f"{top}/")
        return (path for path, item in self.inventory.objects.items() if item.mode not in (FOLDER, SUBMODULE))

    def differing_from(self, other: Tree, folders: Collection[str]) -> frozenset[str] | None:
        """Return the changed files, and the added or removed folders, compared with a listed revision.

        Unchanged folders are not listed again.

        Args:
            folders: relative to the project.

        Returns:
            ``None`` if git's comparison is not sufficient: another kind of tree, or links or submodules that
                may hide changes.
        """
        if not isinstance(other, Revision) or other.repository != self.repository:
            return None
        compared = self.repository.compare_trees(other.commit, self.commit)
        if compared is None or other.inventory.leads_on_in(folders):
            return None
        seen = self.inventory.take_over(other.inventory, compared, self.repository)
        if seen is None or self.inventory.leads_on_in(folders):
            return None
        before = other.inventory.objects
        both = {path for path, item in seen.items() if _is_folder(item) and _is_folder(before.get(path))}
        return frozenset(path for path in seen.keys() - both if any(meet(path, folder) for folder in folders))

    def ids(self) -> tuple[tuple[str, str], ...]:
        """Object id of every path listed so far."""
        return tuple(sorted((path, item.id) for path, item in self.inventory.objects.items()))

    def submodule_on(self, path: str) -> str | None:
        """Return the submodule that a path leads into, if any."""
        return self._first_on(path, SUBMODULE)

    def link_on(self, path: str) -> str | None:
        """Return the first link of a path, if any."""
        return self._first_on(path, LINK)

    def _first_on(self, path: str, mode: str) -> str | None:
        ways = (path[:at] for at, letter in enumerate(f"{path}/") if letter == "/")
        return next(
            (
                way
                for way in ways
                if way in self.inventory.objects and self.inventory.objects[way].mode == mode
            ),
            None,
        )

    def _plain(self, path: str) -> Object | None:
        """Return the entry at a path without links."""
        item = self.inventory.objects.get(path)
        if item is None or item.mode != FILE:
            self.inventory.list_way(path)
            item = self.inventory.objects.get(path)
        return item if item is not None and item.mode != LINK else None

    def _content(self, file: Object) -> bytes | None:
        if file.id in self._contents:
            return self._contents[file.id]
        for coming in self._coming:
            for item, content in coming:
                self._contents[item] = content
                if item == file.id:
                    return content
        for item, content in file.place.contents([file.id], MAX_BYTES + 1):
            self._contents[item] = content
        return self._contents.get(file.id)

    def _kind(self, path: str) -> EntryKind:
        mode = self.inventory.objects[path].mode
        if mode == FOLDER:
            return EntryKind.FOLDER
        if mode == SUBMODULE:
            self.inventory.list_submodule(path)
            return EntryKind.FOLDER if path in self.inventory.names else EntryKind.OTHER
        return EntryKind.FILE


def open_revision(repository: Repository, revision: str) -> Revision:
    """Open a revision of the project in a repository's folder.

    Raises:
        RevisionError: unknown revision.
    """
    commit = repository.commit(revision)
    short = (repository.ask("rev-parse", "--short", commit) or commit)[:40]
    title = short if commit.startswith(revision) else f"{revision} ({short})"
    objects: dict[str, Object] = {}
    with suppress(RevisionError):  # the project's folder came later
        listing = repository.list_tree(f"{commit}:{repository.prefix.rstrip('/')}", deep=False)
        objects = dict(in_listing(listing, repository))
    return Revision(repository, commit, title, Inventory(objects, {"": list(objects)}, set()), {}, [])


_PARTIAL: Final = "fetch missing objects of a partial clone: `git fetch --refetch --no-filter`"


def _is_folder(item: Object | None) -> bool:
    return item is not None and item.mode == FOLDER


def _unreadable(path: str, message: str, help_text: str | None = None) -> Diagnostic:
    return Diagnostic("unreadable-file", Severity.ERROR, message, Span(path), help_text)


def open_part(repository: Repository, commit: str, paths: Iterable[str], globs: Iterable[str]) -> Revision:
    """Open a commit with only some of its files, to reduce cost.

    Args:
        globs: further files, as git ``glob`` pathspecs.

    Raises:
        RevisionError: git cannot list the commit.
    """
    nothing = hashlib.new(repository.object_format, b"tree 0\0", usedforsecurity=False).hexdigest()
    words = ("-r", "-z", "--name-only", "--relative", "--no-renames", nothing, commit, "--")
    wanted = pathspecs(repository, globs)  # without any, git would name all files
    named = repository.ask("diff-tree", *words, *wanted) if wanted else None
    seen = {*paths, *(path for path in (named or "").split("\0") if path)}
    objects: dict[str, Object] = {}
    names: dict[str, list[str]] = {"": []}
    for path, item in _entries(repository, commit, seen):
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            here = "/".join(parts[:count])
            if here not in objects:
                objects[here] = item if here == path else Object(FOLDER, "", repository)
                names.setdefault("/".join(parts[: count - 1]), []).append(parts[count - 1])
                if objects[here].mode == FOLDER:
                    names.setdefault(here, [])
    tops = {path for path in objects if "/" not in path}
    return Revision(repository, commit, commit[:10], Inventory(objects, names, tops, is_whole=False), {}, [])


def _entries(repository: Repository, commit: str, paths: set[str]) -> Iterator[tuple[str, Object]]:
    """Return the entries of a commit at some paths; for paths in a submodule, the submodule's entry."""
    within = {path[:at] for path in paths for at, letter in enumerate(path) if letter == "/"}
    asked = sorted(paths - within)  # of a folder and what is in it, git would list all that lies between
    prefix = repository.prefix
    listed = repository.list_paths(commit, [f"{prefix}{path}" for path in asked]) if asked else b""
    items = {path[len(prefix) :]: item for path, item in in_listing(listed, repository)}
    yield from items.items()
    for way in sorted({path.partition("/")[0] for path in asked if path not in items and "/" in path}):
        if not any(path.startswith(f"{way}/") for path in items):
            yield from (
                (path[len(prefix) :], item)
                for path, item in in_listing(repository.list_paths(commit, [f"{prefix}{way}"]), repository)
            )


FILE: Final = "100644"
FOLDER: Final = "040000"
LINK: Final = "120000"
SUBMODULE: Final = "160000"
LEADS_ON: Final = frozenset({LINK, SUBMODULE})
"""Modes of entries whose content is located elsewhere."""


@final
class Object(NamedTuple):
    """One entry of a git tree.

    Args:
        mode: ``040000`` is a folder, ``120000`` a link, ``160000`` a submodule.
    """

    mode: str
    id: str
    place: Repository


def in_listing(listing: bytes, place: Repository) -> Iterator[tuple[str, Object]]:
    """Parse the output of ``git ls-tree -z`` to paths and objects."""
    for line in listing.decode("utf-8", "surrogateescape").split("\0"):
        if line:
            about, _, path = line.partition("\t")
            mode, _, object_id = about.split()
            yield path, Object(mode, object_id, place)


def in_comparison(listing: bytes, place: Repository) -> Iterator[tuple[str, Object | None]]:
    """Parse the output of ``git diff-tree -z --raw`` to paths and objects of the later tree, if any."""
    words = iter(listing.decode("utf-8", "surrogateescape").split("\0"))
    for about, path in zip(words, words, strict=False):
        _, mode, _, object_id, _ = about.split()
        yield path, None if mode == "000000" else Object(mode, object_id, place)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Inventory:
    """Entries of a project in one commit listed so far."""

    objects: dict[str, Object]
    names: dict[str, list[str]]
    listed: set[str]
    is_whole: bool = True

    def list_way(self, path: str) -> None:
        """List the top-level folder of a path and the submodules on the path, once."""
        top, _, rest = path.partition("/")
        item = self.objects.get(top)
        if item is None:
            return
        if top not in self.listed and item.mode == FOLDER:
            self.listed.add(top)
            self._add(top, item.place, item.id)
        while rest:
            if item is not None and item.mode == SUBMODULE:
                self.list_submodule(top)
            step, _, rest = rest.partition("/")
            top = f"{top}/{step}"
            item = self.objects.get(top)

    def list_submodule(self, path: str) -> None:
        """List a submodule once, if its commit is available."""
        if path in self.listed:
            return
        self.listed.add(path)
        item = self.objects[path]
        for place in (
            f"{item.place.folder}/{path}",
            f"{item.place.git_dir}/modules/{item.place.prefix}{path}",
        ):
            try:
                inside = replace(item.place, folder=place, git_dir=place, prefix="")
                tree = inside.ask("rev-parse", "--verify", "--quiet", f"{item.id}^{{tree}}")
            except RevisionError:  # no such folder: its commit may be where git keeps modules
                continue
            if tree:
                self._add(path, inside, tree)
                return

    def take_over(
        self, other: Inventory, compared: bytes, place: Repository
    ) -> dict[str, Object | None] | None:
        """Reuse another commit's listing.

        Args:
            compared: output of ``git diff-tree`` for that commit and this one.

        Returns:
            Each differing path with its object (``None`` if deleted); ``None`` if a commit is incomplete or a
                submodule was listed, and then nothing is reused.
        """
        if self.listed or not (self.is_whole and other.is_whole) or any("/" in path for path in other.listed):
            return None
        seen: dict[str, Object | None] = {}
        for path, item in in_comparison(compared, place):
            seen[path] = item or seen.get(path)  # a file that became a folder is listed as both
        self.objects.update((path, item) for path, item in other.objects.items() if "/" in path)
        self.names.update((path, list(names)) for path, names in other.names.items() if path)
        self.listed.update(other.listed)
        for path, item in seen.items():
            if path.partition("/")[0] in other.listed:
                self._replace(path, item)
        return seen

    def leads_on_in(self, folders: Iterable[str]) -> bool:
        """Return whether a link or submodule is in some folders or on the path to one."""
        leading = [path for path, item in self.objects.items() if item.mode in LEADS_ON]
        return any(meet(path, folder) for path in leading for folder in folders)

    def _add(self, folder: str, place: Repository, tree: str) -> None:
        self.names.setdefault(folder, [])
        for path, item in in_listing(place.list_tree(tree, deep=True), place):
            full = f"{folder}/{path}"
            self.objects[full] = item
            above, _, name = full.rpartition("/")
            self.names.setdefault(above, []).append(name)
            if item.mode == FOLDER:
                self.names.setdefault(full, [])

    def _replace(self, path: str, item: Object | None) -> None:
        above, _, name = path.rpartition("/")
        if item is None:
            if self.objects.pop(path, None) is not None and above in self.names:
                self.names[above].remove(name)
        else:
            if path not in self.objects:
                self.names.setdefault(above, []).append(name)
            self.objects[path] = item
        if item is not None and item.mode == FOLDER:
            self.names.setdefault(path, [])
        else:
            self.names.pop(path, None)


def meet(path: str, folder: str) -> bool:
    """Return whether one path contains the other."""
    return f"{path}/".startswith(f"{folder}/") or folder.startswith(f"{path}/")
