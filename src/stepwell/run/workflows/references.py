"""Check references of workflow steps to answers, variables and files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, final

from stepwell.run.workflows.expressions import BadExpression, bare, names_in, pieces, steps_in
from stepwell.run.workflows.workflow import PathEscape, inside, read_inside
from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.document import Document, Pointer
from stepwell.source.spelling import closest, did_you_mean, suggest

__all__ = ["Referring", "VisibleNames", "names_of"]

_ALWAYS: Final = frozenset(
    {"steps", "variables", "state", "vars", "global_vars", "workflow", "step", "previous_response", "loop"}
    | {"execution_id", "date", "timestamp", "environment", "inputs", "value", "item"}
)
"""Names that are available in every expression."""

_NAME_END: Final = re.compile(r"[.:\[]")
_SYNTAX: Final = "write an expression like `steps.first.text`, `length(items) > 2` or `a == 'b' and not c`"


@final
@dataclass(frozen=True, slots=True)
class VisibleNames:
    """Names that steps at one position of a workflow may use."""

    before: set[str]
    later: set[str]
    names: set[str] = field(default_factory=set)

    def inner(self, steps: Any) -> VisibleNames:
        """Return the scope of nested steps, which may repeat and therefore see each other."""
        return VisibleNames({*self.before, *names_of(steps)}, set(), self.names)


@final
class Referring:
    """Checks expressions, references and paths of one workflow.

    Args:
        folder: absolute base of paths.
    """

    __slots__ = ("_document", "_folder")

    def __init__(self, document: Document, folder: str) -> None:
        self._document = document
        self._folder = folder

    def condition(self, value: Any, pointer: Pointer, scope: VisibleNames) -> Iterator[Diagnostic]:
        if isinstance(value, str):
            yield from self.expression(bare(value), value, pointer, scope, spoken=False)
        elif isinstance(value, Mapping):
            for word, under in value.items():
                if word not in ("and", "or", "not"):
                    hint = suggest(word, ("and", "or", "not")) or "use `and`, `or` or `not`"
                    yield self.finding_at(
                        "unknown-field",
                        f"unknown operator `{word}` in a condition",
                        (*pointer, word),
                        hint,
                        key=True,
                    )
                elif isinstance(under, tuple):
                    for index, item in enumerate(under):
                        yield from self.condition(item, (*pointer, word, index), scope)
                else:
                    yield from self.condition(under, (*pointer, word), scope)

    def formula(self, value: str, pointer: Pointer) -> Iterator[Diagnostic]:
        """Check only the syntax of an expression over unknown fields."""
        try:
            names_in(bare(value))
        except BadExpression as error:
            yield self.finding_at("bad-expression", str(error), pointer, _SYNTAX)

    def source(self, value: str, pointer: Pointer, scope: VisibleNames) -> Iterator[Diagnostic]:
        if "{{" in value:
            yield from self.text(value, pointer, scope)
            return
        first, _, rest = value.partition(":")
        path = rest if first == "previous_response" and rest else first
        name = _NAME_END.split(path, maxsplit=1)[0]
        if name not in scope.names and name not in ("previous_response", "variables", "loop", "state"):
            yield from self.earlier(name, pointer, scope)

    def text(
        self, text: str, pointer: Pointer, scope: VisibleNames, *, spoken: bool = False
    ) -> Iterator[Diagnostic]:
        for piece in pieces(text) if "{{" in text else ():
            if piece.expression:
                yield from self.expression(piece.text, piece.written, pointer, scope, spoken=spoken)

    def expression(
        self, expression: str, written: str, pointer: Pointer, scope: VisibleNames, *, spoken: bool
    ) -> Iterator[Diagnostic]:
        span = self.span_in(pointer, written)
        try:
            named, step_names = names_in(expression), steps_in(expression)
        except BadExpression as error:
            severity = Severity.WARNING if spoken else Severity.ERROR
            hint = "the prompt keeps it unchanged" if spoken else _SYNTAX
            yield Diagnostic("bad-expression", severity, str(error), span, hint)
            return
        for name in sorted(step_names - scope.before):
            yield self.not_earlier(name, span, scope)
        for name in sorted(named - _ALWAYS - scope.before - scope.names):
            near = closest(name, sorted({*scope.before, *scope.names, *_ALWAYS}))
            message = f"`{name}` is neither an earlier step nor a variable of the workflow"
            hint = did_you_mean(near) or "set it in `variables` or with `--set`"
            yield Diagnostic("unknown-reference", Severity.WARNING, message, span, hint)

    def earlier(self, name: str, pointer: Pointer, scope: VisibleNames) -> Iterator[Diagnostic]:
        if name not in scope.before and "{{" not in name:
            yield self.not_earlier(name, self._document.value_span(pointer), scope)

    def not_earlier(self, name: str, span: Span, scope: VisibleNames) -> Diagnostic:
        near = closest(name, sorted(scope.before))
        if name in scope.later:
            message, hint = f"step `{name}` runs after this step", "move it before this step"
        elif near:
            message, hint = f"unknown earlier step `{name}`", did_you_mean(near)
        else:
            earlier = ", ".join(f"`{step}`" for step in sorted(scope.before))
            message = f"unknown earlier step `{name}`"
            hint = f"earlier steps: {earlier}" if earlier else "no step runs before this one"
        return Diagnostic("unknown-reference", Severity.ERROR, message, span, hint)

    def path(self, path: str, pointer: Pointer, *, reads: bool) -> Iterator[Diagnostic]:
        if "{{" in path:
            return
        try:
            if reads:
                read_inside(self._folder, path)
            else:
                inside(self._folder, path)
        except (PathEscape, OSError) as error:
            hint = "use a path inside the workflow's folder or the one given with `--folder`"
            yield self.finding_at("unusable-path", str(error), pointer, hint)

    def span_in(self, pointer: Pointer, written: str) -> Span:
        """Return the location of a part of a text, or of the whole text if it is not found."""
        span = self._document.value_span(pointer)
        at = span.text.find(written, span.column - 1)
        if span.line != span.end_line or at < 0:
            return span
        return Span(span.path, span.line, at + 1, span.line, at + 1 + len(written), span.text)

    def finding_at(
        self, rule: str, message: str, pointer: Pointer, hint: str | None, *, key: bool = False
    ) -> Diagnostic:
        span = self._document.key_span(pointer) if key else self._document.value_span(pointer)
        return Diagnostic(rule, Severity.ERROR, message, span, hint)


def names_of(steps: Any) -> Iterator[str]:
    """Yield the names of the steps that have one."""
    for step in steps if isinstance(steps, tuple) else ():
        if isinstance(step, Mapping) and isinstance(step.get("name"), str):
            yield step["name"]
