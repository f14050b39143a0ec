"""What the sources of a view have under a name: tier after tier, and never a guess between two."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Final, NamedTuple, final

from stepwell.code.files import place_of_name
from stepwell.model.component import CodePlace
from stepwell.model.layer import Layer
from stepwell.source.python import SourceFile, SourceIndex

__all__ = ["ENDINGS", "ByName", "Files", "Tier", "unread_files"]


@final
class Ending(NamedTuple):
    """How a file that holds a component is called, and the name in it.

    Args:
        suffix: how the name in it ends; empty where the whole file is meant.
    """

    folder: str
    ending: str
    suffix: str


ENDINGS: Final = {
    "contract": Ending("contracts", "_contract.py", "_CONTRACT"),
    "spec": Ending("specs", "_spec.py", "_SPEC"),
    "script": Ending("scripts", ".py", ""),
}
"""The kinds that are found by the names of their files."""


@final
class Files:
    """The files of an index by the last two parts of their paths."""

    def __init__(self, index: SourceIndex) -> None:
        self.index = index

    @cached_property
    def by_end(self) -> dict[str, list[SourceFile]]:
        """Every file, by its folder's name and its own."""
        found: dict[str, list[SourceFile]] = {}
        for file in self.index.files.values():
            found.setdefault("/".join(file.path.split("/")[-2:]), []).append(file)
        return found

    @cached_property
    def unread(self) -> tuple[SourceFile, ...]:
        """The files that cannot be parsed or read, so that nobody knows what they define."""
        return tuple(file for file in self.index.files.values() if file.outline is None)


@final
class Tier(NamedTuple):
    """Sources among which none comes before another.

    Args:
        workspace: the workspace's id, or ``None``.
        package: the installed package's name; empty for the project's own.
    """

    files: Files
    sees: Callable[[SourceFile], bool]
    layer: Layer
    workspace: str | None = None
    package: str = ""

    def classes(self, name: str) -> tuple[CodePlace, ...]:
        """Every class of a name, by path: alternatives of one file, and links to it, count once.

        One inside a class or function counts only where there is no other.
        """
        places = [one for one in self.files.index.classes.get(name, ()) if self.sees(one.file)]
        at_top = [one for one in places if "." not in one.outline.qualified]
        found: dict[tuple[str, str], CodePlace] = {}
        for file, outline in at_top or places:
            place = self.place(file, outline.qualified, outline.line, outline.column)
            found.setdefault((file.real, outline.qualified), place)
        return tuple(found.values())

    def place(self, file: SourceFile, name: str | None, line: int = 1, column: int = 1) -> CodePlace:
        """A place of one of its files."""
        if not self.package:
            return CodePlace(file.path, name, line, column, self.layer, self.workspace)
        module = file.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return CodePlace(f"<{self.package}>/{file.path}", name, line, column, self.layer, None, module)

    def unread(self) -> Iterator[str]:
        """The paths of its files of which nobody knows what they define."""
        return (self.place(file, None).path for file in self.files.unread if self.sees(file))

    def called(self, end: str) -> Iterator[SourceFile]:
        """The files whose paths end in a folder and a name, a file that links lead to once."""
        seen: set[str] = set()
        for file in self.files.by_end.get(end, ()):
            if self.sees(file) and file.real not in seen:
                seen.add(file.real)
                yield file


@final
class ByName(NamedTuple):
    """What was found under a name.

    Args:
        fault: why a file that is called rightly does not serve; empty otherwise.
    """

    places: tuple[CodePlace, ...]
    below: tuple[CodePlace, ...]
    fault: str = ""

    @classmethod
    def of_class(cls, name: str, tiers: tuple[tuple[Tier, ...], ...]) -> ByName:
        """The classes of a name.

        Args:
            tiers: where to look, the nearest first; those in one tuple are equals.
        """
        return cls._first(tuple(place for one in equals for place in one.classes(name)) for equals in tiers)

    @classmethod
    def of_file(cls, kind: str, stem: str, tiers: tuple[tuple[Tier, ...], ...]) -> ByName:
        """The components that files hold which are called after a step.

        Args:
            kind: one of ``ENDINGS``.
            tiers: where to look, the nearest first.
        """
        how = ENDINGS[kind]
        end = f"{how.folder}/{stem}{how.ending}"
        faults: list[str] = []
        found = cls._first(
            tuple(
                place
                for one in equals
                for file in one.called(end)
                for place in _within(one, file, stem, how, faults)
            )
            for equals in tiers
        )
        return found if found.places else found._replace(fault="; ".join(faults))

    @classmethod
    def _first(cls, tiers: Iterator[tuple[CodePlace, ...]]) -> ByName:
        having = [places for places in tiers if places]
        below = tuple(place for places in having[1:] for place in places)
        return cls(having[0] if having else (), below)


def unread_files(tiers: tuple[tuple[Tier, ...], ...]) -> str:
    """What to say of the files that may define what is looked for and cannot be read; empty for none.

    Args:
        tiers: where is looked, the nearest first.
    """
    first, *more = [path for equals in tiers for one in equals for path in one.unread()] or [""]
    if not first:
        return ""
    others = f" and {len(more)} more cannot" if more else " cannot"
    return f"{first}{others} be read, so what may be defined there is not known"


def _within(tier: Tier, file: SourceFile, stem: str, how: Ending, faults: list[str]) -> Iterator[CodePlace]:
    """The component of a file that is called rightly; all that it could be."""
    if not how.suffix:
        yield tier.place(file, None)
        return
    if file.outline is None:
        why = file.failure.message if file.failure is not None else "it cannot be read"
        faults.append(f"what {tier.place(file, None).path} defines cannot be told: {why}")
        return
    names = dict.fromkeys(one.name for one in file.outline.bindings if one.name.endswith(how.suffix))
    exact = f"{stem.upper()}{how.suffix}"
    for name in (exact,) if exact in names else names:
        line, column = place_of_name(tier.files.index.root, file, name) or (1, 1)
        yield tier.place(file, name, line, column)
    if not names:
        faults.append(f"{tier.place(file, None).path} binds no name that ends in `{how.suffix}`")
