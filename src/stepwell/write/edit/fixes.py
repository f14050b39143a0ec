"""Applies the fixes of findings, and describes them as text edits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Final

from stepwell.model.settings import Project
from stepwell.resolve.load import FindPlugins
from stepwell.source.diagnostic import Diagnostic, Fix, Span, TextEdit
from stepwell.source.document import Document, Pointer, span_of, thaw
from stepwell.source.read import read_text
from stepwell.write.edit.engine import EditRefused, at, edited
from stepwell.write.edit.format import SchemaComments, definition_files
from stepwell.write.edit.plan import FileEdits
from stepwell.write.edit.text import Change, Remove, Rename, Set
from stepwell.write.scaffold.plan import findings_with

__all__ = ["correct_schema_comments", "fix_all", "text_edit", "with_edits"]

_LINE_BREAK: Final = re.compile(r"\r\n|\n|\r")
_PASSES: Final = 10
"""A fix may reveal findings that also have one, such as the file name of a corrected name."""


def fix_all(
    project: Project,
    findings: tuple[Diagnostic, ...],
    today: date,
    plugins: FindPlugins,
    is_selected: Callable[[Diagnostic], bool],
    *,
    unsafe: bool,
) -> tuple[FileEdits, tuple[Diagnostic, ...]]:
    """Plan the fixes of findings, and of the findings that they reveal.

    Args:
        is_selected: whether a revealed finding is to be fixed.
        unsafe: whether fixes are included whose intended meaning is not certain.

    Returns:
        The planned files, and the fixed findings.
    """
    edits = FileEdits(project)
    fixed: list[Diagnostic] = []
    for _ in range(_PASSES):
        done = list(_apply(edits, _in_reverse(findings), unsafe=unsafe))
        fixed += done
        if not done:
            break
        findings = tuple(filter(is_selected, findings_with(project, edits.files, today, plugins)))
    return edits, tuple(fixed)


def correct_schema_comments(edits: FileEdits, is_wanted: Callable[[str], bool]) -> int:
    """Plan the correction of comments for editors that refer to a missing schema, and return their number.

    Args:
        is_wanted: whether a file is to be corrected.
    """
    comments = SchemaComments(edits.project)
    count = 0
    for path, schema in definition_files(edits.project).items():
        with suppress(EditRefused):
            content = edits.content(path) if is_wanted(path) else None
            result = content and comments.corrected(path, schema, content)
            if result and result != content:
                edits.write(path, result)
                count += 1
    return count


def with_edits(project: Project, findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return findings whose fixes have text edits; fixes that cannot be applied are dropped."""
    return tuple(map(_Describer(project), findings))


class _Describer:
    """Adds text edits to the fixes of findings."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def __call__(self, finding: Diagnostic) -> Diagnostic:
        fix = finding.fix
        if fix is None:
            return finding
        edits = FileEdits(self._project)
        if not list(_apply(edits, [finding], unsafe=True)):
            return replace(finding, fix=None)
        path = fix.span.path
        before, after = edits.read.get(path), edits.planned.get(path)
        if fix.action in ("move", "delete") or before is None or after is None:
            return finding
        return replace(finding, fix=replace(fix, edits=(text_edit(path, before, after),)))


def _in_reverse(findings: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return findings from the end of each file, so that earlier positions remain valid; moves come last."""
    with_fix = [finding for finding in findings if finding.fix is not None]
    return sorted(with_fix, key=_place, reverse=True)


def _place(finding: Diagnostic) -> tuple[bool, str, int, int]:
    fix = finding.fix
    if fix is None:
        return False, "", 0, 0
    return fix.action not in ("move", "delete"), fix.span.path, fix.span.line, fix.span.column


def _apply(edits: FileEdits, findings: Iterable[Diagnostic], *, unsafe: bool) -> Iterator[Diagnostic]:
    """Plan fixes, and yield the findings that they resolve."""
    for finding in findings:
        fix = finding.fix
        if fix is not None and (fix.is_safe or unsafe):
            with suppress(EditRefused, LookupError):
                _plan(edits, fix)
                yield finding


def _plan(edits: FileEdits, fix: Fix) -> None:
    """Plan one fix.

    Raises:
        EditRefused: the file cannot be edited.
        LookupError: the file is not as the finding describes it.
    """
    path = fix.span.path
    if fix.action == "move":
        edits.move(path, fix.text)
        return
    content = edits.content(path)
    if content is None:
        raise LookupError(path)
    document = edits.document(path)
    offset = _offset(document, fix.span)
    if fix.action == "delete":
        edits.delete(path)
    elif fix.action == "uncomment":
        edits.write(path, _without_comment(content, document, offset))
    else:
        edits.write(path, edited(path, content, [_change(document, fix, offset)]))


def _offset(document: Document, span: Span) -> int:
    """Return the position of a span in a text that still has its line."""
    starts = [0, *(match.end() for match in _LINE_BREAK.finditer(document.text))]
    if span.line > len(starts):
        raise LookupError(span.path)
    start = starts[span.line - 1]
    if not document.text.startswith(span.text, start):
        raise LookupError(span.path)
    return start + span.column - 1


def _change(document: Document, fix: Fix, offset: int) -> Change:
    """Return the change of the key or value at a position."""
    places = document.locate(document.text)
    key = _starting_at(places.keys.items(), offset)
    value = _starting_at(places.values.items(), offset)
    pointer = key or value
    if pointer is None:
        raise LookupError(fix.span.path)
    if fix.action == "remove":
        return Remove(pointer)
    if fix.action == "set":
        return Set(pointer, fix.text)
    if fix.action == "read":
        return Set(pointer, _value_of(fix.text))
    now = str(pointer[-1]) if key else at(document.data, pointer)
    if not isinstance(now, str) or now.count(fix.old) != 1:
        raise LookupError(fix.old)
    new = now.replace(fix.old, fix.text)
    return Rename(pointer, new) if key else Set(pointer, new)


def _starting_at(places: Iterable[tuple[Pointer, tuple[int, int]]], offset: int) -> Pointer | None:
    """Return the innermost pointer that begins at a position."""
    matches = [pointer for pointer, (start, _) in places if start == offset and pointer]
    return max(matches, key=len, default=None)


def _value_of(text: str) -> object:
    document = read_text("value.yaml", f"value: {text}\n".encode())
    if isinstance(document, Document):
        return thaw(document.data["value"])
    raise LookupError(text)


def _without_comment(content: bytes, document: Document, offset: int) -> bytes:
    """Return a file without the comment at a position, and without its line if that is empty."""
    text = document.text
    match = _LINE_BREAK.search(text, offset)
    end = match.start() if match else len(text)
    start = offset
    while start and text[start - 1] in " \t":
        start -= 1
    if not start or text[start - 1] in "\r\n":
        end = match.end() if match else end
    mark = content[: len(content) - len(text.encode())]
    return mark + (text[:start] + text[end:]).encode()


def text_edit(path: str, before: bytes, after: bytes) -> TextEdit:
    """Return the smallest replacement that results in another text."""
    old, new = (content.decode().removeprefix("\ufeff") for content in (before, after))
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    return TextEdit(span_of(path, old, (start, len(old) - end)), new[start : len(new) - end])
