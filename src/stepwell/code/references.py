"""Check class and module names in definitions against Python sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from stepwell.check import catalog
from stepwell.check.file import hide
from stepwell.check.rule import Ignore, Reference, ReferenceScope, by_place, ignores_in
from stepwell.code import own_components, own_folder, own_implementations, source_folders
from stepwell.model import Definition
from stepwell.model.layer import Layer
from stepwell.model.settings import Project, References
from stepwell.resolve.snapshot import Snapshot
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Diagnostic, Span, in_order
from stepwell.source.document import Document
from stepwell.source.python import SourceFile, SourceIndex, SourceView

__all__ = ["check_references", "source_folders"]

_FIELDS: Final = {"config_class": "config", "builder_step_name": "builder"}
"""Fields that name a class, with the component kind."""
_NOT_IN_FILES: Final = frozenset({Layer.PLUGIN, Layer.RUNTIME})
"""Layers whose definitions name classes of installed packages."""


def check_references(
    project: Project, snapshot: Snapshot, index: SourceIndex, workspace: str | None = None
) -> tuple[Diagnostic, ...]:
    """Report every problem of class and module names, in order.

    Args:
        index: sources of the folders of ``source_folders``.
        workspace: view to check (default: the core and all workspaces).
    """
    table = project.settings.references or References()
    active = catalog.active("reference", project.settings.severities)
    core = SourceView(index, table.source)
    own = {name: SourceView(index, (own_folder(project, name),)) for name in snapshot.workspaces}
    failures = [file for file in index.files.values() if file.failure is not None]
    views = [snapshot.core, *(snapshot.view(name) for name in own if workspace in (None, name))]
    findings: list[Diagnostic] = []
    for view in views:
        name = view.workspace
        elsewhere = {other: sees for other, sees in own.items() if other != name}
        sees = core if name is None else SourceView(index, (*own[name].folders, *table.source))
        failed = _of_view(failures, core, None if name is None else own[name])
        references = tuple(_named_in(view, snapshot.core))
        parts = tuple(own_components(snapshot, view))
        runs = tuple(own_implementations(snapshot, view))
        scope = ReferenceScope(
            view.title, references, sees, elsewhere, failed, table, project.root, parts, runs
        )
        findings += catalog.run(active, scope)
    ignores = tuple(_ignores(views))
    shown, used = hide(findings, by_place(ignores))
    if workspace is None:
        suppressed = frozenset(used)
        unused = tuple(ignore for ignore in ignores if ignore not in suppressed)
        judged = catalog.active("unused reference ignore", project.settings.severities)
        shown = (*shown, *catalog.run(judged, unused))
    return in_order(shown)


def _of_view(failures: list[SourceFile], core: SourceView, own: SourceView | None) -> tuple[SourceFile, ...]:
    """Return the failures in files that a view adds to the core."""
    if own is None:
        return tuple(file for file in failures if core.sees(file))
    return tuple(file for file in failures if own.sees(file) and not core.sees(file))


def _named_in(view: View, core: View) -> Iterator[Reference]:
    """Yield the names in a view's own definitions, without those inherited from the core."""
    inherited = None if view.workspace is None else core
    for name, step in view.steps.above.items():
        below = inherited.steps.get(name) if inherited is not None else None
        declared = step.components or {}
        for field, kind in _FIELDS.items():
            if kind in declared:  # declared components need no name
                continue
            yield from _reference(step, field, getattr(step, field), below, view.workspace)
    for name, definition in view.hyperparameters.above.items():
        under = inherited.hyperparameters.get(name) if inherited is not None else None
        yield from _reference(definition, "module_path", definition.module_path, under, view.workspace)
        if under is None or under.module_path != definition.module_path:
            yield from _reference(definition, "name", definition.name, None, view.workspace)


def _reference(
    definition: Definition, field: str, value: str | None, below: Definition | None, workspace: str | None
) -> Iterator[Reference]:
    if value is None:
        return
    for source in definition.sources:
        if source.document.data.get(field) is not None:
            stated, giving, place = True, source, source.document.value_span((field,))
            break
    else:
        stated, giving = False, definition.sources[-1]
        place = _of_name(giving.document)
    if giving.layer in _NOT_IN_FILES:
        return
    if giving.workspace != workspace:
        if below is not None and getattr(below, field) == value:
            return
        place = _of_name(definition.sources[0].document)  # caused by the override
    yield Reference(definition, field, value, place, stated)


def _of_name(document: Document) -> Span:
    return document.value_span(("name",))


def _ignores(views: Iterable[View]) -> Iterator[Ignore]:
    """Yield the ignore comments of every definition of some views."""
    seen: set[int] = set()
    for view in views:
        for table in (view.steps.above, view.hyperparameters.above):
            for definition in table.values():
                for source in definition.sources:
                    if id(source.document) in seen or source.layer in _NOT_IN_FILES:
                        continue
                    seen.add(id(source.document))
                    yield from ignores_in(source.document)
