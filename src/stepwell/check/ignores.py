"""Comments that suppress a finding: ``# stepwell: ignore[rule-id] reason``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, final

from stepwell.source.diagnostic import Span
from stepwell.source.document import Document, span_of

__all__ = ["Ignore", "IgnoreIndex", "by_place", "ignores_in"]

_COMMENT: Final = re.compile(r"#[ \t]*stepwell:[ \t]*ignore\[([^\]\r\n]*)\]")
_MARK: Final = "stepwell:"


@final
class Ignore(NamedTuple):
    """One rule that one comment suppresses."""

    rule: str
    line: int
    span: Span


IgnoreIndex = Mapping[tuple[str, str, int], Sequence[Ignore]]
"""Comments by the rule, path and line that they suppress."""


def by_place(ignores: Iterable[Ignore]) -> IgnoreIndex:
    """Index comments, so that each finding is looked up once, however many comments there are."""
    index: dict[tuple[str, str, int], list[Ignore]] = {}
    for ignore in ignores:
        index.setdefault((ignore.rule, ignore.span.path, ignore.line), []).append(ignore)
    return index


def ignores_in(document: Document) -> tuple[Ignore, ...]:
    """Return the ignore comments of a document in order."""
    return tuple(_found(document)) if _MARK in document.text else ()


def _found(document: Document) -> Iterator[Ignore]:
    for comment in _COMMENT.finditer(document.text):
        if document.holds(comment.start()):
            continue
        span = span_of(document.path, document.text, comment.span())
        alone = not span.text[: span.column - 1].strip()
        for rule in comment[1].split(","):
            yield Ignore(rule.strip(), span.line + alone, span)
