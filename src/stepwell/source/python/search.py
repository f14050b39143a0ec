"""Python sources of one view and the definitions of names in them."""

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
    """Sources in some folders of an index.

    Args:
        folders: relative to the project.
    """

    __slots__ = ("_starts", "folders", "index")

    index: SourceIndex
    folders: tuple[str, ...]

    def __init__(self, index: SourceIndex, folders: tuple[str, ...]) -> None:
        self.index = index
        self.folders = folders
        self._starts = tuple(f"{folder}/" for folder in folders)

    def sees(self, file: SourceFile) -> bool:
        """Return whether a file is in one of the folders."""
        return file.path.startswith(self._starts)

    @property
    def files(self) -> Iterable[SourceFile]:
        """Files of the view by path."""
        return (file for file in self.index.files.values() if self.sees(file))

    def classes(self, name: str) -> tuple[Defined, ...]:
        """Return the definitions of a class by path; files reached by several links count once."""
        classes: dict[tuple[str, int], Defined] = {}
        for item in self.index.classes.get(name, ()):
            if self.sees(item.file):
                classes.setdefault((item.file.real, item.outline.line), item)
        return tuple(classes.values())

    def class_at(self, path: str, qualified: str) -> Defined | None:
        """Return a class by its file and qualified name; ``None`` if it does not exist or is not visible.

        Args:
            path: relative to the project.
            qualified: dotted for nested classes.
        """
        for item in self.classes(qualified.rpartition(".")[2]):
            if item.file.path == path and item.outline.qualified == qualified:
                return item
        return None

    def near(self, name: str) -> tuple[str, ...]:
        """Return the class name closest to a missing one."""
        seen = (
            word
            for word, places in self.index.classes.items()
            if any(self.sees(item.file) for item in places)
        )
        return closest(name, seen)

    def module(self, dotted: str) -> SourceFile | None:
        """Return the file of a module, resolved from a source folder, its parent, or the project.

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
        """Return whether a module or a folder with modules has this name."""
        if self.module(dotted) is not None:
            return True
        starts = tuple(f"{base}{dotted.replace('.', '/')}/" for base in self._bases())
        return any(file.path.startswith(starts) for file in self.files)

    def modules(self) -> Iterable[str]:
        """Return the dotted names of all modules, as ``module`` accepts them."""
        for file in self.files:
            yield from self.names_of(file)

    def names_of(self, file: SourceFile) -> tuple[str, ...]:
        """Return the dotted names of a file as a module, starting with the one from its source folder."""
        stem = file.path.removesuffix(".py").removesuffix("/__init__")
        names = (stem.removeprefix(base).replace("/", ".") for base in self._bases() if stem.startswith(base))
        return tuple(dict.fromkeys(names))

    def _bases(self) -> tuple[str, ...]:
        own = self._starts
        above = tuple(start.rstrip("/").rpartition("/")[0] for start in own)
        return tuple(dict.fromkeys((*own, *(f"{item}/" if item else "" for item in above), "")))


def place_of(root: str, defined: Defined) -> Span:
    """Return the span of a class name."""
    outline = defined.outline
    return span_in(root, defined.file.path, outline.line, outline.column, len(outline.name))


def span_in(root: str, path: str, line: int, column: int, length: int) -> Span:
    """Return a span in one line of a Python file, with the line's text if it is readable.

    Args:
        path: relative to ``root``.
        line: from 1.
        column: in characters from 1.
    """
    content, _ = read_source(root, path)
    text = (
        "" if isinstance(content, ParseFailure) else content.decode("utf-8", "replace").removeprefix("\ufeff")
    )
    start = 0
    for _ in range(line - 1):
        match = _LINE_END.search(text, start)
        if match is None:
            return Span(path, line, column, line, column + length)
        start = match.end()
    begin = start + column - 1
    end = begin + length
    if end > len(text):
        return Span(path, line, column, line, column + length)
    return span_of(path, text, (begin, end))


_LINE_END = re.compile(r"\r\n?|\n")
