"""Evaluates the dict literals of a module statically, statement by statement."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, final

from stepwell.source.diagnostic import Diagnostic, Related, Severity
from stepwell.source.document import Stretch
from stepwell.source.immutable import record
from stepwell.source.python.parse import PythonSource

__all__ = ["MAX_DEPTH", "DictReader", "Member", "Members", "describe"]

MAX_DEPTH: Final = 64


@final
@record
class Member:
    """One entry of a dict.

    Args:
        place: position of the key.
        value: expression of the value.
        inner: the entries, if the value is a dict.
    """

    key: str
    place: Stretch
    value: ast.expr
    inner: Members | None
    lines: tuple[int, int]


@final
@dataclass(slots=True)
class Members:
    """A dict while its module is evaluated; several names may refer to it.

    Args:
        entries: entries by key, in order.
    """

    entries: dict[str, Member] = field(default_factory=dict)
    findings: list[Diagnostic] = field(default_factory=list)

    def take(self, other: Members) -> None:
        """Copy the current entries of another dict."""
        self.entries.update(other.entries)
        self.findings = list(dict.fromkeys((*self.findings, *other.findings)))


@final
class DictReader:
    """Evaluates dict expressions, including names of known dicts."""

    def __init__(self, source: PythonSource) -> None:
        self.source = source
        self.known: dict[str, Members] = {}
        self.used: set[str] = set()

    def members(self, node: ast.expr, depth: int = 0) -> Members | None:
        """Return the entries of a dict expression; ``None`` for other expressions."""
        if depth > MAX_DEPTH:
            return None
        if isinstance(node, ast.Dict):
            return self._display(node, depth)
        if isinstance(node, ast.Name):
            self.used.add(node.id)
            return self.known.get(node.id)
        if isinstance(node, ast.Subscript):
            holder = self.members(node.value, depth + 1)
            key = text_of(node.slice)
            member = holder.entries.get(key) if holder is not None and key is not None else None
            return member.inner if member is not None else None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self._joined((node.left, node.right), depth)
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id == "dict":
                return self.arguments(node, depth)
            if _is_copy(node):
                return self._joined((node.func.value,), depth)  # type: ignore[attr-defined]
        return None

    def arguments(self, call: ast.Call, depth: int = 0) -> Members | None:
        """Return the entries passed to ``dict(...)`` or ``table.update(...)``."""
        if len(call.args) > 1 or any(isinstance(arg, ast.Starred) for arg in call.args):
            return None
        result = self._joined(call.args, depth)
        if result is None:
            return None
        last = call.func.end_lineno or call.lineno
        for keyword in call.keywords:
            if keyword.arg is None:
                self._spread(result, keyword.value, depth)
            else:
                place = self.source.key_stretch(keyword)
                self._put(result, keyword.arg, place, keyword.value, (keyword.lineno, last), depth)
            last = keyword.value.end_lineno or last
        return result

    def member(self, key: str, place: Stretch, value: ast.expr, first: int, depth: int = 0) -> Member:
        """Return an entry with its comments."""
        return Member(key, place, value, self.members(value, depth + 1), (first, value.end_lineno or first))

    def refused(self, node: ast.expr, words: str, help_text: str | None = None) -> Diagnostic:
        """Return a finding about an expression that cannot be evaluated."""
        span = self.source.span(self.source.stretch(node))
        return Diagnostic("not-literal", Severity.ERROR, words, span, help_text or _WRITE_IT_OUT)

    def _joined(self, parts: tuple[ast.expr, ...] | list[ast.expr], depth: int) -> Members | None:
        result = Members()
        for part in parts:
            held = self.members(part, depth + 1)
            if held is None:
                return None
            result.take(held)
        return result

    def _display(self, node: ast.Dict, depth: int) -> Members:
        result = Members()
        last = node.lineno
        written: dict[str, Stretch] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                self._spread(result, value, depth)
            elif (word := text_of(key)) is None:
                words = f"a key is {describe(key)}, not a string, so its entry is skipped"
                result.findings.append(self.refused(key, words))
            else:
                place = self.source.stretch(key)
                if word in written:
                    result.findings.append(self._repeated(word, written[word], place))
                written[word] = place
                self._put(result, word, place, value, (key.lineno, last), depth)
            last = value.end_lineno or last
        return result

    def _put(
        self, into: Members, key: str, place: Stretch, value: ast.expr, lines: tuple[int, int], depth: int
    ) -> None:
        own, before = lines
        into.entries[key] = self.member(key, place, value, own if own == before else before + 1, depth)

    def _spread(self, into: Members, node: ast.expr, depth: int) -> None:
        held = self.members(node, depth + 1)
        if held is None:
            into.findings.append(
                self.refused(node, f"the operand of `**` is {describe(node)}, so it is skipped")
            )
        else:
            into.take(held)

    def _repeated(self, key: str, first: Stretch, place: Stretch) -> Diagnostic:
        return Diagnostic(
            "repeated-key",
            Severity.WARNING,
            f"duplicate key `{key}`; the last value is used, as in Python",
            self.source.span(place),
            "remove the key that is not intended",
            (Related("first written", self.source.span(first)),),
        )


_WRITE_IT_OUT: Final = "write the value out, or add it to the definition by hand"
_WORDS: Final[tuple[tuple[type[ast.expr] | tuple[type[ast.expr], ...], str], ...]] = (
    (ast.Call, "a call"),
    ((ast.Name, ast.Attribute), "a name"),
    (ast.Subscript, "a look-up"),
    (ast.JoinedStr, "an f-string"),
    ((ast.DictComp, ast.ListComp, ast.SetComp, ast.GeneratorExp), "a comprehension"),
    (ast.IfExp, "a condition"),
    (ast.Lambda, "a function"),
    (ast.Dict, "a dict"),
    ((ast.List, ast.Tuple), "a list"),
    (ast.Set, "a set"),
)


def describe(node: ast.expr) -> str:
    """Return the kind of an expression for a message."""
    if isinstance(node, ast.Constant):
        return _kind_of(node.value)
    return next((words for kind, words in _WORDS if isinstance(node, kind)), "an expression")


def _kind_of(value: object) -> str:
    if value is None:
        return "None"
    return {str: "text", bool: "a boolean", int: "a number", float: "a number", bytes: "bytes"}.get(
        type(value), "a literal of Python's own"
    )


def text_of(node: ast.expr) -> str | None:
    """Return the value of a string expression, possibly joined by ``+``; ``None`` for others."""
    pieces: list[str] = []
    for part in _summands(node):
        if not isinstance(part, ast.Constant) or not isinstance(part.value, str):
            return None
        pieces.append(part.value)
    return "".join(pieces)


def _summands(node: ast.expr) -> Iterator[ast.expr]:
    waiting = [node]
    while waiting:
        summand = waiting.pop()
        if isinstance(summand, ast.BinOp) and isinstance(summand.op, ast.Add):
            waiting += (summand.right, summand.left)
        else:
            yield summand


def _is_copy(call: ast.Call) -> bool:
    named = isinstance(call.func, ast.Attribute) and call.func.attr == "copy"
    return named and not call.args and not call.keywords
