"""Answers of the language server: completions, hovers, locations, symbols and edits of one project."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple, final

from stepwell.check.catalog import RULES
from stepwell.check.rule import ALWAYS_REPORTED
from stepwell.code.usages import NameReference, step_references
from stepwell.frontends.lsp.cursor import Cursor, cursor_in, line_texts, pointer_at
from stepwell.frontends.lsp.open_project import OpenProject
from stepwell.model import KINDS, StepDefinition
from stepwell.model.layer import Layer, Origin
from stepwell.model.schema import contents, override_of
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Diagnostic, Span, TextEdit
from stepwell.source.document import Document, Pointer, thaw
from stepwell.source.errors import StepwellError
from stepwell.source.read import read_text
from stepwell.source.wording import counted
from stepwell.write.edit.engine import EditRefused
from stepwell.write.edit.fixes import with_edits
from stepwell.write.edit.format import formatted
from stepwell.write.edit.plan import FileEdits
from stepwell.write.edit.steps import StepEdits

__all__ = [
    "Completion",
    "Hover",
    "Refactoring",
    "Symbol",
    "complete",
    "conventions_of",
    "definition_at",
    "fixed",
    "formatted_text",
    "hover_at",
    "ignored",
    "lens_of",
    "named",
    "overrides_and_users",
    "parameters_in",
    "refactorings",
    "references_at",
    "renamed",
    "step_at",
    "symbols_in",
]

_PARAMETER: Final = re.compile(r"\$\{([A-Za-z_][\w]*)\}?")
_CLASS_FIELDS: Final = {"config_class": "", "builder_step_name": "", "module_path": ""}
_NOT_OVERRIDDEN: Final = frozenset({"name", "$schema", "aliases"})
_NOTE: Final = "Do not use this step in new pipelines."
_STEP_FIELDS: Final = frozenset({"replaced_by", "step"})


@final
class Completion(NamedTuple):
    """One proposed key or value.

    Args:
        kind: of the proposal.
        insert: the text to insert.
    """

    label: str
    kind: Literal["field", "value", "step", "class", "parameter", "output", "workspace", "pipeline"]
    detail: str = ""
    documentation: str = ""
    insert: str = ""


@final
class Hover(NamedTuple):
    """Markdown about the key or value in a span."""

    markdown: str
    span: Span


@final
class Symbol(NamedTuple):
    """Definition or field with its position."""

    name: str
    detail: str
    span: Span
    name_span: Span
    children: tuple[Symbol, ...] = ()


# --- schemas


def _schema(name: str | None) -> Mapping[str, Any]:
    if name is None:
        return {}
    return override_of(name.removesuffix("-override")) if name.endswith("-override") else contents(name)


def _below(schema: Mapping[str, Any], step: str | int) -> Mapping[str, Any]:
    """Return the subschema of a key or list item; empty if the schema has none."""
    for part in (schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())):
        if not isinstance(part, Mapping):
            continue
        subschema = part.get("items") if isinstance(step, int) else part.get("properties", {}).get(step)
        if subschema is None and not isinstance(step, int):
            subschema = part.get("additionalProperties")
        if isinstance(subschema, Mapping):
            return subschema
    return {}


def _schema_at(name: str | None, pointer: Pointer) -> Mapping[str, Any]:
    schema = _schema(name)
    for step in pointer:
        schema = _below(schema, step)
    return schema


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    every: dict[str, Any] = {}
    for part in (schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())):
        if isinstance(part, Mapping):
            every |= part.get("properties", {})
    return every


def _values(schema: Mapping[str, Any]) -> list[str]:
    for part in (schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())):
        if isinstance(part, Mapping) and "enum" in part:
            return [str(value) for value in part["enum"] if value is not None]
    types = schema.get("type", ())
    return ["true", "false"] if "boolean" in ((types,) if isinstance(types, str) else types) else []


# --- completion


def complete(session: OpenProject, path: str, text: str, line: int, column: int) -> tuple[Completion, ...]:
    """Return proposals for a position, in order of their labels within each kind.

    Args:
        line: from 0.
        column: in characters, from 0.
    """
    cursor = cursor_in(path, text, line, column)
    name = session.schema_of(path)
    if cursor is None or name is None:
        return ()
    before = line_texts(text)[line][:column]
    if re.search(r"\$\{\w*$", before):
        return tuple(_parameters(session, path))
    if cursor.key is None and not _is_item(cursor, name):
        completions: Iterable[Completion] = _keys(session, path, name, cursor)
    else:
        completions = _proposed_values(session, path, name, cursor)
    return tuple(dict.fromkeys(completions))


def _is_item(cursor: Cursor, name: str) -> bool:
    """Return whether a scalar item of a list is typed."""
    return cursor.parent[-1:] == (0,) and not _properties(_schema_at(name, cursor.parent))


def _keys(session: OpenProject, path: str, name: str, cursor: Cursor) -> Iterator[Completion]:
    schema = _schema_at(name, cursor.parent)
    for key, below in _properties(schema).items():
        if key in cursor.siblings or key == "$schema":
            continue
        mark = " = " if path.endswith(".toml") else ": "
        kind = below.get("type", "")
        detail = kind if isinstance(kind, str) else " or ".join(kind)
        yield Completion(key, "field", detail, below.get("description", ""), f"{key}{mark}")
    if name.startswith("pipeline") and len(cursor.parent) == 3 and cursor.parent[0] == "steps":
        step = _step_of_entry(session, path, cursor)
        interface = (step.interface or {}) if step is not None else {}
        if cursor.parent[2] == "inputs":
            for port, given in interface.get("inputs", {}).items():
                if port not in cursor.siblings:
                    yield Completion(
                        port, "field", given.get("type", ""), given.get("description", ""), f"{port}: "
                    )
        elif cursor.parent[2] == "config":
            every = (*interface.get("arguments", {}), *_environment(interface), *_of_parameters(step))
            for key in every:
                if key not in cursor.siblings:
                    yield Completion(key, "field", "argument, variable or parameter", "", f"{key}: ")


def _environment(interface: Mapping[str, Any]) -> Iterator[str]:
    variables = interface.get("env", {})
    yield from variables.get("required", ())
    yield from variables.get("optional", {})


def _of_parameters(step: StepDefinition | None) -> Iterator[str]:
    schema = (step.parameters or {}) if step is not None else {}
    yield from schema.get("properties", {})
    yield from (*schema.get("required_fields", ()), *schema.get("optional_fields", ()))


def _proposed_values(session: OpenProject, path: str, name: str, cursor: Cursor) -> Iterator[Completion]:
    view = session.view_of(path)
    pointer = cursor.pointer
    field = next((step for step in reversed(pointer) if isinstance(step, str)), "")
    schema = _schema_at(name, pointer)
    for value in _values(schema):
        yield Completion(value, "value")
    vocabulary = session.state.project.settings.vocabulary
    for value in vocabulary.get(f"{field}s", vocabulary.get(field, ())):
        yield Completion(value, "value", "vocabulary")
    if field == "preferred_frameworks":
        for value in vocabulary.get("frameworks", ()):
            yield Completion(value, "value", "vocabulary")
    if field in _STEP_FIELDS or field == "compatible_sources":
        yield from _steps(view)
    if field == "name" and name.endswith("-override"):
        kind = next(kind for kind, each in KINDS.items() if each.noun == name.removesuffix("-override"))
        for item in session.written.core.tables[kind].order:
            yield Completion(item, "step", "core")
    if field == "extends":
        for item in view.pipelines:
            yield Completion(item, "pipeline", "pipeline")
    if field == "workspace" and name == "project":
        for item in session.written.workspaces:
            yield Completion(item, "workspace")
    if field in _CLASS_FIELDS and session.state.project.settings.component_folders:
        yield from _classes(session, field)
    if name.startswith("pipeline") and len(pointer) == 4 and pointer[2] == "inputs":
        yield from _outputs(session, path, view)
    if name.startswith("pipeline") and field == "depends_on":
        for node, _ in _entries(session, path):
            yield Completion(node, "value", "step of this pipeline")


def _steps(view: View) -> Iterator[Completion]:
    for item in view.steps.order:
        step = view.steps[item]
        yield Completion(item, "step", step.sagemaker_step_type or "", step.data.get("description", ""))
        for alias in step.aliases:
            yield Completion(alias, "step", f"alias of {item}")


def _classes(session: OpenProject, field: str) -> Iterator[Completion]:
    ending = {"builder_step_name": "Builder", "config_class": "Config"}.get(field, "")
    if field == "module_path":
        for path in session.index.files:
            module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            yield Completion(module, "class", path)
        return
    for item, places in session.index.classes.items():
        if ending in item:
            yield Completion(item, "class", places[0].file.path)


def _entries(session: OpenProject, path: str) -> Iterator[tuple[str, str]]:
    """Yield the id and step of each node of a pipeline file."""
    document = session.document(path)
    for entry in (document.data.get("steps") or ()) if document is not None else ():
        if isinstance(entry, Mapping) and isinstance(entry.get("id"), str):
            yield entry["id"], str(entry.get("step", ""))


def _step_named(view: View, word: str) -> StepDefinition | None:
    return view.get(word.partition("@")[0].partition(":")[0].strip())


def _step_of_entry(session: OpenProject, path: str, cursor: Cursor) -> StepDefinition | None:
    """Return the step of the pipeline entry that is typed; the only one whose keys match."""
    document = session.document(path)
    view = session.view_of(path)
    for entry in (document.data.get("steps") or ()) if document is not None else ():
        if isinstance(entry, Mapping) and cursor.siblings >= set(entry.get(str(cursor.parent[2])) or ()):
            step = _step_named(view, str(entry.get("step", "")))
            if step is not None and cursor.siblings <= set(entry.get(str(cursor.parent[2])) or ()):
                return step
    return None


def _outputs(session: OpenProject, path: str, view: View) -> Iterator[Completion]:
    for node, word in _entries(session, path):
        step = _step_named(view, word)
        for output in (step.interface or {}).get("outputs", {}) if step is not None else ():
            yield Completion(f"{node}.{output}", "output", word)
    yield from _parameters(session, path, wrapped=True)


def _parameters(session: OpenProject, path: str, *, wrapped: bool = False) -> Iterator[Completion]:
    document = session.document(path)
    for name, value in (document.data.get("parameters") or {}).items() if document is not None else ():
        yield Completion(f"${{{name}}}" if wrapped else name, "parameter", f"default: {value}")


# --- what a position names


def _word_at(document: Document, pointer: Pointer) -> str | None:
    value: Any = document.data
    try:
        for step in pointer:
            value = value[step]
    except (KeyError, IndexError, TypeError):
        return None
    return value if isinstance(value, str) else None


def _at(
    session: OpenProject, path: str, text: str, line: int, column: int
) -> tuple[Document, Pointer, bool, int] | None:
    """Return the document, the pointer, whether it is a key, and the offset of a position."""
    document = read_text(path, text.encode("utf-8", "surrogatepass"))
    if not isinstance(document, Document) or session.schema_of(path) is None:
        return None
    lines = _with_ends(document.text)
    offset = sum(map(len, lines[:line])) + column
    pointer = pointer_at(document, offset)
    return None if pointer is None else (document, *pointer, offset)


def _with_ends(text: str) -> list[str]:
    return re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)


def step_at(session: OpenProject, path: str, text: str, line: int, column: int) -> tuple[str, Span] | None:
    """Return the step that a position names, with the span of the name."""
    target = _at(session, path, text, line, column)
    if target is None or target[2]:
        return None
    document, pointer, _, _ = target
    word = _word_at(document, pointer)
    name = session.schema_of(path) or ""
    if word is None or not _names_step(name, pointer):
        return None
    step = _step_named(session.view_of(path), word)
    if step is None:
        return None
    span = document.value_span(pointer)
    shown = word.partition("@")[0].partition(":")[0]
    start = span.column + (span.text or "").find(shown, span.column - 1) - (span.column - 1)
    if start < span.column:
        start = span.column
    return step.name, Span(path, span.line, start, span.line, start + len(shown), span.text)


def _names_step(schema: str, pointer: Pointer) -> bool:
    last = pointer[-1]
    if schema.startswith("step"):
        return (
            pointer == ("name",)
            or last == "replaced_by"
            or "compatible_sources" in pointer
            or pointer[0] == "aliases"
        )
    return schema.startswith("pipeline") and last == "step"


# --- hover


def hover_at(session: OpenProject, path: str, text: str, line: int, column: int) -> Hover | None:
    """Return what is known about the key or value at a position."""
    target = _at(session, path, text, line, column)
    if target is None:
        return None
    document, pointer, is_key, _ = target
    name = session.schema_of(path) or ""
    named = step_at(session, path, text, line, column)
    if named is not None:
        return Hover(_about_step(session, named[0], session.view_of(path)), named[1])
    span = document.key_span(pointer) if is_key else document.value_span(pointer)
    parts = [f"**{'.'.join(map(str, pointer))}**"]
    schema = _schema_at(name, pointer)
    if schema.get("description"):
        parts.append(schema["description"])
    values = _values(schema)
    if values:
        parts.append("Values: " + ", ".join(f"`{value}`" for value in values))
    if "default" in schema:
        parts.append(f"Default: `{schema['default']}`")
    parts += _provenance(session, path, document, pointer)
    return Hover("\n\n".join(parts), span) if len(parts) > 1 else None


def _provenance(session: OpenProject, path: str, document: Document, pointer: Pointer) -> Iterator[str]:
    step = document.data.get("name")
    if (session.schema_of(path) or "").partition("-")[0] != "step" or not isinstance(step, str):
        return
    field = ".".join(map(str, (item for item in pointer if isinstance(item, str))))
    for view in (session.written.core, *map(session.written.view, session.written.workspaces)):
        if step not in view.steps or (view.workspace and step not in view.steps.above):
            continue
        try:
            explained = view.explain(step, field)
        except (StepwellError, LookupError):
            continue
        lines = [f"In {view.title}: `{explained.value}` from {_origin(session, explained.winner)}"]
        lines += [f"- replaces `{loser.value}` from {_origin(session, loser)}" for loser in explained.losers]
        yield "\n".join(lines)


def _origin(session: OpenProject, origin: Origin) -> str:
    if origin.span is None:
        return f"the {origin.how}"
    place = f"{origin.span.path}:{origin.span.line}"
    if origin.span.path.startswith("<"):
        return place
    return f"[{place}](file://{session.root}/{origin.span.path}#L{origin.span.line})"


def _about_step(session: OpenProject, name: str, view: View) -> str:
    step = view[name]
    lines = [f"**{name}** ({view.title})", step.data.get("description", "")]
    if step.sagemaker_step_type:
        lines.append(f"`{step.sagemaker_step_type}`" + (f", `{step.framework}`" if step.framework else ""))
    if step.deprecated is not None:
        replacement = step.deprecated.replaced_by
        lines.append("Deprecated" + (f": use `{replacement}`" if replacement else ""))
    interface = step.interface or {}
    for title, ports in (("Inputs", interface.get("inputs")), ("Outputs", interface.get("outputs"))):
        if ports:
            lines.append(f"{title}: " + ", ".join(f"`{port}`" for port in ports))
    overrides, users = overrides_and_users(session, name)
    if overrides:
        lines.append("Overridden in " + ", ".join(f"`{workspace}`" for workspace in overrides))
    if users:
        lines.append("Used by " + ", ".join(f"`{pipeline}`" for pipeline in users))
    return "\n\n".join(lines)


def overrides_and_users(session: OpenProject, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the workspaces that override a step, and the pipelines that use it."""
    written = session.written
    overrides = [
        workspace
        for workspace in written.workspaces
        if name in written.view(workspace).steps.above
        and any(source.layer is Layer.OVERRIDE for source in written.view(workspace).steps[name].sources)
    ]
    users = {
        str(reference.source.document.data.get("name"))
        for reference in _references(session, name)
        if reference.role == "pipeline step"
    }
    return tuple(overrides), tuple(sorted(users))


# --- locations


def _references(session: OpenProject, name: str) -> Iterator[NameReference]:
    job_types = session.state.project.settings.naming.job_type_suffixes
    for view in (session.written.core, *map(session.written.view, session.written.workspaces)):
        if name in view.steps:
            words = frozenset({name, *view.steps[name].aliases})
            return step_references(session.written, words, job_types)
    return iter(())


def references_at(session: OpenProject, path: str, text: str, line: int, column: int) -> tuple[Span, ...]:
    """Return the positions of all names of the step at a position."""
    named = step_at(session, path, text, line, column)
    if named is None:
        return ()
    return tuple(
        reference.source.document.value_span(reference.pointer)
        for reference in _references(session, named[0])
        if reference.role not in ("class", "custom") and not reference.source.document.path.startswith("<")
    )


def definition_at(session: OpenProject, path: str, text: str, line: int, column: int) -> tuple[Span, ...]:
    """Return where the name at a position is defined."""
    target = _at(session, path, text, line, column)
    if target is None:
        return ()
    document, pointer, _, offset = target
    name = session.schema_of(path) or ""
    view = session.view_of(path)
    word = _word_at(document, pointer)
    named = step_at(session, path, text, line, column)
    if named is not None:
        return tuple(_definitions(view, named[0], beside=path if pointer == ("name",) else ""))
    if word is None:
        return ()
    if name.startswith("pipeline"):
        for match in _PARAMETER.finditer(document.text):
            if match.start() <= offset <= match.end() and match[1] in (document.data.get("parameters") or {}):
                return (document.key_span(("parameters", match[1])),)
        if pointer == ("extends",) and word in view.pipelines:
            return (_name_span(view.pipelines[word].sources[0].document),)
        if "inputs" in pointer or "depends_on" in pointer:
            node = word.partition(".")[0]
            for at, (entry, _) in enumerate(_entries(session, path)):
                if entry == node:
                    return (document.value_span(("steps", at, "id")),)
    if pointer[-1] in _CLASS_FIELDS:
        return tuple(
            Span(place.file.path, place.outline.line, place.outline.column)
            for place in session.index.classes.get(word, ())
        )
    return ()


def _definitions(view: View, name: str, *, beside: str) -> Iterator[Span]:
    """Yield the names in the files of a step, the base before its overrides."""
    spans = [_name_span(source.document) for source in reversed(view.steps[name].sources)]
    spans = [span for span in spans if not span.path.startswith("<")]
    yield from [span for span in spans if span.path != beside] or spans


def _name_span(document: Document) -> Span:
    return document.value_span(("name",))


# --- symbols and hints


def conventions_of(session: OpenProject, path: str) -> tuple[tuple[str, Span], ...]:
    """Return the values that a step has by convention, with the position of its name."""
    document = session.document(path)
    if document is None or session.schema_of(path) != "step":
        return ()
    step = session.view_of(path).get(str(document.data.get("name")))
    if step is None or step.sagemaker_step_type is None:
        return ()
    place = _name_span(document)
    fields = ("config_class", "builder_step_name", "spec_type")
    return tuple(
        (f"{field}: {getattr(step, field)}", place) for field in fields if field not in document.data
    )


def parameters_in(session: OpenProject, path: str, text: str) -> tuple[tuple[int, int], ...]:
    """Return start and end of every ``${parameter}`` of a pipeline, in characters."""
    if not (session.schema_of(path) or "").startswith("pipeline"):
        return ()
    return tuple(match.span() for match in _PARAMETER.finditer(text))


def symbols_in(session: OpenProject, path: str) -> tuple[Symbol, ...]:
    """Return the definition in a file with its fields."""
    document = session.document(path)
    if document is None:
        return ()
    places = document.locate(document.text)
    fields = tuple(
        Symbol(str(pointer[0]), "", document.key_span(pointer), document.key_span(pointer))
        for pointer in places.keys
        if len(pointer) == 1
    )
    name = str(document.data.get("name", path))
    span = document.value_span(())
    return (Symbol(name, session.schema_of(path) or "", span, _name_span(document), fields),)


# --- edits


def formatted_text(session: OpenProject, path: str, text: str) -> str | None:
    """Return the formatted text of a file, or ``None`` if its syntax is invalid."""
    name = session.schema_of(path)
    if name is None or name == "project":
        return None
    try:
        content = formatted(path, text.encode("utf-8", "surrogatepass"), name.removesuffix("-override"))
    except EditRefused:
        return None
    return content.decode("utf-8").removeprefix("\ufeff")


def fixed(session: OpenProject, findings: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Yield the findings that have a fix, with its text edits."""
    for finding in with_edits(session.state.project, findings):
        if finding.fix is not None and finding.fix.edits:
            yield finding


def renamed(session: OpenProject, old: str, new: str) -> FileEdits:
    """Return the planned files after a step is renamed.

    Raises:
        EditRefused: the name is invalid or taken, or a file cannot be edited.
    """
    place = Span(session.state.project.config.path if session.state.project.config else "stepwell.toml")
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", new):
        raise EditRefused(f"`{new}` is not a valid name of a step", place)
    written = session.written
    for view in (written.core, *map(written.view, written.workspaces)):
        if new in view.steps:
            raise EditRefused(f"step `{new}` already exists in {view.title}", place)
    files = FileEdits(session.state.project)
    StepEdits(session.state.project, session.state.snapshot, files).rename(old, new, in_python=False)
    return files


def ignored(session: OpenProject, path: str, finding: Diagnostic) -> TextEdit | None:
    """Return the comment that hides a finding, or ``None`` if it cannot be hidden by one."""
    document = session.document(path)
    span = finding.span
    if document is None or span is None or finding.id not in RULES or finding.id in ALWAYS_REPORTED:
        return None
    line = line_texts(document.text)[span.line - 1]
    if "#" in line:
        return None
    place = Span(path, span.line, len(line) + 1, span.line, len(line) + 1)
    return TextEdit(place, f"  # stepwell: ignore[{finding.id}]")


@final
class Refactoring(NamedTuple):
    """Edit of a step that an editor offers.

    Args:
        files: planned files.
        chosen: position in the new content that the user edits next.
    """

    title: str
    files: FileEdits
    chosen: Span


def refactorings(session: OpenProject, path: str, line: int) -> Iterator[Refactoring]:
    """Yield the edits that a line of a step definition offers.

    Args:
        line: from 0.
    """
    document = session.document(path)
    if document is None or session.schema_of(path) != "step":
        return
    view = session.view_of(path)
    step = view.get(str(document.data.get("name")))
    field = next(
        (
            str(key[0])
            for key in document.locate(document.text).keys
            if len(key) == 1 and document.key_span(key).line - 1 <= line < document.value_span(key).end_line
        ),
        "",
    )
    if step is None or not field:
        return
    if "deprecated" not in document.data:
        pointer = ("deprecated", "note")

        def deprecate(edits: StepEdits) -> None:
            edits.set_in(path, [(pointer, _NOTE)])

        yield from _refactoring(session, f"Deprecate `{step.name}`", deprecate, path, pointer)
    if view.workspace is None and field not in _NOT_OVERRIDDEN:
        for workspace in session.state.snapshot.workspaces:
            definition = session.state.snapshot.view(workspace).get(step.name)
            target = None if definition is None else _overridable(definition, field)
            if definition is not None and target is not None:

                def override(
                    edits: StepEdits, workspace: str = workspace, definition: StepDefinition = definition
                ) -> None:
                    edits.override(
                        workspace, definition, [((field,), thaw(document.data[field]))], always=True
                    )

                title = f"Override `{field}` in workspace {workspace}"
                yield from _refactoring(session, title, override, target, (field,))


def _overridable(definition: StepDefinition, field: str) -> str | None:
    """Return the override of a step, empty if there is none; ``None`` if the workspace sets the field."""
    own = [source for source in definition.sources if source.layer in (Layer.LOCAL, Layer.OVERRIDE)]
    if any(source.layer is Layer.LOCAL or field in source.document.data for source in own):
        return None
    return own[0].document.path if own else ""


def _refactoring(
    session: OpenProject, title: str, edit: Callable[[StepEdits], None], path: str, pointer: Pointer
) -> Iterator[Refactoring]:
    """Yield an edit, unless it is rejected.

    Args:
        path: file with the value that the user edits next; empty for the only planned file.
    """
    files = FileEdits(session.state.project)
    try:
        edit(StepEdits(session.state.project, session.state.snapshot, files))
        document = files.document(path or next(iter(files.files)))
    except EditRefused:
        return
    yield Refactoring(title, files, document.value_span(pointer))


def lens_of(session: OpenProject, path: str) -> tuple[str, Span] | None:
    """Return how often the step of a file is overridden and used, with the position of its name."""
    document = session.document(path)
    if document is None or session.schema_of(path) != "step":
        return None
    overrides, users = overrides_and_users(session, str(document.data.get("name")))
    verb = "overrides" if len(overrides) == 1 else "override"
    text = f"{counted(len(overrides), 'workspace')} {verb} this · used by {counted(len(users), 'pipeline')}"
    return text, _name_span(document)


def named(session: OpenProject, query: str) -> Iterator[tuple[str, str, Span]]:
    """Yield name, kind and position of the definitions whose name contains a query, in any case."""
    for source in session.state.checked.values():
        if source.name is None or query.lower() not in source.name.lower():
            continue
        authored = source.authored or source.partial
        if authored is not None:
            yield source.name, KINDS[source.listed.kind].noun, _name_span(authored.source.document)
