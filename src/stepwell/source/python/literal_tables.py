"""Reads the tables of a legacy Python registry as documents."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any, Final, final

from stepwell.source.diagnostic import Diagnostic, Severity, in_order
from stepwell.source.document import Document, Pointer, Stretch, TextMap
from stepwell.source.legacy_table import (
    HYPERPARAMETERS,
    LEGACY_FIELDS,
    METADATA,
    TABLES,
    LegacyTables,
    Remark,
    Table,
    TableRow,
)
from stepwell.source.python.class_members import MAX_DEPTH, DictReader, Member, Members, describe, text_of
from stepwell.source.python.parse import PythonSource, read_source

__all__ = ["Module", "follow", "read_tables"]

_WANTED: Final = frozenset({*TABLES, METADATA})
_DERIVED: Final = frozenset({"CONFIG_STEP_REGISTRY", "BUILDER_STEP_NAMES", "SPEC_STEP_TYPES"})
"""Tables that every legacy registry derives from ``STEP_NAMES``."""

_CHANGES: Final = frozenset({"update", "setdefault", "pop", "popitem", "clear", "__setitem__"})
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


@final
class Module:
    """State of a module's dicts during evaluation.

    Args:
        reader: evaluates expressions and knows the dicts.
    """

    def __init__(self, reader: DictReader) -> None:
        self.reader = reader
        self.bound: dict[str, Stretch] = {}
        self.findings: list[Diagnostic] = []

    def run(self, statement: ast.stmt) -> None:
        """Evaluate one top-level statement."""
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                self._assign(target, statement.value, statement.lineno)
        elif isinstance(statement, ast.AnnAssign):
            if statement.value is not None:
                self._assign(statement.target, statement.value, statement.lineno)
        elif isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.BitOr):
            self._update(statement.target, self.reader.members(statement.value), statement.value)
        elif isinstance(statement, ast.Delete):
            for target in statement.targets:
                self._delete(target)
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            self._call(statement.value)
        else:
            self._look_inside(statement)

    def unused(self) -> Iterator[Diagnostic]:
        """Report dicts that look like a table but are unknown."""
        for name, members in self.reader.known.items():
            public = name.isupper() and name[0] != "_"
            if members.entries and public and name not in _WANTED | _DERIVED | self.reader.used:
                words = f"unknown table `{name}`, so it is skipped"
                yield self._remark_on("unknown-table", Severity.INFO, words, self.bound[name])

    def _assign(self, target: ast.expr, value: ast.expr, line: int) -> None:
        if isinstance(target, ast.Name):
            self._bind(target, value)
        elif isinstance(target, ast.Subscript):
            self._set(target, value, line)
        elif any(isinstance(item, ast.Name) and item.id in _WANTED for item in ast.walk(target)):
            self.findings.append(self.reader.refused(target, "unpacking of a table is not supported"))

    def _bind(self, target: ast.Name, value: ast.expr) -> None:
        name, place = target.id, self.reader.source.stretch(target)
        members = self.reader.members(value)
        before = self.reader.known.pop(name, None)
        if members is not None:
            self.reader.known[name] = members
        elif name in _WANTED:
            words = f"`{name}` is {describe(value)}, which is not evaluated, so the table is skipped"
            self.findings.append(self.reader.refused(value, words, "write the table as a dict of literals"))
        kept = members.entries.keys() if members is not None else ()
        if name in _WANTED and before is not None and before.entries.keys() - kept:
            words = f"`{name}` is reassigned here; its previous value is discarded"
            self.findings.append(self._remark_on("replaced-entry", Severity.INFO, words, place))
        self.bound[name] = place

    def _set(self, target: ast.Subscript, value: ast.expr, line: int) -> None:
        holder = self.reader.members(target.value)
        key = text_of(target.slice)
        if holder is None or key is None:
            if _root(target) in _WANTED:
                words = "an entry with a computed key is set here, which is not evaluated"
                self.findings.append(self.reader.refused(target, words))
            return
        place = self.reader.source.stretch(target.slice)
        first = self.reader.source.first_line_above(line)
        if _root(target) in _WANTED and isinstance(target.value, ast.Name):
            self._report_replaced(holder, key, place)
        member = self.reader.member(key, place, value, first)
        earlier = holder.entries.get(key)
        if earlier is not None and isinstance(target.value, ast.Subscript):
            member = Member(key, place, value, member.inner, earlier.lines)
        holder.entries[key] = member

    def _call(self, call: ast.Call) -> None:
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in _CHANGES:
            return
        target = call.func.value
        if call.func.attr == "update":
            self._update(target, self.reader.arguments(call), call)
        elif _root(target) in _WANTED:
            words = f"`{call.func.attr}` changes the table here, which is not evaluated"
            self.findings.append(self.reader.refused(call, words, _MAKE_IT_PLAIN))

    def _update(self, target: ast.expr, given: Members | None, shown: ast.expr) -> None:
        holder = self.reader.members(target)
        wanted = _root(target) in _WANTED
        if given is None or holder is None:
            if wanted:
                words = f"the table is updated from {describe(shown)} here, which is not evaluated"
                self.findings.append(self.reader.refused(shown, words, _MAKE_IT_PLAIN))
            return
        if wanted and isinstance(target, ast.Name):
            for key, member in given.entries.items():
                self._report_replaced(holder, key, member.place)
        holder.take(given)

    def _delete(self, target: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.reader.known.pop(target.id, None)
        elif isinstance(target, ast.Subscript):
            holder, key = self.reader.members(target.value), text_of(target.slice)
            if holder is not None and key is not None:
                holder.entries.pop(key, None)
            elif _root(target) in _WANTED:
                self.findings.append(
                    self.reader.refused(target, "an entry is deleted here, which is not evaluated")
                )

    def _look_inside(self, statement: ast.stmt) -> None:
        """Report changes of a table under conditions, in loops or in functions."""
        later = isinstance(statement, _FUNCTIONS)
        for node in ast.walk(statement):
            if not isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Delete, ast.Call)):
                continue
            for place in _changed_by(node, bound_counts=not later):
                if later:
                    words = f"`{_root(place)}` is changed when this code is called, which is not evaluated"
                    stretch = self.reader.source.stretch(place)
                    self.findings.append(
                        self._remark_on("changed-at-run-time", Severity.INFO, words, stretch)
                    )
                else:
                    words = (
                        f"`{_root(place)}` is changed under a condition or in a loop, which is not evaluated"
                    )
                    self.findings.append(self.reader.refused(place, words, _MAKE_IT_PLAIN))

    def _report_replaced(self, holder: Members, key: str, place: Stretch) -> None:
        if key in holder.entries:
            words = f"entry `{key}` is replaced here; the last value is used, as in Python"
            self.findings.append(self._remark_on("replaced-entry", Severity.INFO, words, place))

    def _remark_on(self, rule: str, severity: Severity, words: str, place: Stretch) -> Diagnostic:
        return Diagnostic(rule, severity, words, self.reader.source.span(place))


_MAKE_IT_PLAIN: Final = "write the entries in the table itself, or add them by hand"


def follow(source: PythonSource) -> Module:
    """Evaluate a module from its first statement to its last."""
    module = Module(DictReader(source))
    for statement in source.tree.body:
        module.run(statement)
    return module


def _changed_by(node: ast.AST, *, bound_counts: bool) -> Iterator[ast.expr]:
    targets: list[ast.expr] = []
    if isinstance(node, (ast.Assign, ast.Delete)):
        targets = node.targets
    elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
        targets = [node.target]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        targets = [node.func.value] if node.func.attr in _CHANGES else []
        bound_counts = True
    for target in targets:
        if _root(target) in _WANTED and (bound_counts or not isinstance(target, ast.Name)):
            yield target


def _root(node: ast.expr) -> str | None:
    while isinstance(node, ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


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
    findings = [*module.findings, *module.unused()]
    tables: dict[str, Table] = {}
    metadata = None
    for name in (*TABLES, METADATA):
        members = module.reader.known.get(name)
        if members is None:
            continue
        findings += members.findings
        if name == METADATA:
            metadata, lost = _document(members, _Places(module.reader), METADATA)
            findings += lost
        else:
            rows = tuple(_rows(name, members, module.reader, findings))
            tables[name] = Table(name, rows, source.span(module.bound[name]))
    others = {
        name: Table(name, tuple(_rows(name, members, module.reader, [])), source.span(module.bound[name]))
        for name, members in module.reader.known.items()
        if name not in (*TABLES, METADATA) and _has_complete_rows(members)
    }
    return LegacyTables(
        path, MappingProxyType(tables), metadata, in_order(findings), MappingProxyType(others)
    )


def _has_complete_rows(members: Members) -> bool:
    """Return whether every entry has the fields of a step, except its description."""
    rows = [member.inner for member in members.entries.values()]
    wanted = frozenset(LEGACY_FIELDS[:-1])
    return bool(rows) and all(row is not None and wanted <= row.entries.keys() for row in rows)


def _rows(table: str, members: Members, reader: DictReader, findings: list[Diagnostic]) -> Iterator[TableRow]:
    for name, member in members.entries.items():
        if member.inner is None:
            words = f"entry `{name}` of {table} is {describe(member.value)}, not a dict of fields"
            findings.append(reader.refused(member.value, f"{words}, so it is skipped"))
            continue
        places = _Places(reader)
        places.keys["name",] = places.values["name",] = member.place
        document, dropped = _document(member.inner, places, f"`{name}`", table, name)
        remarks = tuple(_remarks(reader.source, member, member.inner, document))
        yield TableRow(name, document, remarks, (*member.inner.findings, *dropped))


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
        if member.inner.findings:
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
            if members is None or members.findings:
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
