"""Checking a workflow file against the step types of a view: nothing of it is run, nothing is imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, final

from stepwell import refusals, rules, schema
from stepwell.checking import hide
from stepwell.diagnostics import Checked, Diagnostic, Severity, Span, in_order
from stepwell.documents import Document, Pointer, read, thaw
from stepwell.model import StepDefinition
from stepwell.naming import closest
from stepwell.snapshot import View
from stepwell.workflows.expressions import BadExpression, bare, names_in, pieces, steps_in
from stepwell.workflows.flow import Flow
from stepwell.workflows.holding import Held, filled, held, parted, whole_schema
from stepwell.workflows.inside import OutsideFolder, inside, read_inside
from stepwell.workflows.workflow import Workflow

__all__ = ["check_document", "check_workflow", "parameters_of", "type_of"]

_ALWAYS: Final = frozenset(
    {"steps", "variables", "state", "vars", "workflow", "step", "previous_response", "loop"}
    | {"execution_id", "date", "timestamp", "environment", "inputs", "value", "item"}
)
"""Names that expressions may always speak of."""

_PACK: Final = frozenset(
    "claude gemini claude_smart claude_session claude_extract claude_batch claude_robust parallel_claude "
    "gemini_instructor set_variable for_loop while_loop data_transform file_ops pipeline test_echo".split()
)
"""The types of the old runner, which the package ``stepwell-ai-steps`` brings."""


def check_workflow(root: str, path: str, view: View, folder: str) -> Checked[Workflow | None]:
    """Read and check a workflow file.

    Args:
        root: the folder that paths of findings are relative to.
        path: the file, relative to it, with ``/``.
        view: whose step types.
        folder: the folder that its paths are relative to, absolute.

    Returns:
        The workflow, ``None`` where it has an error; and what was found, in order.
    """
    document = read(root, path)
    if isinstance(document, Diagnostic):
        return Checked(None, (document,))
    return check_document(document, view, folder)


def check_document(document: Document, view: View, folder: str) -> Checked[Workflow | None]:
    """Check a workflow that was read.

    Args:
        document: its file.
        view: whose step types.
        folder: the folder that its paths are relative to, absolute.
    """
    if not schema.fits("workflow", document.data):
        found: tuple[Diagnostic, ...] = tuple(
            refusals.explain("workflow", "workflow", document.data, lambda _: document)
        )
        stated = document.data.get("workflow")
        sound = isinstance(stated, Mapping) and isinstance(stated.get("steps"), tuple)
    else:
        found, sound = (), True
    if sound:
        found = (*found, *_Check(document, view, folder).findings())
    shown, _ = hide(in_order(found), rules.ignores_in(document))
    failed = any(one.severity is Severity.ERROR for one in shown)
    return Checked(None if failed else Workflow(document, document.data["workflow"]), tuple(shown))


def type_of(view: View, name: str) -> StepDefinition | None:
    """The step that a type names, or ``None``."""
    return view[name] if name in view else None


def parameters_of(definition: StepDefinition) -> Mapping[str, Any]:
    """The schema of a step type's parameters; one that allows anything where it says nothing."""
    stated = definition.parameters
    return {"type": "object"} if stated is None else schema.expanded(stated)


@dataclass(frozen=True, slots=True)
class _Scope:
    """What steps at one place of a workflow may speak of.

    Args:
        before: names that earlier steps leave their answers under.
        later: names of steps that are not run yet, for the message.
        names: variables.
    """

    before: set[str]
    later: set[str]
    names: set[str] = field(default_factory=set)

    def inner(self, steps: Any) -> _Scope:
        """The scope of steps inside a step: they may repeat, so each sees all of them."""
        return _Scope({*self.before, *_names(steps)}, set(), set(self.names))


@final
class _Check:
    """The check of one workflow."""

    def __init__(self, document: Document, view: View, folder: str) -> None:
        self._document = document
        self._view = view
        self._folder = folder
        stated = document.data["workflow"]
        self._defaults: Mapping[str, Any] = _mapping(stated.get("defaults"))
        self._variables = set(_mapping(stated.get("variables")))

    def findings(self) -> Iterator[Diagnostic]:
        steps = self._document.data["workflow"]["steps"]
        scope = _Scope(set(), set(_names(steps)), self._variables)
        yield from self._steps(("workflow", "steps"), steps, scope)

    def _steps(self, pointer: Pointer, steps: Any, scope: _Scope) -> Iterator[Diagnostic]:
        seen: dict[str, Pointer] = {}
        if not isinstance(steps, tuple):
            return
        for place, step in enumerate(steps):
            if not isinstance(step, Mapping):
                continue
            here = (*pointer, place)
            name = step.get("name")
            if isinstance(name, str) and name in seen:
                yield self._error(
                    "duplicate-step",
                    f"the workflow has two steps `{name}`",
                    (*here, "name"),
                    "give each step a name of its own",
                )
            if isinstance(name, str):
                seen.setdefault(name, here)
            yield from self._step(here, step, scope)
            if isinstance(name, str):
                scope.later.discard(name)
                scope.before.add(name)

    def _step(self, here: Pointer, step: Mapping[str, Any], scope: _Scope) -> Iterator[Diagnostic]:
        kind = step.get("type")
        if not isinstance(kind, str) or not kind:
            return  # its schema says so
        definition = type_of(self._view, kind)
        if definition is None:
            yield self._unknown_type(kind, (*here, "type"))
            return
        described = parameters_of(definition)
        general, parameters = parted(step, described)
        noun = f"step `{step['name']}`" if isinstance(step.get("name"), str) else "step"
        whole = {**step, **filled(parameters, described, self._defaults)}
        found = list(_explained(whole_schema(described), noun, whole, lambda _: self._document, here))
        yield from found
        for key in ("condition", "output_to_file", "output_schema"):
            if key in general:
                yield from self._general(key, general[key], (*here, key), scope)
        for one in held(described, parameters, here):
            yield from self._held(one, scope)

    def _general(self, key: str, value: Any, pointer: Pointer, scope: _Scope) -> Iterator[Diagnostic]:
        if key == "condition":
            yield from self._condition(value, pointer, scope)
        elif key == "output_schema" and isinstance(value, Mapping):
            try:
                schema.compiled(value)
            except schema.InvalidSchema as error:
                hint = "an `output_schema` is a JSON Schema (draft 2020-12) that refers to nothing outside itself"
                yield self._error("invalid-output-schema", f"`output_schema` is no schema: {error}", (*pointer, *error.pointer), hint)
        elif isinstance(value, str):
            yield from self._text(value, pointer, scope)
            yield from self._path(value, pointer, reads=False)

    def _held(self, one: Held, scope: _Scope) -> Iterator[Diagnostic]:
        kind, pointer, value = one
        if kind == "prompt":
            yield from self._prompt(value, pointer, scope)
        elif kind == "steps":
            yield from self._inner(value, pointer, scope)
        elif kind == "workflow" and isinstance(value, Mapping):
            own = set(_mapping(value.get("variables")))
            yield from self._inner(value.get("steps"), (*pointer, "steps"), _Scope(set(scope.before), set(), own | scope.names))
        elif kind == "expression":
            yield from self._condition(value, pointer, scope)
        elif kind == "source" and isinstance(value, str):
            yield from self._source(value, pointer, scope)
        elif kind == "name" and isinstance(value, str):
            scope.before.add(value)
        elif kind == "text":
            yield from self._text(value, pointer, scope)
        elif kind == "file":
            several = enumerate(value) if isinstance(value, tuple) else ()
            paths = [(pointer, value)] if isinstance(value, str) else [((*pointer, at), one) for at, one in several]
            for place, path in paths:
                if isinstance(path, str):
                    yield from self._text(path, place, scope)
                    yield from self._path(path, place, reads=False)

    def _inner(self, steps: Any, pointer: Pointer, scope: _Scope) -> Iterator[Diagnostic]:
        if not isinstance(steps, tuple):
            return
        item = {"$defs": schema.contents("workflow")["$defs"], "$ref": "#/$defs/step"}
        for place, step in enumerate(steps):
            yield from _explained(item, "step", step, lambda _: self._document, (*pointer, place))
        yield from self._steps(pointer, steps, scope.inner(steps))
        scope.before.update(_names(steps))

    def _prompt(self, prompt: Any, pointer: Pointer, scope: _Scope) -> Iterator[Diagnostic]:
        if isinstance(prompt, str):
            yield from self._text(prompt, pointer, scope, spoken=True)
            return
        if not isinstance(prompt, tuple):
            return
        part_schema = schema.contents("workflow")["$defs"]["prompt_part"]
        for place, part in enumerate(prompt):
            here = (*pointer, place)
            yield from _explained(part_schema, "this part of a prompt", part, lambda _: self._document, here)
            if isinstance(part, Mapping):
                yield from self._part(part, here, scope)

    def _part(self, part: Mapping[str, Any], here: Pointer, scope: _Scope) -> Iterator[Diagnostic]:
        for key in ("content", "new_prompt"):
            if isinstance(part.get(key), str):
                yield from self._text(part[key], (*here, key), scope, spoken=True)
        if isinstance(part.get("path"), str) and part.get("type") == "file":
            yield from self._text(part["path"], (*here, "path"), scope, spoken=True)
            yield from self._path(part["path"], (*here, "path"), reads=True)
        if isinstance(part.get("step"), str) and part.get("type") == "previous_response":
            yield from self._earlier(part["step"], (*here, "step"), scope)
        if isinstance(part.get("condition"), str):
            yield from self._condition(part["condition"], (*here, "condition"), scope)

    def _condition(self, value: Any, pointer: Pointer, scope: _Scope) -> Iterator[Diagnostic]:
        if isinstance(value, str):
            yield from self._expression(bare(value), value, pointer, scope, spoken=False)
        elif isinstance(value, Mapping):
            for word, under in value.items():
                if word not in ("and", "or", "not"):
                    near = closest(word, ("and", "or", "not"))
                    hint = f"did you mean `{near[0]}`?" if near else "a condition is `and`, `or` or `not`"
                    yield self._error("unknown-field", f"a condition has no `{word}`", (*pointer, word), hint, key=True)
                elif isinstance(under, tuple):
                    for place, one in enumerate(under):
                        yield from self._condition(one, (*pointer, word, place), scope)
                else:
                    yield from self._condition(under, (*pointer, word), scope)

    def _source(self, value: str, pointer: Pointer, scope: _Scope) -> Iterator[Diagnostic]:
        if "{{" in value:
            yield from self._text(value, pointer, scope)
            return
        first, _, rest = value.partition(":")
        name = (rest if first == "previous_response" and rest else first).partition(".")[0].partition("[")[0]
        if name not in scope.names and name not in ("previous_response", "variables", "loop", "state"):
            yield from self._earlier(name, pointer, scope)

    def _text(self, text: str, pointer: Pointer, scope: _Scope, *, spoken: bool = False) -> Iterator[Diagnostic]:
        for piece in pieces(text) if "{{" in text else ():
            if piece.expression:
                yield from self._expression(piece.text, piece.written, pointer, scope, spoken=spoken)

    def _expression(self, expression: str, written: str, pointer: Pointer, scope: _Scope, *, spoken: bool) -> Iterator[Diagnostic]:
        span = self._span_in(pointer, written)
        try:
            named, asked = names_in(expression), steps_in(expression)
        except BadExpression as error:
            severity = Severity.WARNING if spoken else Severity.ERROR
            hint = "it stays in the prompt as it is written" if spoken else "expressions are explained in docs/how-to/workflows.md"
            yield Diagnostic("bad-expression", severity, str(error), span, hint)
            return
        for name in sorted(asked - scope.before):
            yield self._not_earlier(name, span, scope)
        for name in sorted(named - _ALWAYS - scope.before - scope.names):
            near = closest(name, sorted({*scope.before, *scope.names, *_ALWAYS}))
            message = f"`{name}` is neither an earlier step nor a variable of the workflow"
            hint = f"did you mean `{near[0]}`?" if near else "set it in `variables`, or with `--set`"
            yield Diagnostic("unknown-reference", Severity.WARNING, message, span, hint)

    def _earlier(self, name: str, pointer: Pointer, scope: _Scope) -> Iterator[Diagnostic]:
        if name not in scope.before and "{{" not in name:
            yield self._not_earlier(name, self._document.value_span(pointer), scope)

    def _not_earlier(self, name: str, span: Span, scope: _Scope) -> Diagnostic:
        near = closest(name, sorted(scope.before))
        if name in scope.later:
            message, hint = f"the step `{name}` runs only after this one", "move it up"
        elif near:
            message, hint = f"there is no earlier step `{name}`", f"did you mean `{near[0]}`?"
        else:
            earlier = ", ".join(f"`{one}`" for one in sorted(scope.before))
            message = f"there is no earlier step `{name}`"
            hint = f"earlier steps are {earlier}" if earlier else "no step runs before this one"
        return Diagnostic("unknown-reference", Severity.ERROR, message, span, hint)

    def _path(self, path: str, pointer: Pointer, *, reads: bool) -> Iterator[Diagnostic]:
        if "{{" in path:
            return
        try:
            if reads:
                read_inside(self._folder, path)
            else:
                inside(self._folder, path)
        except (OutsideFolder, OSError) as error:
            hint = "paths are relative to the workflow's folder, or the one of `--folder`, and stay inside it"
            yield self._error("unusable-path", str(error), pointer, hint)

    def _unknown_type(self, kind: str, pointer: Pointer) -> Diagnostic:
        known = [*(alias for step in self._view.values() for alias in step.aliases), *self._view]
        near = closest(kind, known)
        if kind in _PACK:
            hint = "install the package that brings it: `python -m pip install stepwell-ai-steps`"
        elif near:
            hint = f"did you mean `{near[0]}`?"
        else:
            hint = "`stepwell list` shows the steps of the registry"
        return self._error("unknown-step-type", f"there is no step type `{kind}` in {self._view.title}", pointer, hint)

    def _span_in(self, pointer: Pointer, written: str) -> Span:
        """Where a piece of a text stands; the whole text where it does not stand as it is."""
        span = self._document.value_span(pointer)
        at = span.text.find(written, span.column - 1)
        if span.line != span.end_line or at < 0:
            return span
        return Span(span.path, span.line, at + 1, span.line, at + 1 + len(written), span.text)

    def _error(self, rule: str, message: str, pointer: Pointer, hint: str | None, *, key: bool = False) -> Diagnostic:
        span = self._document.key_span(pointer) if key else self._document.value_span(pointer)
        return Diagnostic(rule, Severity.ERROR, message, span, hint)


def _explained(
    wanted: Mapping[str, Any], noun: str, data: Any, whose: Callable[[Pointer], Document], prefix: Pointer
) -> Iterator[Diagnostic]:
    if not schema.compiled(wanted).fits(thaw(data)):
        yield from refusals.explain_by(wanted, noun, thaw(data), whose, prefix)


def _names(steps: Any) -> Iterator[str]:
    for step in steps if isinstance(steps, tuple) else ():
        if isinstance(step, Mapping) and isinstance(step.get("name"), str):
            yield step["name"]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
