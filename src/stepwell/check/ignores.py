"""Comments that suppress a finding: ``# stepwell: ignore[rule-id] reason``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, final

from stepwell.source.diagnostic import Diagnostic, Span
from stepwell.source.document import Document, span_of

__all__ = ["Ignore", "ignores_in"]

_COMMENT: Final = re.compile(r"#[ \t]*stepwell:[ \t]*ignore\[([^\]\r\n]*)\]")
_MARK: Final = "stepwell:"


@final
class Ignore(NamedTuple):
    """One rule that one comment suppresses."""

    rule: str
    line: int
    span: Span

    def hides(self, diagnostic: Diagnostic) -> bool:
        """Return whether the comment suppresses a finding."""
        span = diagnostic.span
        return (
            span is not None
            and diagnostic.id == self.rule
            and span.line == self.line
            and span.path == self.span.path
        )


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
