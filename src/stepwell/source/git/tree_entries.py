"""Entries of a commit; each top-level folder is listed once, on demand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, final

from stepwell.source.errors import RevisionError
from stepwell.source.git.repository import Repository

__all__ = [
    "FILE",
    "FOLDER",
    "LEADS_ON",
    "LINK",
    "SUBMODULE",
    "Inventory",
    "Object",
    "in_comparison",
    "in_listing",
    "meet",
]


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
