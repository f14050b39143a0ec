"""Checking a workflow file against the step types of a view: nothing of it is run, nothing is imported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, final

from stepwell.check.file import hide
from stepwell.check.ignores import ignores_in
from stepwell.model import StepDefinition, schema, schema_errors
from stepwell.model.validator import InvalidSchema
from stepwell.resolve.view import View
from stepwell.run.workflows.annotations import AnnotatedValue, filled, held, parted, whole_schema
from stepwell.run.workflows.references import Referring, VisibleNames, names_of
from stepwell.run.workflows.workflow import Workflow
from stepwell.source.diagnostic import Checked, Diagnostic, Severity, in_order
from stepwell.source.document import Document, Pointer, thaw
from stepwell.source.read import read
from stepwell.source.spelling import closest, did_you_mean

__all__ = ["OLD_TYPES", "check_document", "check_workflow", "parameters_of", "type_of"]

OLD_TYPES: Final = frozenset(
    [
        "claude",
        "gemini",
        "claude_smart",
        "claude_session",
        "claude_extract",
        "claude_batch",
        "claude_robust",
        "parallel_claude",
        "gemini_instructor",
        "set_variable",
        "for_loop",
        "while_loop",
        "data_transform",
        "file_ops",
        "pipeline",
        "test_echo",
    ]
)
"""The types of the old runner, which the package ``stepwell-ai-steps`` brings."""


def check_workflow(root: str, path: str, view: View, folder: str) -> Checked[Workflow | None]:
    """Read and check a workflow file.

    Args:
        root: the folder that paths of findings are relative to.
        path: the file, relative to it, with ``/``.
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
        folder: the folder that its paths are relative to, absolute.
    """
    if not schema.fits("workflow", document.data):
        found: tuple[Diagnostic, ...] = tuple(
            schema_errors.explain("workflow", "workflow", document.data, lambda _: document)
        )
        stated = document.data.get("workflow")
        sound = isinstance(stated, Mapping) and isinstance(stated.get("steps"), tuple)
    else:
        found, sound = (), True
    if sound:
        found = (*found, *_Check(document, view, folder).findings())
    shown, _ = hide(in_order(found), ignores_in(document))
    failed = any(one.severity is Severity.ERROR for one in shown)
    return Checked(None if failed else Workflow(document, document.data["workflow"]), tuple(shown))


def type_of(view: View, name: str) -> StepDefinition | None:
    """The step that a type names, or ``None``."""
    return view.get(name)


def parameters_of(definition: StepDefinition) -> Mapping[str, Any]:
    """The schema of a step type's parameters; one that allows anything where it says nothing."""
    stated = definition.parameters
    return {"type": "object"} if stated is None else schema.expanded(stated)


@final
class _Check:
    """The check of one workflow."""

    def __init__(self, document: Document, view: View, folder: str) -> None:
        self._document = document
        self._view = view
        self._refer = Referring(document, folder)
        stated = document.data["workflow"]
        self._defaults: Mapping[str, Any] = _mapping(stated.get("defaults"))
        self._variables = set(_mapping(stated.get("variables")))

    def findings(self) -> Iterator[Diagnostic]:
        steps = self._document.data["workflow"]["steps"]
        scope = VisibleNames(set(), set(names_of(steps)), self._variables)
        yield from self._steps(("workflow", "steps"), steps, scope)

    def _steps(self, pointer: Pointer, steps: Any, scope: VisibleNames) -> Iterator[Diagnostic]:
        seen: dict[str, Pointer] = {}
        if not isinstance(steps, tuple):
            return
        for place, step in enumerate(steps):
            if not isinstance(step, Mapping):
                continue
            here = (*pointer, place)
            name = step.get("name")
            if isinstance(name, str) and name in seen:
                yield self._refer.finding_at(
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

    def _step(self, here: Pointer, step: Mapping[str, Any], scope: VisibleNames) -> Iterator[Diagnostic]:
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
        holding = tuple(held(described, parameters, here))
        own = VisibleNames(
            {*scope.before, *_inside(holding)}, scope.later, scope.names
        )  # a loop's steps repeat
        for one in holding:
            yield from self._held(one, own)
        scope.before.update(own.before)

    def _general(self, key: str, value: Any, pointer: Pointer, scope: VisibleNames) -> Iterator[Diagnostic]:
        if key == "condition":
            yield from self._refer.condition(value, pointer, scope)
        elif key == "output_schema" and isinstance(value, Mapping):
            try:
                schema.compiled(value)
            except InvalidSchema as error:
                hint = "it is a JSON Schema (draft 2020-12) that refers to nothing outside itself"
                yield self._refer.finding_at(
                    "invalid-output-schema",
                    f"`output_schema` is no schema: {error}",
                    (*pointer, *error.pointer),
                    hint,
                )
        elif isinstance(value, str):
            yield from self._refer.text(value, pointer, scope)
            yield from self._refer.path(value, pointer, reads=False)

    def _held(self, one: AnnotatedValue, scope: VisibleNames) -> Iterator[Diagnostic]:
        kind, pointer, value = one
        if kind == "prompt":
            yield from self._prompt(value, pointer, scope)
        elif kind == "steps":
            yield from self._inner(value, pointer, scope)
        elif kind == "workflow" and isinstance(value, Mapping):
            own = set(_mapping(value.get("variables")))
            yield from self._inner(
                value.get("steps"),
                (*pointer, "steps"),
                VisibleNames(set(scope.before), set(), own | scope.names),
            )
        elif kind == "expression":
            yield from self._refer.condition(value, pointer, scope)
        elif kind == "source" and isinstance(value, str):
            yield from self._refer.source(value, pointer, scope)
        elif kind == "name" and isinstance(value, str):
            scope.before.add(value)
        elif kind == "variables":
            scope.names.update(_mapping(value))
        elif kind == "formula" and isinstance(value, str):
            yield from self._refer.formula(value, pointer)
        elif kind == "text":
            yield from self._refer.text(value, pointer, scope)
        elif kind == "file":
            several = enumerate(value) if isinstance(value, tuple) else ()
            paths = (
                [(pointer, value)]
                if isinstance(value, str)
                else [((*pointer, at), one) for at, one in several]
            )
            for place, path in paths:
                if isinstance(path, str):
                    yield from self._refer.text(path, place, scope)
                    yield from self._refer.path(path, place, reads=False)

    def _inner(self, steps: Any, pointer: Pointer, scope: VisibleNames) -> Iterator[Diagnostic]:
        if not isinstance(steps, tuple):
            return
        item = {"$defs": schema.contents("workflow")["$defs"], "$ref": "#/$defs/step"}
        for place, step in enumerate(steps):
            yield from _explained(item, "step", step, lambda _: self._document, (*pointer, place))
        yield from self._steps(pointer, steps, scope.inner(steps))
        scope.before.update(names_of(steps))

    def _prompt(self, prompt: Any, pointer: Pointer, scope: VisibleNames) -> Iterator[Diagnostic]:
        if isinstance(prompt, str):
            yield from self._refer.text(prompt, pointer, scope, spoken=True)
            return
        if not isinstance(prompt, tuple):
            return
        part_schema = schema.contents("workflow")["$defs"]["prompt_part"]
        for place, part in enumerate(prompt):
            here = (*pointer, place)
            yield from _explained(part_schema, "this part of a prompt", part, lambda _: self._document, here)
            if isinstance(part, Mapping):
                yield from self._part(part, here, scope)

    def _part(self, part: Mapping[str, Any], here: Pointer, scope: VisibleNames) -> Iterator[Diagnostic]:
        for key in ("content", "new_prompt"):
            if isinstance(part.get(key), str):
                yield from self._refer.text(part[key], (*here, key), scope, spoken=True)
        if isinstance(part.get("path"), str) and part.get("type") == "file":
            yield from self._refer.text(part["path"], (*here, "path"), scope, spoken=True)
            yield from self._refer.path(part["path"], (*here, "path"), reads=True)
        if isinstance(part.get("step"), str) and part.get("type") == "previous_response":
            yield from self._refer.earlier(part["step"], (*here, "step"), scope)
        if isinstance(part.get("condition"), str):
            yield from self._refer.condition(part["condition"], (*here, "condition"), scope)

    def _unknown_type(self, kind: str, pointer: Pointer) -> Diagnostic:
        known = [*(alias for step in self._view.values() for alias in step.aliases), *self._view]
        near = closest(kind, known)
        if kind in OLD_TYPES:
            hint = "install the package that brings it: `python -m pip install stepwell-ai-steps`"
        elif near:
            hint = did_you_mean(near)
        else:
            hint = "`stepwell list` shows the steps of the registry"
        return self._refer.finding_at(
            "unknown-step-type", f"there is no step type `{kind}` in {self._view.title}", pointer, hint
        )


def _explained(
    wanted: Mapping[str, Any], noun: str, data: Any, whose: Callable[[Pointer], Document], prefix: Pointer
) -> Iterator[Diagnostic]:
    if not schema.compiled(wanted).is_valid(thaw(data)):
        yield from schema_errors.explain_by(wanted, noun, thaw(data), whose, prefix)


def _inside(holding: Iterable[AnnotatedValue]) -> Iterator[str]:
    for kind, _, value in holding:
        if kind == "steps":
            yield from names_of(value)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
