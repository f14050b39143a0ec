"""Evaluates the module-level statements that build tables, in order."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final, final

from stepwell.source.diagnostic import Diagnostic, Severity
from stepwell.source.document import Stretch
from stepwell.source.python.class_members import DictReader, Member, Members, describe, text_of
from stepwell.source.python.parse import PythonSource
from stepwell.source.python.table import METADATA, TABLES

__all__ = ["Module", "follow"]

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
        self.found: list[Diagnostic] = []

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
            self.found.append(self.reader.refused(target, "unpacking of a table is not supported"))

    def _bind(self, target: ast.Name, value: ast.expr) -> None:
        name, place = target.id, self.reader.source.stretch(target)
        members = self.reader.members(value)
        before = self.reader.known.pop(name, None)
        if members is not None:
            self.reader.known[name] = members
        elif name in _WANTED:
            words = f"`{name}` is {describe(value)}, which is not evaluated, so the table is skipped"
            self.found.append(self.reader.refused(value, words, "write the table as a dict of literals"))
        kept = members.entries.keys() if members is not None else ()
        if name in _WANTED and before is not None and before.entries.keys() - kept:
            words = f"`{name}` is reassigned here; its previous value is discarded"
            self.found.append(self._remark_on("replaced-entry", Severity.INFO, words, place))
        self.bound[name] = place

    def _set(self, target: ast.Subscript, value: ast.expr, line: int) -> None:
        holder = self.reader.members(target.value)
        key = text_of(target.slice)
        if holder is None or key is None:
            if _root(target) in _WANTED:
                words = "an entry with a computed key is set here, which is not evaluated"
                self.found.append(self.reader.refused(target, words))
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
            self.found.append(self.reader.refused(call, words, _MAKE_IT_PLAIN))

    def _update(self, target: ast.expr, given: Members | None, shown: ast.expr) -> None:
        holder = self.reader.members(target)
        wanted = _root(target) in _WANTED
        if given is None or holder is None:
            if wanted:
                words = f"the table is updated from {describe(shown)} here, which is not evaluated"
                self.found.append(self.reader.refused(shown, words, _MAKE_IT_PLAIN))
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
                self.found.append(
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
                    self.found.append(self._remark_on("changed-at-run-time", Severity.INFO, words, stretch))
                else:
                    words = (
                        f"`{_root(place)}` is changed under a condition or in a loop, which is not evaluated"
                    )
                    self.found.append(self.reader.refused(place, words, _MAKE_IT_PLAIN))

    def _report_replaced(self, holder: Members, key: str, place: Stretch) -> None:
        if key in holder.entries:
            words = f"entry `{key}` is replaced here; the last value is used, as in Python"
            self.found.append(self._remark_on("replaced-entry", Severity.INFO, words, place))

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
