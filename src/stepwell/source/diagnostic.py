"""Findings about users' files, their locations and order."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from enum import Enum
from typing import Any, Final, Generic, Literal, TypeVar, cast, final

from stepwell.source.immutable import InNotebook, record
from stepwell.source.wording import counted

__all__ = [
    "Checked",
    "Diagnostic",
    "Fix",
    "Related",
    "Severity",
    "Span",
    "TextEdit",
    "capped",
    "counted_findings",
    "in_order",
    "rebased",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@final
class Severity(Enum):
    """Severity of a finding; an ``error`` excludes the definition from the registry."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """Sort order: 0 for errors."""
        return _RANKS[self]


_RANKS = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


@final
@record
class Span:
    """Range in a file: lines and columns count from 1, columns in characters, the end is exclusive.

    Args:
        path: relative to the project, with ``/``.
        text: the complete first line without its line break, as read.
    """

    path: str
    line: int = 1
    column: int = 1
    end_line: int = 1
    end_column: int = 1
    text: str = ""


@final
@record
class Related:
    """Related location of a finding, with a message such as ``overrides``."""

    message: str
    span: Span


@final
@record
class TextEdit:
    """Replacement of a span by a text."""

    span: Span
    text: str


@final
@record
class Fix:
    """Change of a file that resolves a finding.

    Args:
        message: the change, in one line without a full stop.
        action: ``respell`` replaces ``old`` in a key or value by ``text``; ``set`` replaces a value by a
            text, ``read`` by the value that the text represents; ``remove`` and ``uncomment`` remove an entry
            and a comment; ``move`` moves the file to the path ``text``; ``delete`` deletes it.
        is_safe: whether the intended meaning is certain.
        edits: the same change as text edits, if computed.
    """

    message: str
    action: Literal["respell", "set", "read", "remove", "uncomment", "move", "delete"]
    span: Span
    text: str = ""
    old: str = ""
    is_safe: bool = True
    edits: tuple[TextEdit, ...] = ()


@final
@record
class Diagnostic(InNotebook):
    """One finding about a user's file.

    Args:
        id: the rule, e.g. ``unknown-field``.
        message: the problem, in one line without a full stop.
        span: ``None`` if no file is affected.
    """

    id: str
    severity: Severity
    message: str
    span: Span | None = None
    help: str | None = None
    related: tuple[Related, ...] = ()
    fix: Fix | None = None

    @property
    def identity(self) -> tuple[str, str, str]:
        """Rule, message and path, without the line, which may move."""
        return self.id, self.message, self.span.path if self.span is not None else ""

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        """Documented total order: path, line, column, id, message."""
        if self.span is None:
            return ("", 0, 0, self.id, self.message)
        return (self.span.path, self.span.line, self.span.column, self.id, self.message)


@final
@record
class Checked(Generic[T_co]):
    """A value and the findings about it."""

    value: T_co
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def has_errors(self) -> bool:
        return any(finding.severity is Severity.ERROR for finding in self.diagnostics)


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return distinct findings in the documented order."""
    return tuple(sorted(set(diagnostics), key=lambda finding: finding.sort_key))


_MOST_IN_A_FILE: Final = 1000


def capped(diagnostics: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """Return at most 1,000 findings about each file, errors first, and the number of omitted ones."""
    if len(diagnostics) <= _MOST_IN_A_FILE:
        return diagnostics
    files: dict[str | None, list[Diagnostic]] = {}
    for diagnostic in dict.fromkeys(diagnostics):
        files.setdefault(diagnostic.span.path if diagnostic.span else None, []).append(diagnostic)
    listed: list[Diagnostic] = []
    for path, findings in files.items():
        if path is None or len(findings) <= _MOST_IN_A_FILE:
            listed += findings
            continue
        findings.sort(key=lambda finding: (finding.severity.rank, finding.sort_key))
        omitted = len(findings) - _MOST_IN_A_FILE
        message = f"{counted(omitted, 'more finding')} in this file not listed"
        worst = findings[_MOST_IN_A_FILE].severity
        listed += findings[:_MOST_IN_A_FILE]
        listed.append(Diagnostic("omitted-findings", worst, message, Span(path), "fix the listed ones first"))
    return tuple(listed)


def rebased(value: T, root: str, base: str) -> T:
    """Return a record whose spans are relative to ``base`` instead of ``root``."""
    if os.path.abspath(root) == os.path.abspath(base):
        return value
    return cast("T", _rebased(value, root, base))


def _rebased(value: Any, root: str, base: str) -> Any:
    from dataclasses import fields, is_dataclass, replace  # slow to import

    if isinstance(value, Span):
        path = os.path.relpath(os.path.join(root, value.path), base)
        return replace(value, path=path.replace(os.sep, "/"))
    if isinstance(value, tuple):
        items = [_rebased(item, root, base) for item in value]
        return value._make(items) if hasattr(value, "_make") else tuple(items)
    if is_dataclass(value) and not isinstance(value, type):
        parts = {each.name: getattr(value, each.name) for each in fields(value)}
        moved = {name: _rebased(part, root, base) for name, part in parts.items()}
        changed = {name: part for name, part in moved.items() if part is not parts[name]}
        return replace(value, **changed) if changed else value
    return value


def counted_findings(diagnostics: Iterable[Diagnostic]) -> str:
    """Return the number of findings by severity, e.g. ``2 errors, 1 warning``; empty for none."""
    counts = Counter(finding.severity for finding in diagnostics)
    return ", ".join(counted(counts[item], item.value) for item in Severity if counts[item])
