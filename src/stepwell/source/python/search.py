"""The Python sources that one view sees, and where a name in them is defined."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import final

from stepwell.source.diagnostic import Span
from stepwell.source.document import span_of
from stepwell.source.python.index import Defined, SourceIndex, read_source
from stepwell.source.python.outline import ParseFailure, SourceFile
from stepwell.source.spelling import closest

__all__ = ["SourceView", "place_of", "span_in"]


@final
class SourceView:
    """The sources that lie in some folders of an index.

    Args:
        folders: those that are seen, relative to the project.
    """

    __slots__ = ("_starts", "folders", "index")

    index: SourceIndex
    folders: tuple[str, ...]

    def __init__(self, index: SourceIndex, folders: tuple[str, ...]) -> None:
        self.index = index
        self.folders = folders
        self._starts = tuple(f"{folder}/" for folder in folders)

    def sees(self, file: SourceFile) -> bool:
        """Whether a file lies in one of the folders."""
        return file.path.startswith(self._starts)

    @property
    def files(self) -> Iterable[SourceFile]:
        """Every file that is seen, by path."""
        return (file for file in self.index.files.values() if self.sees(file))

    def classes(self, name: str) -> tuple[Defined, ...]:
        """Every place that defines a class of a name, by path; a file met by two links counts once."""
        found: dict[tuple[str, int], Defined] = {}
        for one in self.index.classes.get(name, ()):
            if self.sees(one.file):
                found.setdefault((one.file.real, one.outline.line), one)
        return tuple(found.values())

    def class_at(self, path: str, qualified: str) -> Defined | None:
        """A class by its file and its name in it; ``None`` where that is none, or is not seen.

        Args:
            path: of the file, relative to the project.
            qualified: dotted where the class lies in another.
        """
        for one in self.classes(qualified.rpartition(".")[2]):
            if one.file.path == path and one.outline.qualified == qualified:
                return one
        return None

    def near(self, name: str) -> tuple[str, ...]:
        """The class whose name is nearest to one that does not exist, if one is near."""
        seen = (
            word for word, places in self.index.classes.items() if any(self.sees(one.file) for one in places)
        )
        return closest(name, seen)

    def module(self, dotted: str) -> SourceFile | None:
        """The file of a module, by its name from a source folder, its parent, or the project.

        Args:
            dotted: e.g. ``package.module``; a package is its ``__init__.py``.
        """
        way = dotted.replace(".", "/")
        for base in self._bases():
            for path in (f"{base}{way}.py", f"{base}{way}/__init__.py"):
                file = self.index.files.get(path)
                if file is not None and self.sees(file):
                    return file
        return None

    def has_package(self, dotted: str) -> bool:
        """Whether there is a module of a name, or a folder with modules in it."""
        if self.module(dotted) is not None:
            return True
        starts = tuple(f"{base}{dotted.replace('.', '/')}/" for base in self._bases())
        return any(file.path.startswith(starts) for file in self.files)

    def modules(self) -> Iterable[str]:
        """The dotted names of every module, as ``module`` takes them."""
        for file in self.files:
            yield from self.names_of(file)

    def names_of(self, file: SourceFile) -> tuple[str, ...]:
        """Every dotted name that a file has as a module, that from its source folder first."""
        stem = file.path.removesuffix(".py").removesuffix("/__init__")
        names = (stem.removeprefix(base).replace("/", ".") for base in self._bases() if stem.startswith(base))
        return tuple(dict.fromkeys(names))

    def _bases(self) -> tuple[str, ...]:
        own = self._starts
        above = tuple(start.rstrip("/").rpartition("/")[0] for start in own)
        return tuple(dict.fromkeys((*own, *(f"{one}/" if one else "" for one in above), "")))


def place_of(root: str, defined: Defined) -> Span:
    """The name of a class in its file."""
    outline = defined.outline
    return span_in(root, defined.file.path, outline.line, outline.column, len(outline.name))


def span_in(root: str, path: str, line: int, column: int, length: int) -> Span:
    """A stretch of one line of a Python file, with the line's text where the file can still be read.

    Args:
        path: the file, relative to it.
        line: from 1.
        column: in characters from 1.
    """
    content, _ = read_source(root, path)
    text = (
        "" if isinstance(content, ParseFailure) else content.decode("utf-8", "replace").removeprefix("\ufeff")
    )
    start = 0
    for _ in range(line - 1):
        found = _LINE_END.search(text, start)
        if found is None:
            return Span(path, line, column, line, column + length)
        start = found.end()
    begin = start + column - 1
    end = begin + length
    if end > len(text):
        return Span(path, line, column, line, column + length)
    return span_of(path, text, (begin, end))


_LINE_END = re.compile(r"\r\n?|\n")
