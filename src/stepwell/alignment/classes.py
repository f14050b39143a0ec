"""Class statements and their bases, as far as the sources can be seen."""

from __future__ import annotations

import ast
from typing import Final, NamedTuple, final

from stepwell.alignment.attributes import MODELS, OF_NAMED_BASES, attributes_of, statements_of
from stepwell.alignment.inheriting import Outside, bases_of
from stepwell.alignment.reading import Parsed, Reader
from stepwell.model.component import CodePlace
from stepwell.model.layer import Layer
from stepwell.source.python import SourceView

__all__ = ["Class", "Family", "class_at", "family_of"]

_MAX_CLASSES: Final = 200
_EMPTY: Final = frozenset({"object", "ABC", "Generic", "Protocol", *OF_NAMED_BASES})
"""Classes of the standard library of which it is known what they bring."""


@final
class Class(NamedTuple):
    """One class statement in its file."""

    parsed: Parsed
    node: ast.ClassDef


@final
class Family(NamedTuple):
    """A class with all its bases, nearest first, whether none is out of sight, and what those bring."""

    classes: tuple[Class, ...]
    whole: bool
    is_model: bool
    brought: frozenset[str]

    def attributes(self) -> frozenset[str] | None:
        """What an instance has; ``None`` where that cannot be told."""
        if not self.whole:
            return None
        return attributes_of((one.node for one in self.classes), self.brought, model=self.is_model)


def class_at(reader: Reader, place: CodePlace) -> Class | None:
    """The class statement at a place; ``None`` where there is none, or it cannot be read.

    Args:
        reader: reads the files.
        place: the class.
    """
    if place.module or place.name is None:  # an installed package's file is no file of the project
        return None
    parsed = reader.parsed(place.path)
    if not isinstance(parsed, Parsed):
        return None
    body: list[ast.stmt] = parsed.tree.body
    found: ast.ClassDef | None = None
    for part in place.name.split("."):
        named = [one for one in statements_of(body) if isinstance(one, ast.ClassDef) and one.name == part]
        found = named[-1] if named else None
        if found is None:
            return None
        body = found.body
    return None if found is None else Class(parsed, found)


def family_of(reader: Reader, sees: SourceView, start: Class) -> Family:
    """A class with all its bases.

    Args:
        reader: reads the files.
        sees: the sources in which bases are followed.
        start: the class.
    """
    found: list[Class] = []
    whole, is_model = True, False
    brought: set[str] = set()
    seen: set[tuple[str, int]] = set()
    pending = [start]
    while pending and len(found) < _MAX_CLASSES:
        here = pending.pop(0)
        key = (here.parsed.path, here.node.lineno)
        if key in seen:
            continue
        seen.add(key)
        found.append(here)
        whole = whole and not any(word.arg not in ("metaclass", None) for word in here.node.keywords)
        for base in here.node.bases:
            for target in bases_of(sees, here.parsed.path, base):
                if isinstance(target, Outside):
                    last = target.dotted.rpartition(".")[2]
                    is_model = is_model or target.dotted in MODELS
                    whole = whole and (last in _EMPTY or target.dotted in MODELS)
                    brought.update(OF_NAMED_BASES.get(last, ()))
                    continue
                place = CodePlace(target.file.path, target.outline.qualified, 1, 1, Layer.CORE)
                below = class_at(reader, place)
                if below is None:
                    whole = False
                else:
                    pending.append(below)
    return Family(tuple(found), whole and not pending, is_model, frozenset(brought))
