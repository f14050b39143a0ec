"""What the attributes of a class are set to where it is written, read as text."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from stepwell.alignment.attributes import statements_of
from stepwell.alignment.classes import class_at, family_of
from stepwell.alignment.reading import Reader
from stepwell.model.component import CodePlace
from stepwell.source.python import SourceView

__all__ = ["defaults_of"]

_NO_LITERAL: Final = object()
_FIELDS: Final = frozenset({"Field", "field"})
"""The functions of pydantic, dataclasses and attrs that are told a default."""


def defaults_of(reader: Reader, sees: SourceView, place: CodePlace) -> Mapping[str, Any]:
    """The literals that a class and its bases set their attributes to, by name; the nearest counts.

    Args:
        reader: reads the files.
        sees: the sources in which bases are followed.
        place: the class.
    """
    found: dict[str, Any] = {}
    start = class_at(reader, place)
    for one in family_of(reader, sees, start).classes if start is not None else ():
        own = dict(_assigned(one.node))
        found.update((name, value) for name, value in own.items() if name not in found)
    return MappingProxyType({name: value for name, value in found.items() if value is not _NO_LITERAL})


def _assigned(node: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    for statement in statements_of(node.body):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            if statement.value is not None:
                yield statement.target.id, _literal(statement.value)
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    yield target.id, _literal(statement.value)


def _literal(value: ast.expr) -> Any:
    if isinstance(value, ast.Call):
        called = value.func.attr if isinstance(value.func, ast.Attribute) else value.func
        name = called.id if isinstance(called, ast.Name) else called
        told = [word.value for word in value.keywords if word.arg == "default"]
        given = told or (value.args[:1] if name == "Field" else [])
        return _literal(given[0]) if name in _FIELDS and given else _NO_LITERAL
    try:
        return ast.literal_eval(value)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return _NO_LITERAL
