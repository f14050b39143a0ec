"""Resolves base classes through the sources: imports, aliases and packages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Final, NamedTuple, final

from stepwell.source.python.index import Defined
from stepwell.source.python.outline import ClassOutline, ImportOutline, SourceFile
from stepwell.source.python.search import SourceView

__all__ = ["Lineage", "Lost", "matches", "module_defines"]

_MAX_STEPS: Final = 4096
"""Maximum number of classes and names per query, beyond any handwritten class."""


@final
class Lost(NamedTuple):
    """End of a chain of bases without the required base.

    Args:
        base: the base as written; empty if there is none, or if it is an expression.
        outside: dotted name of that base outside the sources; empty if it is unresolved.
    """

    by: Defined
    base: str
    outside: str


@final
class UnresolvedBase(NamedTuple):
    """Dotted name of an object outside the sources."""

    dotted: str


@final
class Lineage:
    """Resolver for the bases of classes.

    Args:
        base: the required class, by name or dotted with its module.
        external: patterns of names outside the sources that count as derived from it.
    """

    __slots__ = ("_base", "_external", "_module", "_sees", "_steps")

    def __init__(self, sees: SourceView, base: str, external: tuple[str, ...]) -> None:
        self._sees = sees
        self._module, _, self._base = base.rpartition(".")
        self._external = external
        self._steps = 0

    def lost(self, start: Defined) -> tuple[Lost, ...]:
        """Return the ends of all chains of a class, or nothing if one of them reaches the base."""
        self._steps = 0
        ends: list[Lost] = []
        seen: set[tuple[str, str]] = set()
        pending = [start]
        while pending:
            here = pending.pop()
            key = (here.file.path, f"{here.outline.qualified}:{here.outline.line}")
            if key in seen:
                continue
            seen.add(key)
            if self._is_base(here):
                return ()
            if not here.outline.bases:
                ends.append(Lost(here, "", ""))
            for written in here.outline.bases:
                led = False
                for target in self._resolve(here.file, here.outline, written):
                    led = True
                    if isinstance(target, Defined):
                        pending.append(target)
                    elif self._ends_well(target.dotted):
                        return ()
                    else:
                        ends.append(Lost(here, written, target.dotted))
                if not led:
                    ends.append(Lost(here, written, ""))
        return tuple(dict.fromkeys(ends)) or (Lost(start, start.outline.bases[0], ""),)  # a cycle

    def _is_base(self, here: Defined) -> bool:
        if here.outline.name != self._base:
            return False
        return not self._module or self._module in self._sees.names_of(here.file)

    def _ends_well(self, dotted: str) -> bool:
        return dotted.rpartition(".")[2] == self._base or matches(dotted, self._external)

    def _resolve(
        self, file: SourceFile, outline: ClassOutline, written: str
    ) -> Iterator[Defined | UnresolvedBase]:
        """Return the objects that a base may refer to at its position."""
        if not written:
            return
        first, _, rest = written.partition(".")
        scope = outline.qualified.rpartition(".")[0]
        while scope:
            inner = [*_classes(file, f"{scope}.{first}", outline)]
            if inner:
                yield from self._into(inner, rest)
                return
            scope = scope.rpartition(".")[0]
        yield from self._named(file, written, outline, frozenset(), anywhere=True)

    def _named(
        self,
        file: SourceFile,
        dotted: str,
        but: ClassOutline | None,
        seen: frozenset[tuple[str, str]],
        *,
        anywhere: bool,
    ) -> Iterator[Defined | UnresolvedBase]:
        """Return the objects of a dotted name in a module."""
        self._steps += 1
        key = (file.path, dotted)
        if file.outline is None or key in seen or self._steps > _MAX_STEPS:
            return
        seen |= {key}
        first, _, rest = dotted.partition(".")
        bound = False
        for item in _classes(file, first, but):
            bound = True
            yield from self._into([item], rest)
        for binding in file.outline.bindings:
            if binding.name == first and binding.stands_for:
                bound = True
                further = f"{binding.stands_for}.{rest}" if rest else binding.stands_for
                yield from self._named(file, further, but, seen, anywhere=anywhere)
        for imported in file.outline.imports:
            if (imported.at_top or anywhere) and _bound_name(imported) == first:
                bound = True
                yield from self._imported(file, imported, rest, seen)
        if bound:
            return
        for imported in file.outline.imports:
            if imported.name == "*":
                yield from self._from_star(file, imported, dotted, seen)

    def _imported(
        self, file: SourceFile, imported: ImportOutline, rest: str, seen: frozenset[tuple[str, str]]
    ) -> Iterator[Defined | UnresolvedBase]:
        module = _absolute(file, imported)
        if imported.name:
            yield from self._object(module, f"{imported.name}.{rest}" if rest else imported.name, seen)
        elif imported.alias:
            yield from self._object(module, rest, seen)
        else:  # `import a.b` binds `a`, and what is written after it names the module too
            first = module.partition(".")[0]
            yield from self._object(first, rest, seen)

    def _object(
        self, module: str, rest: str, seen: frozenset[tuple[str, str]]
    ) -> Iterator[Defined | UnresolvedBase]:
        """Return the objects of a name in a module, which may itself be a package."""
        if not rest or not module:
            return
        file = self._sees.module(module)
        if file is not None and _binds(file, rest.partition(".")[0]):
            yield from self._named(file, rest, None, seen, anywhere=False)
            return
        first, _, further = rest.partition(".")
        below = f"{module}.{first}"
        if further and self._sees.has_package(below):
            yield from self._object(below, further, seen)
        elif file is not None:
            yield from self._named(file, rest, None, seen, anywhere=False)
        elif not self._sees.has_package(module):
            yield UnresolvedBase(f"{module}.{rest}")

    def _from_star(
        self, file: SourceFile, imported: ImportOutline, dotted: str, seen: frozenset[tuple[str, str]]
    ) -> Iterator[Defined | UnresolvedBase]:
        module = _absolute(file, imported)
        source = self._sees.module(module)
        if source is not None:
            yield from self._named(source, dotted, None, seen, anywhere=False)
        elif dotted == self._base or matches(f"{module}.{dotted}", self._external):
            yield UnresolvedBase(f"{module}.{dotted}")

    def _into(self, candidates: Iterable[Defined], rest: str) -> Iterator[Defined | UnresolvedBase]:
        """Return the classes, or the nested classes selected by the rest of a name."""
        for item in candidates:
            if rest:
                yield from _classes(item.file, f"{item.outline.qualified}.{rest}", None)
            else:
                yield item


def matches(dotted: str, patterns: Iterable[str]) -> bool:
    """Return whether a dotted name, or its last part, matches one of some patterns.

    Args:
        dotted: e.g. ``sagemaker.workflow.Step``.
        patterns: with ``*`` and ``?``, as in file names.
    """
    last = dotted.rpartition(".")[2]
    return any(fnmatchcase(dotted, pattern) or fnmatchcase(last, pattern) for pattern in patterns)


def module_defines(sees: SourceView, file: SourceFile, name: str) -> bool:
    """Return whether a module defines or imports a name, or may import it by ``*``."""
    pending, seen = [file], set[str]()
    while pending:
        here = pending.pop()
        if here.path in seen:
            continue
        seen.add(here.path)
        if here.outline is None or _binds(here, name):
            return True  # unparsable files are reported separately
        for imported in here.outline.imports:
            if imported.name == "*" and imported.at_top:
                source = sees.module(_absolute(here, imported))
                if source is None:
                    return True
                pending.append(source)
    return False


def _classes(file: SourceFile, qualified: str, but: ClassOutline | None) -> Iterator[Defined]:
    for item in file.outline.classes if file.outline is not None else ():
        if item.qualified == qualified and item is not but:
            yield Defined(file, item)


def _binds(file: SourceFile, name: str) -> bool:
    outline = file.outline
    if outline is None:
        return False
    return (
        any(item.qualified == name for item in outline.classes)
        or any(binding.name == name for binding in outline.bindings)
        or any(item.at_top and _bound_name(item) == name for item in outline.imports)
    )


def _bound_name(imported: ImportOutline) -> str:
    if imported.alias:
        return imported.alias
    return imported.name or imported.module.partition(".")[0]


def _absolute(file: SourceFile, imported: ImportOutline) -> str:
    """Return the absolute dotted name of an imported module."""
    if not imported.level:
        return imported.module
    own = file.path.removesuffix(".py").split("/")  # from the project: that is always one of its names
    package = own[: -imported.level] if imported.level < len(own) else []
    return ".".join((*package, *((imported.module,) if imported.module else ())))
