"""Plans the definition files of new steps and pipelines."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, final

from stepwell.model import StepDefinition
from stepwell.model.graph import Among, Pipeline
from stepwell.model.graph.node import read_step
from stepwell.model.graph.serialize import plain_of
from stepwell.model.layer import Layer
from stepwell.model.schema import contents, fields
from stepwell.model.settings import Project
from stepwell.resolve.snapshot import Snapshot
from stepwell.resolve.view import View
from stepwell.run.pipelines.wiring import propose, wired
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.document import thaw
from stepwell.source.python import index_sources
from stepwell.source.read import read_text
from stepwell.source.spelling import suggest
from stepwell.source.tree import EntryKind
from stepwell.source.wording import parenthesised
from stepwell.write.migrate.plan import file_text, in_schema_order
from stepwell.write.scaffold.plan import values_for
from stepwell.write.scaffold.template_files import find_templates, render

__all__ = [
    "NewFile",
    "NotWritten",
    "assigned",
    "located",
    "plan_code",
    "plan_pipeline",
    "plan_step",
    "schema_near",
]


_NOT_COPIED: Final = frozenset({"name", "aliases", "deprecated"})
_OF_ITS_FOLDER: Final = "components"
"""Field with layer-relative paths, which cannot be copied to another layer."""


@final
class NotWritten(Exception):
    """A definition cannot be written."""


@final
@dataclass(frozen=True, slots=True)
class NewFile:
    """Planned definition file.

    Args:
       path: relative to the project.
    """

    path: str
    text: str


def plan_step(
    project: Project, view: View, name: str, like: StepDefinition | None, settings: Iterable[str]
) -> NewFile:
    """Return the file of a new step in the core or a workspace's local layer.

    Args:
       said: fields as ``field=value``; an empty value omits the field.

    Raises:
       NotWritten: the name or file exists, or a field is invalid.
    """
    _refuse_taken(view, name)
    data: dict[str, Any] = {"name": name}
    if like is not None:
        same_folder = like.sources[0].workspace == view.workspace
        data.update(
            (key, thaw(value))
            for key, value in like.data.items()
            if key not in _NOT_COPIED and (key != _OF_ITS_FOLDER or same_folder)
        )
    for item in settings:
        _set(data, item)
    data.setdefault("description", f"Describe {name} in one sentence.")
    path = _path(project, view, name, like)
    target = project.tree.follow(path)
    if target.path is None or target.path != path:
        raise NotWritten(f"{path} leads elsewhere through a symbolic link; nothing was written")
    if target.kind is not None or os.path.lexists(f"{project.root}/{path}"):
        raise NotWritten(f"{path} already exists; nothing was written")
    text = file_text(in_schema_order("step", data), schema_path=schema_near(project, path, "step"))
    if isinstance(text, Diagnostic):
        raise NotWritten(f"no file can hold `{name}`: {text.message}")
    return NewFile(path, text)


def plan_code(project: Project, snapshot: Snapshot, view: View, name: str) -> tuple[str, dict[str, bytes]]:
    """Plan a new step with code: definition, configuration, builder, script, contract and test.

    The template `standard` of workspaces provides them; the project may replace it.

    Returns:
       The path of the definition, and the content of all files by path.

    Raises:
       NotWritten: the name or a file exists, or the template is broken.
    """
    _refuse_taken(view, name)
    templates = find_templates(project)
    template = templates.value["standard"]
    wanted = {
        path: file
        for path, file in template.files.items()
        if "step.stem" in path or posixpath.basename(path).startswith("__init__.py")
    }
    index = None
    if project.settings.references is not None and project.settings.references.builder_base:
        index = index_sources(project.root, project.settings.references.source)
    stem = project.settings.naming.stem(name)
    folder = "." if view.workspace is None else f"{project.settings.workspaces}/{view.workspace}"
    source = "src" if view.workspace is not None else (*project.settings.component_folders, "src")[0]
    values = values_for(project, snapshot, view.workspace or "core", index=index)
    step = {
        **values["step"],
        "name": name,
        "stem": stem,
        "constant": stem.upper(),
        "config_class": f"{name}Config",
        "builder_step_name": f"{name}StepBuilder",
    }
    values = {**values, "folder": folder, "folder_in_shell": folder, "source": source, "step": step}

    def goal(path: str) -> str:
        if view.workspace is not None:
            return f"{folder}/{path}"
        top, _, rest = path.partition("/")
        return posixpath.join({"local": project.settings.core, "src": source}.get(top, top), rest)

    rendered = render(
        replace(template, files=wanted), values, lambda noun, path: schema_near(project, goal(path), noun)
    )
    if rendered.has_errors or templates.has_errors:
        raise NotWritten((*rendered.diagnostics, *templates.diagnostics)[0].message)
    files = {goal(path): content for path, content in rendered.value.items()}
    for path in list(files):
        if os.path.lexists(f"{project.root}/{path}"):
            if posixpath.basename(path) != "__init__.py":
                raise NotWritten(f"{path} already exists; nothing was written")
            del files[path]
    definition = goal(f"local/steps/{stem}.yaml")
    return definition, files


def _refuse_taken(view: View, name: str) -> None:
    if name in view.steps:
        source = view.steps[name].sources[0]
        where = "the core" if source.layer is Layer.CORE else f"the {source.layer.value} layer"
        hint = "; to change it for a workspace, write an override" if source.layer is Layer.CORE else ""
        raise NotWritten(f"step `{name}` already exists in {where} ({source.document.path}){hint}")
    aliased = view.by_alias(name)
    if aliased is not None:
        raise NotWritten(f"`{name}` is already an alias of the step `{aliased.name}`")


def _path(project: Project, view: View, name: str, like: StepDefinition | None) -> str:
    settings = project.settings
    layer = settings.core if view.workspace is None else f"{settings.workspaces}/{view.workspace}/local"
    folder = f"{layer}/steps"
    if like is not None:
        beside = posixpath.dirname(like.sources[-1].document.path)
        if beside.startswith(f"{folder}/"):
            folder = beside
    return f"{folder}/{settings.naming.stem(name)}.yaml"


def schema_near(project: Project, path: str, noun: str) -> str:
    """Return the relative path from a new file to the project's schema; empty without one."""
    schema = f"schemas/{noun}.schema.json"
    if project.tree.follow(schema).kind is not EntryKind.FILE:
        return ""
    return posixpath.relpath(schema, posixpath.dirname(path))


def assigned(item: str) -> tuple[tuple[str, ...], Any]:
    """Return the pointer and the value of ``field=value``, with the type that the schema declares.

    Returns:
       The value is ``None`` if the text is empty.

    Raises:
       NotWritten: the field is unknown, or the value is not valid YAML.
    """
    field, equals, text = item.partition("=")
    if not equals:
        raise NotWritten(f"`{item}` has no value: use `{item}=...`, or `{item}=` to omit the field")
    pointer, form = located(field)
    if form is None:
        return pointer, _read(field, text)
    return pointer, _value(field, form, text) if text else None


def located(field: str) -> tuple[tuple[str, ...], Mapping[str, Any] | None]:
    """Return the pointer and the schema of a field of a step, nested with dots; no schema for ``x-`` fields.

    Raises:
       NotWritten: there is no such field.
    """
    whole, _, inner = field.partition(".")
    if whole[:2] == "x-":
        return (whole, *inner.split(".")) if inner else (whole,), None
    if whole not in fields("step"):
        raise NotWritten(f"unknown field `{whole}` ({_near(whole, fields('step'))})")
    form: Mapping[str, Any] = contents("step")["properties"][whole]
    pointer: tuple[str, ...] = (whole,)
    for part in inner.split(".") if inner else ():
        form = _form_below(form, list(pointer), part)
        pointer = (*pointer, part)
    return pointer, form


def _set(data: dict[str, Any], item: str) -> None:
    pointer, value = assigned(item)
    if pointer[0] == "name":
        raise NotWritten("the name is the argument of the command and cannot be set")
    holders = [data]
    for part in pointer[:-1]:
        below = holders[-1].get(part)
        if not isinstance(below, dict):
            below = holders[-1][part] = {}
        holders.append(below)
    if value is not None or pointer[0].startswith("x-"):
        holders[-1][pointer[-1]] = value
        return
    holders[-1].pop(pointer[-1], None)
    for holder, part in reversed(list(zip(holders, pointer, strict=False))):
        if holder.get(part) == {}:  # now empty
            del holder[part]


def _form_below(form: Mapping[str, Any], above: list[str], part: str) -> Mapping[str, Any]:
    """Return the schema of a nested field."""
    known: Mapping[str, Any] = form.get("properties", {})
    if part in known:
        below: Mapping[str, Any] = known[part]
        return below
    free = form.get("additionalProperties")
    if not isinstance(free, dict) or not part:
        shown = ".".join(above)
        raise NotWritten(f"`{shown}` has no field `{part}` ({_near(part, known)})")
    return free


def _value(field: str, form: Mapping[str, Any], text: str) -> Any:
    kind = form.get("type")
    if kind == "string":
        return text
    if kind == "array" and not text.startswith("["):
        return [item for word in text.split(",") if (item := word.strip())]
    return _read(field, text)


def _read(field: str, text: str) -> Any:
    """Parse a value as YAML."""
    document = read_text("value.yaml", f"value: {text}\n".encode("utf-8", "backslashreplace"))
    if isinstance(document, Diagnostic) or document.data.keys() != {"value"}:
        why = f": {document.message}" if isinstance(document, Diagnostic) else ""
        raise NotWritten(f"the value of `{field}` is not valid YAML{why}")
    return thaw(document.data["value"])


def _near(word: str, known: Iterable[str]) -> str:
    every = tuple(known)
    return suggest(word, every) or f"fields are {', '.join(every)}"


def plan_pipeline(
    project: Project,
    view: View,
    views: Callable[[str | None], View],
    among: Among,
    name: str,
    like: Pipeline | None,
    steps: Iterable[str],
) -> NewFile:
    """Return the file of a new pipeline in the core or a workspace's local layer.

    Args:
       views: returns the view of a workspace, or of the core for ``None``.
       among: further known step names.
       steps: steps as in a pipeline file; unambiguous inputs are connected.

    Raises:
       NotWritten: the name or file exists, or steps are unknown; has an argument for each.
    """
    if name in view.pipelines:
        path = view.pipelines[name].sources[0].document.path
        raise NotWritten(f"pipeline `{name}` already exists ({path})")
    description = like.description if like is not None else ""
    made = Pipeline(name, description or f"Describe {name} in one sentence.", workspace=view.workspace)
    if like is not None:
        made = like.clone(name)
    words = tuple(steps)
    unknown = [fault for word in words if (fault := _unknown(view, views, among, word))]
    if unknown:
        raise NotWritten(*unknown)
    for word in words:
        made = _with_step(project, made, view, views, among, word)
    if words:
        made = wired(made, propose(made, views, project.settings))
    return _file(project, view, name, plain_of(made, among))


def _unknown(view: View, views: Callable[[str | None], View], among: Among, word: str) -> str:
    reading = read_step(word, among.views, among.job_types)
    if reading.workspace is not None and reading.workspace not in among.views:
        return (
            f"unknown workspace `{reading.workspace}`{parenthesised(suggest(reading.workspace, among.views))}"
        )
    whose = view if reading.workspace is None else views(reading.workspace)
    hint = parenthesised(suggest(reading.name, whose))
    return "" if reading.name in whose else f"no step `{reading.name}` in {whose.title}{hint}"


def _with_step(
    project: Project,
    pipeline: Pipeline,
    view: View,
    views: Callable[[str | None], View],
    among: Among,
    word: str,
) -> Pipeline:
    reading = read_step(word, among.views, among.job_types)
    whose = view if reading.workspace is None else views(reading.workspace)
    stem = project.settings.naming.stem(reading.name)
    step_id = wanted = f"{stem}_{reading.job_type}" if reading.job_type else stem
    count = 1
    while step_id in pipeline.nodes:
        count += 1
        step_id = f"{wanted}_{count}"
    definition = whose[reading.name]
    return pipeline.add_step(step_id, definition, workspace=reading.workspace, job_type=reading.job_type)


def _file(project: Project, view: View, name: str, data: dict[str, Any]) -> NewFile:
    settings = project.settings
    layer = settings.core if view.workspace is None else f"{settings.workspaces}/{view.workspace}/local"
    path = f"{layer}/pipelines/{settings.naming.stem(name)}.yaml"
    target = project.tree.follow(path)
    if target.path is None or target.path != path:
        raise NotWritten(f"{path} leads elsewhere through a symbolic link; nothing was written")
    if target.kind is not None or os.path.lexists(f"{project.root}/{path}"):
        raise NotWritten(f"{path} already exists; nothing was written")
    text = file_text(in_schema_order("pipeline", data), schema_path=schema_near(project, path, "pipeline"))
    if isinstance(text, Diagnostic):
        raise NotWritten(f"no file can hold `{name}`: {text.message}")
    return NewFile(path, text)
