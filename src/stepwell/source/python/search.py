"""Where Python files name something: a search for words in their bytes, then a parse of those that hold one.

A text that is put together from pieces, or written with escapes, is not found.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, final

from stepwell.source.diagnostic import Span
from stepwell.source.document import span_of
from stepwell.source.python.index import Defined, SourceIndex, read_source
from stepwell.source.python.outline import Failure, SourceFile, parse, warnings_kept_in
from stepwell.source.spelling import closest

__all__ = [
    "Mention",
    "SourceView",
    "Words",
    "mentions_in",
    "place_of",
    "span_in",
]


_JOB_TYPE: Final = r"(?:_[A-Z][A-Za-z0-9_]*)?"


@final
class Mention(NamedTuple):
    """One place that names something.

    Args:
        what: ``class``, ``function``, ``import``, ``name``, ``attribute``, ``argument`` or ``string``;
            ``text`` in a file that cannot be parsed.
        name: what is named, as it is written.
        line: from 1.
        column: in characters from 1.
    """

    what: str
    name: str
    line: int
    column: int


@final
class Words:
    """Names to search for.

    Args:
        names: the names; each also stands for itself with a job type, e.g. ``Scoring_Training``.
    """

    __slots__ = ("_bytes", "_names", "_with_job_type")

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        either = "|".join(
            re.escape(name) for name in sorted(self._names, key=lambda name: (-len(name), name))
        )
        pattern = rf"(?<![A-Za-z0-9_])(?:{either}){_JOB_TYPE}(?![A-Za-z0-9_])"
        self._bytes = re.compile(pattern.encode("ascii", "backslashreplace"))
        self._with_job_type = re.compile(rf"(?:{either}){_JOB_TYPE}")

    def count(self, content: bytes) -> int:
        """How often a file holds one."""
        return sum(1 for _ in self._bytes.finditer(content))

    def places(self, content: bytes) -> Iterator[tuple[int, str]]:
        """Where a file holds one, in bytes from its beginning, and as what."""
        for found in self._bytes.finditer(content):
            yield found.start(), found[0].decode("ascii", "replace")

    def holds(self, content: bytes) -> bool:
        """Whether a file holds one."""
        return self._bytes.search(content) is not None

    def means(self, name: str) -> bool:
        """Whether a name is one of them."""
        return name in self._names

    def tells(self, text: str) -> bool:
        """Whether a whole text is one of them, perhaps with a job type."""
        return self._with_job_type.fullmatch(text) is not None


def mentions_in(content: bytes, words: Words) -> tuple[Mention, ...]:
    """Every place of a file that names one of some words, in its order.

    Args:
        content: the file's bytes.
        words: what is searched for.
    """
    with warnings_kept_in():
        tree = parse(content)
    if isinstance(tree, Failure):
        return tuple(_plain(content, words))
    lines = content.removeprefix(b"\xef\xbb\xbf").splitlines()
    found = {mention for node in ast.walk(tree) for mention in _of_node(node, words, lines)}
    return tuple(sorted(found, key=lambda one: (one.line, one.column, one.what)))


def _of_node(node: ast.AST, words: Words, lines: list[bytes]) -> Iterator[Mention]:
    if isinstance(node, ast.Name):
        if words.means(node.id):
            yield _mention("name", node.id, node.lineno, node.col_offset, lines)
    elif isinstance(node, ast.Attribute):
        if words.means(node.attr):
            line, end = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
            yield _mention("attribute", node.attr, line, end - len(node.attr.encode()), lines)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, str) and words.tells(node.value):
            yield _mention("string", node.value, node.lineno, node.col_offset, lines)
    elif isinstance(node, ast.alias):
        last = node.name.rpartition(".")[2]
        if words.means(last):
            yield _mention("import", last, node.lineno, node.col_offset, lines)
        elif node.asname is not None and words.means(node.asname):
            yield _mention("import", node.asname, node.lineno, node.col_offset, lines)
    elif isinstance(node, ast.ImportFrom):
        last = (node.module or "").rpartition(".")[2]
        if words.means(last):
            yield _mention("import", last, node.lineno, node.col_offset, lines)
    elif isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        if words.means(node.name):
            what = "class" if isinstance(node, ast.ClassDef) else "function"
            at = _line(lines, node.lineno).find(node.name.encode(), node.col_offset)
            yield _mention(what, node.name, node.lineno, max(at, node.col_offset), lines)
    elif isinstance(node, (ast.keyword, ast.arg)) and node.arg is not None and words.means(node.arg):
        yield _mention("argument", node.arg, node.lineno, node.col_offset, lines)


def _plain(content: bytes, words: Words) -> Iterator[Mention]:
    for at, name in words.places(content):
        before = content[:at]
        line = len(before.splitlines()) + before.endswith((b"\n", b"\r")) or 1
        start = max(before.rfind(b"\n"), before.rfind(b"\r")) + 1
        yield Mention("text", name, line, len(before[start:].decode("utf-8", "replace")) + 1)


def _mention(what: str, name: str, line: int, offset: int, lines: list[bytes]) -> Mention:
    """A place whose column the parser counts in bytes."""
    return Mention(what, name, line, len(_line(lines, line)[:offset].decode("utf-8", "replace")) + 1)


def _line(lines: list[bytes], line: int) -> bytes:
    return lines[line - 1] if line <= len(lines) else b""


@final
class SourceView:
    """The sources that lie in some folders of an index.

    Args:
        index: every file.
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
    """The name of a class in its file.

    Args:
        root: the project's folder.
        defined: the class.
    """
    outline = defined.outline
    return span_in(root, defined.file.path, outline.line, outline.column, len(outline.name))


def span_in(root: str, path: str, line: int, column: int, length: int) -> Span:
    """A stretch of one line of a Python file, with the line's text where the file can still be read.

    Args:
        root: the project's folder.
        path: the file, relative to it.
        line: from 1.
        column: in characters from 1.
        length: in characters.
    """
    content, _ = read_source(root, path)
    text = "" if isinstance(content, Failure) else content.decode("utf-8", "replace").removeprefix("\ufeff")
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
