"""Check a workflow file against the step types of a view, without running or importing anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from os.path import normpath
from typing import Any, Final, final

from stepwell.check.file import hide
from stepwell.check.rule import by_place, ignores_in
from stepwell.model import StepDefinition, schema, schema_errors
from stepwell.resolve.view import View
from stepwell.run.workflows.annotations import AnnotatedValue, annotated_values, filled, parted, whole_schema
from stepwell.run.workflows.references import Referring, VisibleNames, names_of
from stepwell.run.workflows.workflow import Workflow
from stepwell.source.diagnostic import Checked, Diagnostic, Severity, capped, in_order
from stepwell.source.document import Document, Pointer, thaw
from stepwell.source.extensions import extensions
from stepwell.source.read import read
from stepwell.source.spelling import closest, did_you_mean, suggest

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
"""Legacy step types, provided by the package ``stepwell-ai-steps``."""


def check_workflow(
    root: str, path: str, view: View, folder: str, *, compat: bool = False
) -> Checked[Workflow | None]:
    """Read and check a workflow file.

    Args:
        root: base of paths in findings.
        path: relative to ``root``, with ``/``.
        folder: absolute base of the workflow's paths.
        compat: report fields that nothing uses as warnings, and ignore them.

    Returns:
        The workflow, or ``None`` if it has errors, and all findings in order.
    """
    document = read(root, path)
    if isinstance(document, Diagnostic):
        return Checked(None, (document,))
    return check_document(document, view, folder, compat=compat)


def check_document(
    document: Document, view: View, folder: str, *, compat: bool = False
) -> Checked[Workflow | None]:
    """Check a parsed workflow.

    Args:
        folder: absolute base of the workflow's paths.
        compat: report fields that nothing uses as warnings, and ignore them.
    """
    diagnostics: tuple[Diagnostic, ...] = ()
    data: Mapping[str, Any] = document.data
    if compat:
        unused = _Unused(document, view)
        data = unused.without(schema.contents("workflow"), data, ())
        diagnostics = tuple(unused.findings)
    sound = True
    if not schema.fits("workflow", data):
        wrong = schema_errors.explain("workflow", "workflow", data, lambda _: document)
        diagnostics = (*diagnostics, *wrong)
        sound = isinstance(_mapping(data.get("workflow")).get("steps"), tuple)
    if sound:
        diagnostics = (*diagnostics, *_Check(document, data["workflow"], view, folder).findings())
    shown, _ = hide(in_order(capped(diagnostics)), by_place(ignores_in(document)))
    failed = any(item.severity is Severity.ERROR for item in shown)
    return Checked(None if failed else Workflow(document, data["workflow"]), tuple(shown))


def type_of(view: View, name: str) -> StepDefinition | None:
    """Return the step of a type, or ``None``."""
    return view.get(name)


def parameters_of(definition: StepDefinition) -> Mapping[str, Any]:
    """Return the parameter schema of a step type (default: any object)."""
    declared = definition.parameters
    return {"type": "object"} if declared is None else schema.expanded(declared)


@final
class _Check:
    """Check of one workflow."""

    def __init__(self, document: Document, stated: Mapping[str, Any], view: View, folder: str) -> None:
        self._document = document
        self._stated = stated
        self._view = view
        self._refer = Referring(document, folder)
        self._defaults: Mapping[str, Any] = _mapping(stated.get("defaults"))
        self._variables = set(_mapping(stated.get("variables")))

    def findings(self) -> Iterator[Diagnostic]:
        steps = self._stated["steps"]
        scope = VisibleNames(set(), set(names_of(steps)), self._variables)
        default = self._defaults.get("provider_strategy")
        if isinstance(default, str):
            yield from self._strategy(default, ("workflow", "defaults", "provider_strategy"))
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
                    f"duplicate step `{name}` in the workflow",
                    (*here, "name"),
                    "use a unique name for each step",
                )
            if isinstance(name, str):
                seen.setdefault(name, here)
            yield from self._step(here, step, scope)
            if isinstance(name, str):
                scope.later.discard(name)
                scope.before.add(name)

    def _step(self, here: Pointer, step: Mapping[str, Any], scope: VisibleNames) -> Iterator[Diagnostic]:
        kind, definition = step.get("type"), None
        if isinstance(kind, str) and kind:  # the schema reports a missing type
            definition = type_of(self._view, kind)
            if definition is None:
                yield self._unknown_type(kind, (*here, "type"))
        described: Mapping[str, Any] = {} if definition is None else parameters_of(definition)
        general, parameters = parted(step, described)
        if definition is not None:
            noun = f"step `{step['name']}`" if isinstance(step.get("name"), str) else "step"
            whole = {**step, **filled(parameters, described, self._defaults)}
            yield from _explained(whole_schema(described), noun, whole, lambda _: self._document, here)
        for key in ("condition", "output_to_file", "output_schema", "provider_strategy"):
            if key in general:
                yield from self._general(key, general[key], (*here, key), scope)
        values = tuple(annotated_values(described, parameters, here))
        # A loop repeats its steps, so they see each other.
        own = VisibleNames({*scope.before, *_inside(values)}, scope.later, scope.names)
        for annotated in values:
            yield from self._annotated(annotated, own)
        scope.before.update(own.before)

    def _general(self, key: str, value: Any, pointer: Pointer, scope: VisibleNames) -> Iterator[Diagnostic]:
        if key == "condition":
            yield from self._refer.condition(value, pointer, scope)
        elif key == "provider_strategy" and isinstance(value, str):
            yield from self._strategy(value, pointer)
        elif key == "output_schema" and isinstance(value, Mapping):
            for error in schema_errors.explain_schema(value, lambda _: self._document, pointer):
                message = f"`output_schema` is not a valid schema: {error.message}"
                hint = error.help or "use a JSON Schema (draft 2020-12) without external references"
                yield Diagnostic("invalid-output-schema", Severity.ERROR, message, error.span, hint)
        elif isinstance(value, str):
            yield from self._refer.text(value, pointer, scope)
            yield from self._refer.path(value, pointer, reads=False)
            if value.endswith("/") or normpath(value) == ".":
                hint = "add the name of a file"
                yield self._refer.finding_at("unusable-path", f"`{value}` is a folder", pointer, hint)

    def _strategy(self, name: str, pointer: Pointer) -> Iterator[Diagnostic]:
        from stepwell.run.providers.strategies import GROUP, STRATEGIES

        names = {*STRATEGIES, *(extension.name for extension in extensions(GROUP))}
        if name not in names:
            hint = suggest(name, names) or f"available: {', '.join(f'`{each}`' for each in sorted(names))}"
            message = f"`{name}` is not an allowed value of `provider_strategy`"
            yield self._refer.finding_at("not-in-vocabulary", message, pointer, hint)

    def _annotated(self, annotated: AnnotatedValue, scope: VisibleNames) -> Iterator[Diagnostic]:
        kind, pointer, value = annotated
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
        elif kind in ("file", "input"):
            several = enumerate(value) if isinstance(value, tuple) else ()
            paths = (
                [(pointer, value)]
                if isinstance(value, str)
                else [((*pointer, index), item) for index, item in several]
            )
            for place, path in paths:
                if isinstance(path, str):
                    yield from self._refer.text(path, place, scope)
                    yield from self._refer.path(path, place, reads=kind == "input")

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
            yield from _explained(part_schema, "prompt part", part, lambda _: self._document, here)
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
            hint = "install the package that provides it: `python -m pip install stepwell-ai-steps`"
        elif near:
            hint = did_you_mean(near)
        else:
            hint = "run `stepwell list` to show the steps of the registry"
        return self._refer.finding_at(
            "unknown-step-type", f"unknown step type `{kind}` in {self._view.title}", pointer, hint
        )


@final
class _Unused:
    """Removes the fields of a workflow that nothing uses.

    Args:
        findings: a warning for each of them, and for each field that is accepted but ignored.
    """

    def __init__(self, document: Document, view: View) -> None:
        self._document = document
        self._view = view
        self.findings: list[Diagnostic] = []

    def without(self, described: Any, data: Any, pointer: Pointer) -> Any:
        """Return data without unknown fields."""
        holds = described.get("x-holds") if isinstance(described, Mapping) else None
        if not isinstance(described, Mapping) or holds in ("data", "variables"):
            return data
        if isinstance(data, tuple):
            items = described.get("items", _NOTHING)
            if holds == "prompt":
                items = schema.contents("workflow")["$defs"]["prompt_part"]
            is_steps = holds == "steps" or "$ref" in items
            return tuple(
                self._step(item, (*pointer, place))
                if is_steps
                else self.without(items, item, (*pointer, place))
                for place, item in enumerate(data)
            )
        if not isinstance(data, Mapping):
            return data
        if holds == "workflow":
            described = schema.contents("workflow")["properties"]["workflow"]
        known = described.get("properties", _NOTHING)
        closed = described.get("additionalProperties") is False
        kept: dict[str, Any] = {}
        for key, value in data.items():
            field = known.get(key, _NOTHING)
            description = field.get("description", "") if isinstance(field, Mapping) else ""
            if closed and key not in known and not key.startswith("x-"):
                self._note(key, (*pointer, key), "remove it: nothing uses this field")
                continue
            if "Ignored;" in description:
                self._note(key, (*pointer, key), f"remove it: {description[:1].lower()}{description[1:]}")
            kept[key] = self.without(field, value, (*pointer, key))
        return kept

    def _step(self, step: Any, pointer: Pointer) -> Any:
        kind = step.get("type") if isinstance(step, Mapping) else None
        definition = type_of(self._view, kind) if isinstance(kind, str) else None
        return (
            step
            if definition is None
            else self.without(whole_schema(parameters_of(definition)), step, pointer)
        )

    def _note(self, key: str, pointer: Pointer, hint: str) -> None:
        span = self._document.key_span(pointer)
        self.findings.append(
            Diagnostic("ignored-field", Severity.WARNING, f"the field `{key}` is ignored", span, hint)
        )


_NOTHING: Final[Mapping[str, Any]] = {}


def _explained(
    wanted: Mapping[str, Any], noun: str, data: Any, whose: Callable[[Pointer], Document], prefix: Pointer
) -> Iterator[Diagnostic]:
    if not schema.compiled(wanted).is_valid(thaw(data)):
        yield from schema_errors.explain_by(wanted, noun, thaw(data), whose, prefix)


def _inside(values: Iterable[AnnotatedValue]) -> Iterator[str]:
    for kind, _, value in values:
        if kind == "steps":
            yield from names_of(value)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
