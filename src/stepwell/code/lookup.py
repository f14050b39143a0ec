"""Look up components by name in the source tiers of a view, without guessing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Final, NamedTuple, final

from stepwell.code.files import place_of_name
from stepwell.model.component import CodePlace
from stepwell.model.layer import Layer
from stepwell.source.python import SourceFile, SourceIndex
from stepwell.source.spelling import closest

__all__ = ["ENDINGS", "ByName", "Files", "Tier", "files_of_entry_point", "near_file", "unread_files"]


@final
class Ending(NamedTuple):
    """File name pattern of a component kind.

    Args:
        suffix: suffix of the name in the file; empty for the whole file.
    """

    folder: str
    ending: str
    suffix: str


ENDINGS: Final = {
    "contract": Ending("contracts", "_contract.py", "_CONTRACT"),
    "spec": Ending("specs", "_spec.py", "_SPEC"),
    "script": Ending("scripts", ".py", ""),
}
"""Component kinds that are found by file name."""


@final
class Files:
    """Files of an index by the last two parts of their paths."""

    def __init__(self, index: SourceIndex) -> None:
        self.index = index

    @cached_property
    def by_end(self) -> dict[str, list[SourceFile]]:
        """Return every file by folder name and file name."""
        by_end: dict[str, list[SourceFile]] = {}
        for file in self.index.files.values():
            by_end.setdefault("/".join(file.path.split("/")[-2:]), []).append(file)
        return by_end

    @cached_property
    def in_folder(self) -> dict[str, list[SourceFile]]:
        """Return every file by the name of its folder."""
        by_folder: dict[str, list[SourceFile]] = {}
        for end, files in self.by_end.items():
            by_folder.setdefault(end.partition("/")[0], []).extend(files)
        return by_folder

    @cached_property
    def by_file_name(self) -> dict[str, list[SourceFile]]:
        """Return every file by its name."""
        by_name: dict[str, list[SourceFile]] = {}
        for file in self.index.files.values():
            by_name.setdefault(file.path.rpartition("/")[2], []).append(file)
        return by_name

    @cached_property
    def unread(self) -> tuple[SourceFile, ...]:
        """Return the files that cannot be read or parsed."""
        return tuple(file for file in self.index.files.values() if file.outline is None)


@final
class Tier(NamedTuple):
    """Sources of equal precedence.

    Args:
        package: installed package; empty for the project.
    """

    files: Files
    sees: Callable[[SourceFile], bool]
    layer: Layer
    workspace: str | None = None
    package: str = ""

    def classes(self, name: str) -> tuple[CodePlace, ...]:
        """Return all classes of a name; nested classes count only if there are no others.

        Alternative definitions in one file and links to it count once.
        """
        places = [item for item in self.files.index.classes.get(name, ()) if self.sees(item.file)]
        at_top = [item for item in places if "." not in item.outline.qualified]
        by_location: dict[tuple[str, str], CodePlace] = {}
        for file, outline in at_top or places:
            place = self.place(file, outline.qualified, outline.line, outline.column)
            by_location.setdefault((file.real, outline.qualified), place)
        return tuple(by_location.values())

    def place(self, file: SourceFile, name: str | None, line: int = 1, column: int = 1) -> CodePlace:
        """Return a location in one of the files."""
        if not self.package:
            return CodePlace(file.path, name, line, column, self.layer, self.workspace)
        module = file.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return CodePlace(f"<{self.package}>/{file.path}", name, line, column, self.layer, None, module)

    def unread(self) -> Iterator[str]:
        """Yield the paths of the files that cannot be read or parsed."""
        return (self.place(file, None).path for file in self.files.unread if self.sees(file))

    def called(self, end: str) -> Iterator[SourceFile]:
        """Yield the files with a path suffix, without duplicates through links."""
        seen: set[str] = set()
        for file in self.files.by_end.get(end, ()):
            if self.sees(file) and file.real not in seen:
                seen.add(file.real)
                yield file


@final
class ByName(NamedTuple):
    """Components found under a name.

    Args:
        below: components in later tiers.
        fault: problem of a file with a matching name; may be empty.
    """

    places: tuple[CodePlace, ...]
    below: tuple[CodePlace, ...]
    fault: str = ""

    @classmethod
    def of_class(cls, name: str, tiers: tuple[tuple[Tier, ...], ...]) -> ByName:
        """Return the classes of a name.

        Args:
            tiers: nearest first; tiers in one tuple have equal precedence.
        """
        return cls._first(tuple(place for tier in equals for place in tier.classes(name)) for equals in tiers)

    @classmethod
    def of_file(cls, kind: str, stem: str, tiers: tuple[tuple[Tier, ...], ...]) -> ByName:
        """Return the components in files that are named after a step.

        Args:
            kind: key of ``ENDINGS``.
            tiers: nearest first.
        """
        how = ENDINGS[kind]
        end = f"{how.folder}/{stem}{how.ending}"
        faults: list[str] = []
        result = cls._first(
            tuple(
                place
                for tier in equals
                for file in tier.called(end)
                for place in _within(tier, file, stem, how, faults)
            )
            for equals in tiers
        )
        return result if result.places else result._replace(fault="; ".join(faults))

    @classmethod
    def of_entry_point(
        cls, entry: str, tiers: tuple[tuple[Tier, ...], ...], folders: tuple[str, ...]
    ) -> ByName:
        """Return the files of an entry point in the first folder with any, in `scripts/` if there are any.

        Args:
            folders: source folders of the core, in search order.
        """
        name = entry.rpartition("/")[2]
        by_tier: list[tuple[CodePlace, ...]] = []
        for equals in tiers:
            files = {
                (tier, file.real): tier.place(file, None)
                for tier in equals
                for file in tier.files.by_file_name.get(name, ())
                if tier.sees(file) and f"/{file.path}".endswith(f"/{entry}")
            }
            first = min((_rank(place.path, folders) for place in files.values()), default=0)
            places = tuple(place for place in files.values() if _rank(place.path, folders) == first)
            ending = f"/{ENDINGS['script'].folder}/{entry}"
            by_tier.append(tuple(place for place in places if f"/{place.path}".endswith(ending)) or places)
        return cls._first(iter(by_tier))

    @classmethod
    def _first(cls, tiers: Iterator[tuple[CodePlace, ...]]) -> ByName:
        having = [places for places in tiers if places]
        below = tuple(place for places in having[1:] for place in places)
        return cls(having[0] if having else (), below)


def files_of_entry_point(entry: str, files: Iterable[SourceFile], folders: Iterable[str]) -> list[str]:
    """Return the files of an entry point in the first folder with any; prefer `scripts/`."""
    files = tuple(files)
    for folder in folders:
        by_real = {
            file.real: file.path
            for file in files
            if file.path.startswith(f"{folder}/") and f"/{file.path}".endswith(f"/{entry}")
        }
        if by_real:
            paths = sorted(by_real.values())
            ending = f"/{ENDINGS['script'].folder}/{entry}"
            return [path for path in paths if f"/{path}".endswith(ending)] or paths
    return []


def _rank(path: str, folders: tuple[str, ...]) -> int:
    """Return the position of the folder that contains a path."""
    return next((at for at, folder in enumerate(folders) if path.startswith(f"{folder}/")), len(folders))


def near_file(kind: str, stem: str, tiers: tuple[tuple[Tier, ...], ...]) -> str:
    """Return the file whose name is nearest to the name of a component; empty if none is near."""
    how = ENDINGS[kind]
    stems = {
        file.path.rpartition("/")[2].removesuffix(how.ending): tier.place(file, None).path
        for equals in reversed(tiers)
        for tier in equals
        for file in tier.files.in_folder.get(how.folder, ())
        if tier.sees(file) and file.path.endswith(how.ending)
    }
    near = closest(stem, stems)
    return stems[near[0]] if near else ""


def unread_files(tiers: tuple[tuple[Tier, ...], ...]) -> str:
    """Return a note on files that may define the component but cannot be read; empty if none.

    Args:
        tiers: nearest first.
    """
    first, *more = [path for equals in tiers for tier in equals for path in tier.unread()] or [""]
    if not first:
        return ""
    others = f" and {len(more)} more cannot" if more else " cannot"
    return f"{first}{others} be read and may define it"


def _within(tier: Tier, file: SourceFile, stem: str, how: Ending, faults: list[str]) -> Iterator[CodePlace]:
    """Yield the possible components of a file with a matching name."""
    if not how.suffix:
        yield tier.place(file, None)
        return
    if file.outline is None:
        why = file.failure.message if file.failure is not None else "cannot be read"
        faults.append(f"cannot parse {tier.place(file, None).path}: {why}")
        return
    names = dict.fromkeys(
        binding.name for binding in file.outline.bindings if binding.name.endswith(how.suffix)
    )
    exact = f"{stem.upper()}{how.suffix}"
    for name in (exact,) if exact in names else names:
        line, column = place_of_name(tier.files.index.root, file, name) or (1, 1)
        yield tier.place(file, name, line, column)
    if not names:
        faults.append(f"{tier.place(file, None).path} does not bind a name ending in `{how.suffix}`")
