"""A project overlaid with planned files, without writing."""

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
    """Tree with replaced and added files."""

    below: Tree
    files: Mapping[str, bytes]

    def read(self, path: str) -> bytes | Diagnostic:
        content = self.files.get(path)
        return self.below.read(path) if content is None else content

    def scan(self, folder: str) -> Iterator[TreeEntry]:
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

    @property
    def is_complete(self) -> bool:
        return self.below.is_complete

    def follow(self, path: str) -> Target:
        found = self.below.follow(path)
        if found.kind is not None or found.path is None:
            return found
        if path in self.files:
            return Target(path, EntryKind.FILE)
        inside = any(file.startswith(f"{path}/") for file in self.files)
        return Target(path, EntryKind.FOLDER) if inside else found

    def expect(self, paths: Iterable[str]) -> None:
        self.below.expect(path for path in paths if path not in self.files)
