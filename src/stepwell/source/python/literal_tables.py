"""Reads the tables of a legacy Python registry as documents."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any, Final, final

from stepwell.source.diagnostic import Diagnostic, Severity, in_order
from stepwell.source.document import Document, Pointer, Stretch, TextMap
from stepwell.source.python.class_members import MAX_DEPTH, DictReader, Member, Members, describe, text_of
from stepwell.source.python.parse import PythonSource, read_source
from stepwell.source.python.statements import follow
from stepwell.source.python.table import (
    HYPERPARAMETERS,
    LEGACY_FIELDS,
    METADATA,
    TABLES,
    LegacyTables,
    Remark,
    Table,
    TableRow,
)

__all__ = ["read_tables"]

_MOST_VALUES: Final = 10_000
_INTEGERS: Final = range(-(2**63), 2**63)


class _NotLiteral(Exception):
    """Expression that cannot be evaluated statically, or a value that a file cannot represent."""

    def __init__(self, node: ast.expr, what: str) -> None:
        super().__init__(what)
        self.node = node
        self.what = what


def read_tables(path: str, content: bytes) -> LegacyTables | Diagnostic:
    """Read the tables of a legacy registry module without running it.

    Returns:
        The tables, or the finding that explains the failure.
    """
    source = read_source(path, content)
    if isinstance(source, Diagnostic):
        return source
    try:
        module = follow(source)
    except RecursionError:
        message = "the file is nested too deeply"
        return Diagnostic("too-deeply-nested", Severity.ERROR, message, source.span((0, 0)), "flatten it")
    found = [*module.found, *module.unused()]
    tables: dict[str, Table] = {}
    metadata = None
    for name in (*TABLES, METADATA):
        members = module.reader.known.get(name)
        if members is None:
            continue
        found += members.found
        if name == METADATA:
            metadata, lost = _document(members, _Places(module.reader), METADATA)
            found += lost
        else:
            rows = tuple(_rows(name, members, module.reader, found))
            tables[name] = Table(name, rows, source.span(module.bound[name]))
    others = {
        name: Table(name, tuple(_rows(name, members, module.reader, [])), source.span(module.bound[name]))
        for name, members in module.reader.known.items()
        if name not in (*TABLES, METADATA) and _has_complete_rows(members)
    }
    return LegacyTables(path, MappingProxyType(tables), metadata, in_order(found), MappingProxyType(others))


def _has_complete_rows(members: Members) -> bool:
    """Return whether every entry has the fields of a step, except its description."""
    rows = [member.inner for member in members.entries.values()]
    wanted = frozenset(LEGACY_FIELDS[:-1])
    return bool(rows) and all(row is not None and wanted <= row.entries.keys() for row in rows)


def _rows(table: str, members: Members, reader: DictReader, found: list[Diagnostic]) -> Iterator[TableRow]:
    for name, member in members.entries.items():
        if member.inner is None:
            words = f"entry `{name}` of {table} is {describe(member.value)}, not a dict of fields"
            found.append(reader.refused(member.value, f"{words}, so it is skipped"))
            continue
        places = _Places(reader)
        places.keys["name",] = places.values["name",] = member.place
        document, dropped = _document(member.inner, places, f"`{name}`", table, name)
        remarks = tuple(_remarks(reader.source, member, member.inner, document))
        yield TableRow(name, document, remarks, (*member.inner.found, *dropped))


def _document(
    members: Members, places: _Places, whose: str, table: str = "", name: str = ""
) -> tuple[Document, tuple[Diagnostic, ...]]:
    data: dict[str, Any] = {"name": name} if table else {}
    dropped: list[Diagnostic] = []
    same = {"name", "class_name"} if table == HYPERPARAMETERS else {"name"} if table else set()
    for key, member in members.entries.items():
        try:
            value = places.value(member, (key,))
        except _NotLiteral as refused:
            words = f"`{key}` of {whose} is {refused.what}, so it is skipped"
            dropped.append(places.reader.refused(refused.node, words))
            continue
        if key in same:
            if value != name:
                words = f"`{key}` of {whose} differs from the entry's key; the key is used"
                dropped.append(places.reader.refused(member.value, words, "make the two equal"))
        elif value is not None or (key in LEGACY_FIELDS and table != HYPERPARAMETERS):
            data[key] = value
            places.keys[key,] = member.place
    text_map = TextMap(MappingProxyType(places.keys), MappingProxyType(places.values))
    source = places.reader.source
    return Document(source.path, source.text, MappingProxyType(data), lambda _: text_map), tuple(dropped)


@final
class _Places:
    """Evaluates expressions and records their positions."""

    def __init__(self, reader: DictReader) -> None:
        self.reader = reader
        self.keys: dict[Pointer, Stretch] = {}
        self.values: dict[Pointer, Stretch] = {}

    def value(self, member: Member, pointer: Pointer) -> Any:
        """Return the value of an entry.

        Raises:
            _NotLiteral: it cannot be evaluated statically.
        """
        if member.inner is None:
            return self._plain(member.value, pointer)
        self._note(member.value, pointer)
        if member.inner.found:
            raise _NotLiteral(member.value, "a dict that cannot be read whole")
        return self._mapping(member.inner, pointer)

    def _mapping(self, members: Members, pointer: Pointer) -> Any:
        data: dict[str, Any] = {}
        for key, member in members.entries.items():
            inner = (*pointer, key)
            self.keys[inner] = member.place
            data[key] = self.value(member, inner)
        return MappingProxyType(data)

    def _plain(self, node: ast.expr, pointer: Pointer) -> Any:
        self._note(node, pointer)
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            return tuple(self._plain(item, (*pointer, place)) for place, item in enumerate(node.elts))
        if isinstance(node, ast.Dict):
            members = self.reader.members(node, len(pointer))
            if members is None or members.found:
                raise _NotLiteral(node, "a dict that cannot be read whole")
            return self._mapping(members, pointer)
        if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
            return _number(node, node.operand.value)
        if isinstance(node, ast.Constant) and not isinstance(node.value, str):
            if isinstance(node.value, (bool, type(None))):
                return node.value
            return _number(node, node.value)
        text = text_of(node)
        if text is None:
            raise _NotLiteral(node, f"{describe(node)}, not a literal")
        if not text.isascii() and any("\ud800" <= item <= "\udfff" for item in text):
            raise _NotLiteral(node, "a string with a lone surrogate")
        return text

    def _note(self, node: ast.expr, pointer: Pointer) -> None:
        # A dict may hold itself, and several names may refer to one dict.
        if len(pointer) > MAX_DEPTH:
            raise _NotLiteral(node, f"nested more than {MAX_DEPTH} levels deep")
        if len(self.values) >= _MOST_VALUES:
            raise _NotLiteral(node, f"part of an entry with more than {_MOST_VALUES} values")
        self.values[pointer] = self.reader.source.stretch(node)


def _number(node: ast.expr, value: object) -> int | float:
    sign = 1
    if isinstance(node, ast.UnaryOp):
        if isinstance(value, bool) or not isinstance(node.op, (ast.USub, ast.UAdd)):
            raise _NotLiteral(node, "an expression, not a literal")
        sign = -1 if isinstance(node.op, ast.USub) else 1
    if isinstance(value, (int, float)):
        number = sign * value
        if isinstance(number, int) and number in _INTEGERS:
            return number
        if isinstance(number, float) and math.isfinite(number):
            return number
        raise _NotLiteral(node, "a number that cannot be represented exactly")
    raise _NotLiteral(node, f"{describe(node)}, not a literal")


def _remarks(source: PythonSource, entry: Member, fields: Members, document: Document) -> Iterator[Remark]:
    """Return the comments of an entry with the fields that they belong to."""
    first, last = entry.lines
    own = {}
    for key, member in fields.entries.items():
        if key in document.data and first <= member.lines[0] and member.lines[1] <= last:
            own.update(dict.fromkeys(range(member.lines[0], member.lines[1] + 1), key))
    for line, text in source.comments_within(first, last):
        if text:
            yield Remark(text, own.get(line, ""))
