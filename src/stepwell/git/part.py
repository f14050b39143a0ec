"""A part of a commit as a Tree, so that reading it costs what the part costs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from stepwell.git.history import pathspecs
from stepwell.git.inventory import Inventory
from stepwell.git.objects import FOLDER, Object, in_listing
from stepwell.git.repository import Repository
from stepwell.git.revision import Revision

__all__ = ["open_part"]


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
    objects: dict[str, Object] = {}
    names: dict[str, list[str]] = {"": []}
    for path, found in _entries(repository, commit, seen):
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            here = "/".join(parts[:count])
            if here not in objects:
                objects[here] = found if here == path else Object(FOLDER, "", repository)
                names.setdefault("/".join(parts[: count - 1]), []).append(parts[count - 1])
                if objects[here].mode == FOLDER:
                    names.setdefault(here, [])
    tops = {path for path in objects if "/" not in path}
    return Revision(repository, commit, commit[:10], Inventory(objects, names, tops, is_whole=False), {}, [])


def _entries(repository: Repository, commit: str, paths: set[str]) -> Iterator[tuple[str, Object]]:
    """What a commit holds at some paths; of those that lead into another repository its own entry."""
    within = {path[:at] for path in paths for at, letter in enumerate(path) if letter == "/"}
    asked = sorted(paths - within)  # of a folder and what is in it, git would list all that lies between
    prefix = repository.prefix
    listed = repository.list_paths(commit, [f"{prefix}{path}" for path in asked]) if asked else b""
    found = {path[len(prefix) :]: one for path, one in in_listing(listed, repository)}
    yield from found.items()
    for way in sorted({path.partition("/")[0] for path in asked if path not in found and "/" in path}):
        if not any(path.startswith(f"{way}/") for path in found):
            yield from (
                (path[len(prefix) :], one)
                for path, one in in_listing(repository.list_paths(commit, [f"{prefix}{way}"]), repository)
            )
