"""A project as it would be: its files, with those of a plan laid over them and nothing written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import final

from stepwell.source.diagnostic import Diagnostic
from stepwell.source.tree import EntryKind, Target, Tree, TreeEntry

__all__ = ["Staged"]


@final
@dataclass(frozen=True, slots=True)
class Staged:
    """A tree with some of its files replaced or added."""

    below: Tree
    files: Mapping[str, bytes]

    def read(self, path: str) -> bytes | Diagnostic:
        """The bytes of a file, or the finding that says why not."""
        content = self.files.get(path)
        return self.below.read(path) if content is None else content

    def scan(self, folder: str) -> Iterator[TreeEntry]:
        """The entries of a folder, in any order."""
        start = f"{folder}/" if folder else ""
        laid: dict[str, EntryKind] = {}
        for path in self.files:
            if path.startswith(start):
                name, _, rest = path[len(start) :].partition("/")
                laid[name] = EntryKind.FOLDER if rest else EntryKind.FILE
        try:
            there = list(self.below.scan(folder))
        except OSError:
            if not laid:
                raise
            there = []
        known = {entry.name for entry in there}
        yield from there
        yield from (TreeEntry(name, kind, is_link=False) for name, kind in laid.items() if name not in known)

    def follow(self, path: str) -> Target:
        """What a path stands for."""
        found = self.below.follow(path)
        if found.kind is not None or found.path is None:
            return found
        if path in self.files:
            return Target(path, EntryKind.FILE)
        inside = any(one.startswith(f"{path}/") for one in self.files)
        return Target(path, EntryKind.FOLDER) if inside else found

    def expect(self, paths: Iterable[str]) -> None:
        """Tell the tree below which files are read next."""
        self.below.expect(path for path in paths if path not in self.files)
