"""Plans edits of steps: fields in the file that explains them, overrides, renames, moves and removals."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, final

from stepwell.check.layers.outdated_override import leaves
from stepwell.code.usages import (
    NameReference,
    python_files,
    step_into_all,
    step_references,
    workflow_references,
)
from stepwell.model import Definition, StepDefinition
from stepwell.model.kinds import kind_of
from stepwell.model.layer import BASED_ON, Layer, Source, origins_in
from stepwell.model.record import Record
from stepwell.model.schema import conventions, fields
from stepwell.model.settings import Project
from stepwell.resolve.snapshot import Snapshot
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Diagnostic, Span
from stepwell.source.document import Pointer, thaw
from stepwell.source.merge_patch import merge_patch
from stepwell.source.python.occurrences import with_renamed_strings
from stepwell.write.edit.engine import EditRefused, at
from stepwell.write.edit.format import SchemaComments
from stepwell.write.edit.plan import FileEdits
from stepwell.write.edit.text import Change, Remove, Set, comments_in
from stepwell.write.migrate.plan import file_text
from stepwell.write.scaffold.step import schema_near

__all__ = ["Assignment", "StepEdits"]

Assignment = tuple[Pointer, Any]
"""Pointer and value of a field."""

_FOR_FILES: Final = (Layer.CORE, Layer.LOCAL, Layer.OVERRIDE)


@final
class StepEdits:
    """Edits of the steps of one project, planned in ``files``."""

    def __init__(self, project: Project, snapshot: Snapshot, files: FileEdits) -> None:
        self._project = project
        self._snapshot = snapshot
        self._files = files
        self._order = fields("step")

    def set(self, view: View, step: StepDefinition, assignments: Iterable[Assignment]) -> None:
        """Set fields of a step, each in the file that explains its value in a view.

        In a workspace, a value of the core is overridden in the workspace's own file; a missing override is
        created.

        Raises:
            EditRefused: a file cannot be edited.
        """
        for pointer, value in assignments:
            own = self._own_sources(view, step)
            winner = next((source for source in own if self._states(source, pointer)), None)
            if winner is None:
                complete = [source for source in own if source.layer is not Layer.OVERRIDE]
                winner = next(iter((*complete, *own)), None)
            if winner is not None:
                self._change(winner.document.path, [Set(pointer, value)])
            elif view.workspace is not None:
                self._override(view.workspace, step, [(pointer, value)])
            else:
                raise self._not_in_files(step)

    def set_in(self, path: str, assignments: Iterable[Assignment]) -> None:
        """Set fields in one definition file, which may have errors.

        Raises:
            EditRefused: the file cannot be edited.
        """
        self._change(path, [Set(pointer, value) for pointer, value in assignments])

    def unset_in(self, path: str, pointers: Iterable[Pointer]) -> None:
        """Remove fields from one definition file, which may have errors.

        Raises:
            EditRefused: the file cannot be edited.
        """
        self._change(path, [Remove(pointer) for pointer in pointers])

    def unset(self, view: View, step: StepDefinition, pointers: Iterable[Pointer]) -> None:
        """Remove fields of a step from the file that explains their values in a view.

        In a workspace, an optional field of the core is removed by ``null`` in the override.

        Raises:
            EditRefused: a field is not set, or a file cannot be edited.
        """
        for pointer in pointers:
            name = ".".join(map(str, pointer))
            origin = next(origins_in(step.sources, pointer), None)
            if origin is None or origin.span is None:
                raise EditRefused(f"`{step.name}` does not set `{name}`", self._span(step))
            own = self._own_sources(view, step)
            winner = next((source for source in own if self._states(source, pointer)), None)
            if winner is not None:
                self._change(winner.document.path, [Remove(pointer)])
                if winner.layer is Layer.OVERRIDE:
                    self._delete_if_empty(winner.document.path)
            elif view.workspace is not None:
                self._override(view.workspace, step, [(pointer, None)])
            else:
                raise self._not_in_files(step)

    def override(
        self, workspace: str, step: StepDefinition, assignments: Iterable[Assignment], *, always: bool = False
    ) -> None:
        """Set fields in the override of a workspace; values that equal those below are not written.

        Args:
            always: whether values that equal those below are written too.

        Raises:
            EditRefused: all values are already in effect, or a file cannot be edited.
        """
        own = [source for source in step.sources if source.layer is Layer.OVERRIDE]
        base = _below(step, own)
        changed: list[Assignment] = []
        replaced: list[Assignment] = []
        for pointer, value in assignments:
            there = thaw(base.origin(*pointer).value)
            if always or there != value or any(self._states(source, pointer) for source in own):
                changed.append((pointer, value))
                replaced.append(((BASED_ON, *pointer), there))
        if not changed:
            message = f"`{step.name}` already has these values, so an override changes nothing"
            raise EditRefused(message, self._span(step))
        self._override(workspace, step, [*changed, *replaced])

    def rebase(self, workspace: str, keep: str) -> int:
        """Merge changes of the layers below into the overrides of a workspace.

        Fields that the layers below now set to the same value are removed, and the values of the others are
        recorded in ``based_on``.

        Args:
            keep: ``ours`` keeps overrides of changed values, ``theirs`` removes them, ``neither`` leaves them
                as they are.

        Returns:
            The number of changed values whose override was left as it is.

        Raises:
            EditRefused: a file cannot be edited.
        """
        conflicts = 0
        for table in self._snapshot.view(workspace).tables.values():
            for definition in table.above.values():
                own = [source for source in definition.sources if source.layer is Layer.OVERRIDE]
                if own:
                    conflicts += self._rebase(own[0], _below(definition, own), keep)
        return conflicts

    def _rebase(self, source: Source, base: Record, keep: str) -> int:
        document = self._files.document(source.document.path)
        known = document.data.get(BASED_ON) or {}
        conflicts = 0
        changes: list[Change] = []
        for pointer, value in leaves(source.document.data):
            if pointer[0] in ("name", "$schema"):
                continue
            now, recorded = thaw(base.origin(*pointer).value), (BASED_ON, *pointer)
            is_known = _has(known, pointer)
            if thaw(value) == now or (is_known and thaw(at(known, pointer)) != now and keep == "theirs"):
                changes += [Remove(pointer), *([Remove(recorded)] if is_known else [])]
            elif not is_known or (thaw(at(known, pointer)) != now and keep == "ours"):
                changes.append(Set(recorded, now))
            elif thaw(at(known, pointer)) != now:
                conflicts += 1
        if changes:
            self._change(source.document.path, changes)
            self._delete_if_empty(source.document.path)
        return conflicts

    def deprecate(self, view: View, step: StepDefinition, notice: Mapping[str, str]) -> None:
        """Add a deprecation to a step.

        Raises:
            EditRefused: a file cannot be edited.
        """
        self.set(view, step, [(("deprecated", field), text) for field, text in notice.items()])

    def rename(self, old: str, new: str, *, in_python: bool) -> None:
        """Rename a step: definitions, file names, overrides, references, workflows and the configuration.

        The old name becomes an alias, and class names by convention are written out, so that code of the step
        and answers to the old name do not change.

        Args:
            in_python: whether strings in Python sources that equal the name are renamed too.

        Raises:
            EditRefused: a file cannot be edited.
        """
        moved: dict[str, str] = {}
        job_types = self._project.settings.naming.job_type_suffixes
        for reference in step_references(self._snapshot, frozenset({old}), job_types):
            path = reference.source.document.path
            if reference.role == "name" and reference.kind == "steps":
                self._change(path, self._renamed(reference.source, old, new))
                stem = self._project.settings.naming.stem(new)
                folder, file = posixpath.split(path)
                moved[path] = posixpath.join(folder, f"{stem}{posixpath.splitext(file)[1]}")
            elif reference.role in ("replacement", "pipeline step", "source"):
                self._change(path, [Set(reference.pointer, _with_new_name(reference, old, new))])
        for path, target in moved.items():
            self._files.move(path, target)
        self._rename_in_configuration(old, new)
        workflows = workflow_references(self._project, self._snapshot, frozenset({old}))
        for document, pointer in workflows:
            self._change(document.path, [Set(pointer, new)])
        for path, content in python_files(self._project.root) if in_python else ():
            renamed = with_renamed_strings(content, old, new)
            if renamed != content:
                self._files.content(path)
                self._files.write(path, renamed)

    def remove(self, name: str, workspace: str | None) -> None:
        """Delete the definition of a step and its overrides, in one workspace or in the core and overlays.

        Raises:
            EditRefused: there is no definition file of this step.
        """
        paths = []
        for source in self._definitions(name):
            in_scope = workspace is None or source.workspace == workspace
            if in_scope and (workspace is not None or source.layer is not Layer.LOCAL):
                paths.append(source.document.path)
        if not paths:
            raise EditRefused(f"no file defines `{name}`", Span(self._project.settings.core))
        for path in dict.fromkeys(paths):
            self._files.delete(path)

    def move(self, name: str, origin: str | None, target: str | None) -> None:
        """Move the definition of a step to another layer; an override is merged into the core.

        Args:
            origin: workspace; ``None`` for the core.
            target: workspace; ``None`` for the core.

        Raises:
            EditRefused: there is nothing to move, or the target already has a definition.
        """
        moving = [source for source in self._definitions(name) if source.workspace == origin]
        if not moving:
            where = f"workspace `{origin}`" if origin else "the core"
            raise EditRefused(f"{where} does not define `{name}`", Span(self._project.settings.core))
        for source in moving:
            path = source.document.path
            folder = self._layer_folder(origin, source.layer)
            inner = path.removeprefix(f"{folder}/")
            if source.layer is Layer.OVERRIDE and target is None:
                self._merge_into_core(source, name)
                continue
            layer = source.layer if source.layer is Layer.OVERRIDE else Layer.LOCAL
            goal = f"{self._layer_folder(target, layer)}/{inner}"
            self._relocate_components(source, origin, target)
            self._files.move(path, goal)
            schema = "step-override" if layer is Layer.OVERRIDE else "step"
            content = self._files.content(goal) or b""
            self._files.write(goal, SchemaComments(self._project).corrected(goal, schema, content))

    def _merge_into_core(self, source: Source, name: str) -> None:
        """Apply an override to the definition of the core, and delete it."""
        core = [each for each in self._definitions(name) if each.layer is Layer.CORE]
        if not core:
            message = f"the core does not define `{name}`; move its definition first"
            raise EditRefused(message, source.document.key_span(("name",)))
        base = core[0].document
        changes: list[Change] = []
        for pointer, value in leaves(source.document.data):
            if pointer[0] in ("name", "$schema"):
                continue
            if value is not None:
                changes.append(Set(pointer, thaw(value)))
            elif _value(base.data, pointer) is not None:
                changes.append(Remove(pointer))
        self._change(base.path, changes)
        self._files.delete(source.document.path)

    def _relocate_components(self, source: Source, origin: str | None, target: str | None) -> None:
        """Adjust the paths of components, which are relative to the folder of the workspace."""
        components = source.document.data.get("components")
        if not isinstance(components, Mapping):
            return
        base = self._project.settings.workspaces
        for kind, place in components.items():
            if place is None:
                continue
            whole = f"{base}/{origin}/{place}" if origin else place
            goal = whole if target is None else whole.removeprefix(f"{base}/{target}/")
            if target is not None and goal == whole:
                message = f"`components.{kind}` is not in the folder of workspace `{target}`; move it first"
                raise EditRefused(message, source.document.value_span(("components", kind)))
            self._change(source.document.path, [Set(("components", kind), goal)])

    def _definitions(self, name: str) -> Iterator[Source]:
        """Yield the sources of a step in files of the project, each once."""
        job_types = self._project.settings.naming.job_type_suffixes
        for reference in step_references(self._snapshot, frozenset({name}), job_types):
            if reference.role == "name" and reference.kind == "steps":
                yield reference.source

    def _layer_folder(self, workspace: str | None, layer: Layer) -> str:
        settings = self._project.settings
        if workspace is None:
            return settings.core
        return f"{settings.workspaces}/{workspace}/{'override' if layer is Layer.OVERRIDE else 'local'}"

    def _own_sources(self, view: View, step: StepDefinition) -> list[Source]:
        """Return the sources that belong to the view itself, topmost first."""
        return [
            source
            for source in step.sources
            if source.layer in _FOR_FILES and source.workspace == view.workspace
        ]

    def _states(self, source: Source, pointer: Pointer) -> bool:
        path = source.document.path
        is_planned = path in self._files.planned
        return _has((self._files.document(path) if is_planned else source.document).data, pointer)

    def _override(self, workspace: str, step: StepDefinition, assignments: Iterable[Assignment]) -> None:
        """Edit the override of a workspace, or create it."""
        changes = [Set(pointer, value) for pointer, value in assignments]
        own = [source for source in step.sources if source.layer is Layer.OVERRIDE]
        if own:
            self._change(own[0].document.path, changes)
            return
        folder = self._layer_folder(workspace, Layer.OVERRIDE)
        path = f"{folder}/steps/{self._project.settings.naming.stem(step.name)}.yaml"
        if self._files.content(path) is None:
            head = file_text(
                {"name": step.name}, schema_path=schema_near(self._project, path, "step-override")
            )
            if isinstance(head, Diagnostic):
                raise EditRefused(head.message, Span(path))
            self._files.write(path, head.encode())
        self._change(path, changes)

    def _delete_if_empty(self, path: str) -> None:
        """Delete an override that sets nothing and has no comment but the schema."""
        document = self._files.document(path)
        if not (set(document.data) - {"name", "$schema", BASED_ON}) and all(
            "$schema=" in note for note in comments_in(document)
        ):
            self._files.delete(path)

    def _renamed(self, source: Source, old: str, new: str) -> list[Change]:
        changes: list[Change] = [Set(("name",), new)]
        data = source.document.data
        if source.layer is Layer.OVERRIDE:
            return changes
        for field, convention in conventions("step").items():
            if field not in data and convention.requires in data:
                changes.append(Set((field,), f"{old}{convention.suffix}"))
        aliases = [alias for alias in data.get("aliases") or () if alias not in (old, new)]
        return [*changes, Set(("aliases",), [*aliases, old])]

    def _rename_in_configuration(self, old: str, new: str) -> None:
        config = self._project.config
        if config is None:
            return
        changes = [
            Set((*self._project.prefix, "freeze", number, "first", place), new)
            for number, target in enumerate(self._project.settings.freeze)
            for place, name in enumerate(target.first)
            if name == old
        ]
        if changes:
            self._change(config.path, changes)

    def _change(self, path: str, changes: Iterable[Change]) -> None:
        self._files.change(path, changes, self._order)

    def _not_in_files(self, step: StepDefinition) -> EditRefused:
        where = step.sources[0].document.path if step.sources else "no file"
        message = f"`{step.name}` is defined in {where}; override it in a workspace instead"
        return EditRefused(message, self._span(step))

    def _span(self, step: StepDefinition) -> Span:
        return step.sources[0].document.key_span(("name",)) if step.sources else Span("")


def _below(definition: Definition, own: list[Source]) -> Record:
    """Return a definition without the overrides of its workspace."""
    sources = definition.sources[len(own) :]
    base: Any = None
    for source in reversed(sources):
        base = merge_patch(base, source.document.data)
    return kind_of(definition).define(base or {"name": definition.name}, sources)


def _has(data: Any, pointer: Pointer) -> bool:
    try:
        at(data, pointer)
    except LookupError:
        return False
    return True


def _value(data: Any, pointer: Pointer) -> Any:
    try:
        return at(data, pointer)
    except LookupError:
        return None


def _with_new_name(reference: NameReference, old: str, new: str) -> str:
    """Return the text of a reference with the new name, with its workspace and job type."""
    text: str = step_into_all(reference.source.document.data, reference.pointer)
    if reference.role == "pipeline step":
        return ":".join(new if part == old else part for part in text.split(":"))
    return new + text.removeprefix(old)
