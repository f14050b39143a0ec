"""One commit as a Tree: listed and read from git's objects."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, final

from stepwell.diagnostics import Diagnostic, Severity, Span
from stepwell.documents import MAX_BYTES, too_large
from stepwell.errors import RevisionError
from stepwell.git.history import pathspecs
from stepwell.git.repository import Repository
from stepwell.trees import Entry, EntryKind, Target

__all__ = ["Revision", "open_part", "open_revision"]

_MAX_LINKS: Final = 40
"""As many links on one way as Linux follows (path_resolution(7))."""


@final
class _Object(NamedTuple):
    """One entry of a git tree.

    Args:
        mode: as git writes it: ``040000`` a folder, ``120000`` a link, ``160000`` a submodule.
        id: the object's id.
        place: the repository that holds it: that of a submodule for what lies in one.
    """

    mode: str
    id: str
    place: Repository


@final
@dataclass(frozen=True, slots=True, eq=False)
class Revision:
    """A project as one commit holds it.

    Args:
        repository: the repository.
        commit: the commit's full id.
        title: how the revision was asked for, and its id.
    """

    repository: Repository
    commit: str
    title: str
    _objects: dict[str, _Object]
    _names: dict[str, list[str]]
    _listed: set[str]
    _contents: dict[str, bytes]
    _coming: list[Iterator[tuple[str, bytes]]]

    def read(self, path: str) -> bytes | Diagnostic:
        """The bytes of a file of at most ``MAX_BYTES``, or the finding that says why not."""
        target = self.follow(path)
        found = self._objects.get(target.path) if target.path is not None else None
        if found is None or target.kind is not EntryKind.FILE:
            return _unreadable(path, "this is not a regular file")
        content = self._content(found)
        if content is None:
            return _unreadable(path, "git has no object for it in this clone", _PARTIAL)
        return too_large(path) if len(content) > MAX_BYTES else content

    def scan(self, folder: str) -> Iterator[Entry]:
        """The entries of a folder.

        Raises:
            OSError: there is none, or it is a submodule whose commit is not here.
        """
        target = self.follow(folder)
        if target.kind is None:
            raise FileNotFoundError(errno.ENOENT, "no such folder in the revision", folder)
        if target.path is None or target.kind is EntryKind.FILE:
            raise NotADirectoryError(errno.ENOTDIR, "this is no folder", folder)
        if target.kind is EntryKind.OTHER:
            raise OSError(
                errno.EIO,
                "it is a submodule, and its commit is not here (git submodule update --init)",
                folder,
            )
        for name in self._names.get(target.path, ()):
            path = f"{target.path}/{name}" if target.path else name
            if self._objects[path].mode == _LINK:
                yield Entry(name, self.follow(path).kind, True)
            else:
                yield Entry(name, self._kind(path), False)

    def follow(self, path: str) -> Target:
        """What a path stands for, links followed inside the revision only."""
        found = self._plain(path)
        if found is not None:
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
            self._list_way(here)
            found = self._objects.get(here)
            if found is None:
                return Target("/".join((here, *pending[::-1])), None)
            if found.mode != _LINK:
                way.append(step)
                continue
            links += 1
            content = self._content(found) or b""
            if content.startswith(b"/"):
                return Target(None, None)
            if links > _MAX_LINKS or not content:
                return Target(here, None)
            pending += content.decode("utf-8", "surrogateescape").split("/")[::-1]
        there = "/".join(way)
        return Target(there, self._kind(there) if way else EntryKind.FOLDER)

    def expect(self, paths: Iterable[str]) -> None:
        """Have git read files while others are worked on, with one process instead of one each."""
        wanted: dict[int, tuple[Repository, list[str]]] = {}
        for path in paths:
            found = self._plain(path) or self._objects.get(self.follow(path).path or "")
            if found is not None and found.id not in self._contents:
                wanted.setdefault(id(found.place), (found.place, []))[1].append(found.id)
        self._coming.extend(place.contents(ids, MAX_BYTES + 1) for place, ids in wanted.values())

    def id_of(self, path: str) -> str | None:
        """The id of what a file holds: equal ids are equal bytes."""
        found = self._plain(path)
        if found is None:
            target = self.follow(path)
            found = self._objects.get(target.path) if target.kind is EntryKind.FILE and target.path else None
        return found.id if found is not None else None

    def id_for(self, content: bytes) -> str:
        """The id that git gives to bytes."""
        digest = hashlib.new(self.repository.object_format, usedforsecurity=False)
        digest.update(b"blob %d\0" % len(content))
        digest.update(content)
        return digest.hexdigest()

    def files(self) -> Iterator[str]:
        """Every file of the project in the revision; those of submodules are left out."""
        for top in self._names.get("", ()):
            self._list_way(f"{top}/")
        return (path for path, found in self._objects.items() if found.mode not in (_FOLDER, _SUBMODULE))

    def ids(self) -> tuple[tuple[str, str], ...]:
        """What is listed of the project so far, each path with the id of what it holds."""
        return tuple(sorted((path, found.id) for path, found in self._objects.items()))

    def submodule_on(self, path: str) -> str | None:
        """The submodule that a way leads into, if it does."""
        return self._first_on(path, _SUBMODULE)

    def link_on(self, path: str) -> str | None:
        """The first link on a way, if there is one."""
        return self._first_on(path, _LINK)

    def _first_on(self, path: str, mode: str) -> str | None:
        ways = (path[:at] for at, letter in enumerate(f"{path}/") if letter == "/")
        return next((way for way in ways if way in self._objects and self._objects[way].mode == mode), None)

    def _plain(self, path: str) -> _Object | None:
        """The entry at a path that no link lies on: only such a way leads to one as it is written."""
        found = self._objects.get(path)
        if found is None or found.mode != _FILE:
            self._list_way(path)
            found = self._objects.get(path)
        return found if found is not None and found.mode != _LINK else None

    def _content(self, found: _Object) -> bytes | None:
        if found.id in self._contents:
            return self._contents[found.id]
        for coming in (*self._coming, found.place.contents([found.id], MAX_BYTES + 1)):
            for one, content in coming:
                self._contents[one] = content
                if one == found.id:
                    return content
        return None

    def _kind(self, path: str) -> EntryKind:
        mode = self._objects[path].mode
        if mode == _FOLDER:
            return EntryKind.FOLDER
        if mode == _SUBMODULE:
            self._list_submodule(path)
            return EntryKind.FOLDER if path in self._names else EntryKind.OTHER
        return EntryKind.FILE

    def _list_way(self, path: str) -> None:
        """List the folder at the top of a way, once, and the submodules on it."""
        top, _, rest = path.partition("/")
        found = self._objects.get(top)
        if found is None:
            return
        if top not in self._listed and found.mode == _FOLDER:
            self._listed.add(top)
            self._add(top, found.place, found.id)
        while rest:
            if found is not None and found.mode == _SUBMODULE:
                self._list_submodule(top)
            step, _, rest = rest.partition("/")
            top = f"{top}/{step}"
            found = self._objects.get(top)

    def _list_submodule(self, path: str) -> None:
        if path in self._listed:
            return
        self._listed.add(path)
        found = self._objects[path]
        for place in (
            f"{found.place.folder}/{path}",
            f"{found.place.git_dir}/modules/{found.place.prefix}{path}",
        ):
            try:
                inside = replace(found.place, folder=place, git_dir=place, prefix="")
                tree = inside.ask("rev-parse", "--verify", "--quiet", f"{found.id}^{{tree}}")
            except RevisionError:  # no such folder: its commit may be where git keeps modules
                continue
            if tree:
                self._add(path, inside, tree)
                return

    def _add(self, folder: str, place: Repository, tree: str) -> None:
        self._names.setdefault(folder, [])
        for path, found in _parse(place.list_tree(tree, deep=True), place):
            full = f"{folder}/{path}"
            self._objects[full] = found
            above, _, name = full.rpartition("/")
            self._names.setdefault(above, []).append(name)
            if found.mode == _FOLDER:
                self._names.setdefault(full, [])


def open_revision(repository: Repository, revision: str) -> Revision:
    """A revision of the project in the folder of a repository.

    Args:
        repository: opened for the project's folder.
        revision: as git reads one.

    Raises:
        RevisionError: when there is no such revision.
    """
    commit = repository.commit(revision)
    short = (repository.ask("rev-parse", "--short", commit) or commit)[:40]
    title = short if commit.startswith(revision) else f"{revision} ({short})"
    objects: dict[str, _Object] = {}
    with suppress(RevisionError):  # the project's folder came later
        listed = repository.list_tree(f"{commit}:{repository.prefix.rstrip('/')}", deep=False)
        objects = dict(_parse(listed, repository))
    return Revision(repository, commit, title, objects, {"": list(objects)}, set(), {}, [])


def open_part(repository: Repository, commit: str, paths: Iterable[str], globs: Iterable[str]) -> Revision:
    """A commit of which only some files are seen, so that reading it costs what these cost.

    Args:
        repository: opened for the project's folder.
        commit: a full id.
        paths: files, or folders that are there whether or not a file in them is seen.
        globs: further files, in git's ``glob`` form.

    Raises:
        RevisionError: when git does not list the commit.
    """
    nothing = hashlib.new(repository.object_format, b"tree 0\0", usedforsecurity=False).hexdigest()
    words = ("-r", "-z", "--name-only", "--relative", "--no-renames", nothing, commit, "--")
    wanted = pathspecs(repository, globs)  # without any, git would name all files
    named = repository.ask("diff-tree", *words, *wanted) if wanted else None
    seen = {*paths, *(path for path in (named or "").split("\0") if path)}
    objects: dict[str, _Object] = {}
    names: dict[str, list[str]] = {"": []}
    for path, found in _entries(repository, commit, seen):
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            here = "/".join(parts[:count])
            if here not in objects:
                objects[here] = found if here == path else _Object(_FOLDER, "", repository)
                names.setdefault("/".join(parts[: count - 1]), []).append(parts[count - 1])
                if objects[here].mode == _FOLDER:
                    names.setdefault(here, [])
    tops = {path for path in objects if "/" not in path}
    return Revision(repository, commit, commit[:10], objects, names, tops, {}, [])


def _entries(repository: Repository, commit: str, paths: set[str]) -> Iterator[tuple[str, _Object]]:
    """What a commit holds at some paths; of those that lead into another repository its own entry."""
    within = {path[:at] for path in paths for at, letter in enumerate(path) if letter == "/"}
    asked = sorted(paths - within)  # of a folder and what is in it, git would list all that lies between
    prefix = repository.prefix
    listed = repository.list_paths(commit, [f"{prefix}{path}" for path in asked]) if asked else b""
    found = {path[len(prefix) :]: one for path, one in _parse(listed, repository)}
    yield from found.items()
    for way in sorted({path.partition("/")[0] for path in asked if path not in found and "/" in path}):
        if not any(path.startswith(f"{way}/") for path in found):
            yield from (
                (path[len(prefix) :], one)
                for path, one in _parse(repository.list_paths(commit, [f"{prefix}{way}"]), repository)
            )


_FILE: Final = "100644"
_FOLDER: Final = "040000"
_LINK: Final = "120000"
_SUBMODULE: Final = "160000"
_PARTIAL: Final = "this may be a partial clone: fetch what is missing (`git fetch --refetch --no-filter`)"


def _parse(listing: bytes, place: Repository) -> Iterator[tuple[str, _Object]]:
    for line in listing.decode("utf-8", "surrogateescape").split("\0"):
        if line:
            about, _, path = line.partition("\t")
            mode, _, one = about.split()
            yield path, _Object(mode, one, place)


def _unreadable(path: str, message: str, help_text: str | None = None) -> Diagnostic:
    return Diagnostic("unreadable-file", Severity.ERROR, message, Span(path), help_text)
