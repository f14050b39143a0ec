"""Loads a project into a Snapshot.

List files, check each file, build the core's tables, build each workspace's overlay, collect findings.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from itertools import chain
from types import MappingProxyType
from typing import Any, Final

from stepwell.check import catalog
from stepwell.check.file import CheckedFile, check_definition, check_workspace_file
from stepwell.check.rule import FreezeScope, Ignore, SettingsScope
from stepwell.model import KINDS, Workspace
from stepwell.model.layer import Listed
from stepwell.model.settings import RESERVED_ID, Project
from stepwell.resolve import LoadResult, collector_paused
from stepwell.resolve.layers import LayerTables, Overlay, broken_place, lay_under, layer_core, layer_workspace
from stepwell.resolve.layout import Layout, lay_out
from stepwell.resolve.pipelines import NOTHING_CHECKED, CheckedPipelines, check_pipelines
from stepwell.resolve.plugins import Plugin, PluginDefinitions, read_plugins
from stepwell.resolve.snapshot import Snapshot
from stepwell.resolve.table import LayeredTable
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Diagnostic, Related, Severity, capped, in_order
from stepwell.source.wording import counted

__all__ = [
    "FindPlugins",
    "LoadResult",
    "Progress",
    "ReadCache",
    "assemble",
    "check_all",
    "lay_core",
    "lay_overlay",
    "load",
    "written_views",
]

OF_FREEZING: Final = "all"
"""Owner of findings that concern frozen modules only."""

NOTHING_FOUND: tuple[Diagnostic, ...] = ()

Progress = Callable[[int, int], None]
"""Progress callback: the numbers of finished and of all files and workspaces."""

FindPlugins = Callable[[], tuple[Plugin, ...]]
"""Finds the definitions of installed packages."""

Tables = Mapping[str, LayeredTable[Any]]
"""Definitions of all kinds in a view, by a key of ``KINDS``."""

ReadCache = Callable[[Listed], CheckedFile | None]
"""Returns the result of an earlier load with the same settings; ``None`` if the file must be read."""


def load(
    project: Project,
    today: date,
    progress: Progress | None = None,
    plugins: FindPlugins = tuple,
    known: ReadCache = lambda _: None,
    layout: Layout | None = None,
) -> LoadResult:
    """Read, check and layer a whole project.

    Args:
        plugins: finds installed packages; not called if the project disables plugins.
        known: returns cached results.
        layout: the listed files, if known.
    """
    with collector_paused():
        layout = layout or lay_out(project)
        checked = check_all(project, layout, today, progress, known)
        extensions = plugins() if project.settings.plugins else ()
        guests = read_plugins(extensions, project.settings, today)
        core = lay_core(project, layout, checked, guests)
        overlays = {}
        for done, workspace in enumerate(layout.workspaces, len(checked)):
            if progress is not None:
                progress(done, len(checked) + len(layout.workspaces))
            overlays[workspace] = lay_overlay(project, layout, workspace, core, checked)
        loaded = assemble(project, today, layout, checked, core, overlays, guests, None)
        _call_all_objects_old()
        return loaded


def _call_all_objects_old() -> None:
    """Move all objects to the oldest generation without collecting.

    Otherwise the next young collection would traverse everything that the load created. Skipped if the
    program has frozen objects, which must stay frozen.
    """
    if gc.get_freeze_count() == 0:
        gc.freeze()
        gc.unfreeze()


def _all_files(layout: Layout) -> Iterator[Listed]:
    yield from layout.core
    for files in layout.workspaces.values():
        yield from files


def check_all(
    project: Project, layout: Layout, today: date, progress: Progress | None, known: ReadCache
) -> dict[str, CheckedFile]:
    """Read and check every definition file, by path.

    Args:
        known: returns cached results.
    """
    listed = list(_all_files(layout))
    checked = {file.path: same for file in listed if (same := known(file)) is not None}
    own = [file.path for file in listed if file.path not in checked]
    project.tree.expect((*own, *layout.settings.values()))
    file_rules = catalog.active("file", project.settings.severities)
    for done, file in enumerate(listed):
        if progress is not None and done % 256 == 0:
            progress(done, len(listed) + len(layout.workspaces))
        if file.path not in checked:
            checked[file.path] = check_definition(project, file, today, file_rules)
    return checked


def lay_core(
    project: Project, layout: Layout, checked: Mapping[str, CheckedFile], guests: PluginDefinitions
) -> LayerTables:
    """Build the core's tables above plugins."""
    files = [checked[listed.path] for listed in layout.core]
    return lay_under(layer_core(files, project.settings), files, guests.files, project.settings)


def lay_overlay(
    project: Project, layout: Layout, workspace_id: str, core: LayerTables, checked: Mapping[str, CheckedFile]
) -> Overlay:
    """Build the overlay of one workspace."""
    path = layout.settings.get(workspace_id)
    if path is None:
        workspace, findings = Workspace(workspace_id), NOTHING_FOUND
    else:
        workspace, findings = check_workspace_file(project, workspace_id, path)
    own_files = [checked[listed.path] for listed in layout.workspaces[workspace_id]]
    layered = layer_workspace(core, workspace, own_files, project.settings)
    return Overlay(workspace, layered, (*findings, *layered.diagnostics))


def assemble(
    project: Project,
    today: date,
    layout: Layout,
    checked: Mapping[str, CheckedFile],
    core: LayerTables,
    overlays: Mapping[str, Overlay],
    guests: PluginDefinitions,
    before: LoadResult | None,
) -> LoadResult:
    """Build the Snapshot and collect all findings.

    Args:
        before: an earlier load whose unchanged views are reused.
    """
    stray = _by_workspace(project, layout)
    scope = SettingsScope(project, layout.workspaces)
    about_project = (
        *project.diagnostics,
        *guests.diagnostics,
        *catalog.check_severities(project),
        *catalog.run(catalog.active("settings", project.settings.severities), scope),
        *stray.pop(_ALL, ()),
    )
    strays_of_core = stray.pop(None, ())
    tables = _tables_of_all(project, core, overlays, before)
    pipelines = check_pipelines(
        project.settings,
        {key: View(key, each) for key, each in _written_tables(project, core, overlays, tables).items()},
        {
            None: core.written or core,
            **{key: each.layered.written or each.layered for key, each in overlays.items()},
        },
        NOTHING_CHECKED if before is None else before.pipelines,
    )
    noted = _with_notes(core, overlays, pipelines)
    about = pipelines.diagnostics.get(None, ())
    of_core = capped(noted((*strays_of_core, *core.diagnostics, *about)))
    core_found = in_order((*noted(about_project), *of_core))
    core_view = _view(None, tables[None], core_found, before)
    own_findings: dict[str | None, tuple[Diagnostic, ...]] = {None: of_core}
    used: set[Ignore] = {*core.used, *pipelines.used}
    views: dict[str, View] = {}
    for key, overlay in overlays.items():
        own = capped(noted((*stray.pop(key, ()), *overlay.diagnostics, *pipelines.diagnostics.get(key, ()))))
        views[key] = _view(key, tables[key], in_order((*core_found, *own)) if own else core_found, before)
        used.update(overlay.layered.used)
        own_findings[key] = own
    own_findings.update((key, tuple(findings)) for key, findings in stray.items())
    unused: dict[str | None, list[Diagnostic]] = {}
    for finding in capped(tuple(_unused_ignores(project, checked.values(), used))):
        if finding.span is not None:
            unused.setdefault(checked[finding.span.path].listed.workspace, []).append(finding)
    own_findings.update((key, (*own_findings[key], *findings)) for key, findings in unused.items())
    own_findings[OF_FREEZING] = _about_freezing(project, core_view, views, core, overlays)
    workspaces = {key: overlay.workspace for key, overlay in overlays.items()}
    return LoadResult(
        project=project,
        today=today,
        snapshot=Snapshot(core_view, workspaces, views),
        diagnostics=in_order(
            finding for group in (noted(about_project), *own_findings.values()) for finding in group
        ),
        layout=layout,
        checked=checked,
        core=core,
        overlays=overlays,
        guests=guests,
        pipelines=pipelines,
        own=own_findings,
    )


_ALL: Final = ""
"""Owner of findings that affect all views."""


def _by_workspace(project: Project, layout: Layout) -> dict[str | None, list[Diagnostic]]:
    """Group the layout's findings by workspace; ``None`` for the core, empty for all."""
    base, core = f"{project.settings.workspaces}/", f"{project.settings.core}/"
    by_workspace: dict[str | None, list[Diagnostic]] = {}
    for diagnostic in layout.diagnostics:
        path = diagnostic.span.path if diagnostic.span is not None else ""
        below = path[len(base) :].partition("/")[0] if path.startswith(base) else _ALL
        by_workspace.setdefault(None if path.startswith(core) else below, []).append(diagnostic)
    return by_workspace


def _tables_of_all(
    project: Project, core: LayerTables, overlays: Mapping[str, Overlay], before: LoadResult | None
) -> dict[str | None, Tables]:
    """Return the tables of all views, the core's under ``None`` first, reusing those of an earlier load."""
    old = before.snapshot if before is not None else None
    same_core = before is not None and core is before.core
    core_tables = old.core.tables if old is not None and same_core else _tables(project, None, core, None)
    tables: dict[str | None, Tables] = {None: core_tables}
    for key, overlay in overlays.items():
        if old is not None and before is not None and same_core and before.overlays.get(key) is overlay:
            tables[key] = old.view(key).tables
        else:
            tables[key] = _tables(project, key, overlay.layered, core_tables)
    return tables


def _written_tables(
    project: Project,
    core: LayerTables,
    overlays: Mapping[str, Overlay],
    served: Mapping[str | None, Tables],
) -> Mapping[str | None, Tables]:
    """Return the tables as written, with the valid fields of invalid definitions."""
    if core.written is None and all(overlay.layered.written is None for overlay in overlays.values()):
        return served
    below = _tables(project, None, core.written or core, None)
    above = {key: overlay.layered.written or overlay.layered for key, overlay in overlays.items()}
    return {None: below, **{key: _tables(project, key, layered, below) for key, layered in above.items()}}


def written_views(loaded: LoadResult) -> Snapshot:
    """Return all views as written: invalid definitions with their valid fields; only for further checks."""
    snapshot = loaded.snapshot
    served: dict[str | None, Tables] = {None: snapshot.core.tables}
    served |= {key: snapshot.view(key).tables for key in snapshot.workspaces}
    tables = _written_tables(loaded.project, loaded.core, loaded.overlays, served)
    if tables is served:
        return snapshot
    views = {key: View(key, tables[key], ()) for key in snapshot.workspaces}
    return Snapshot(View(None, tables[None], ()), snapshot.workspaces, views)


def _with_notes(
    core: LayerTables, overlays: Mapping[str, Overlay], pipelines: CheckedPipelines
) -> Callable[[Iterable[Diagnostic]], tuple[Diagnostic, ...]]:
    """Return a function that adds the consequences of an error to the first finding about its file."""
    layers = [
        core.written or core,
        *(overlay.layered.written or overlay.layered for overlay in overlays.values()),
    ]
    notes: dict[str, dict[Related, None]] = {}
    for path, note in (*(note for layer in layers for note in layer.notes), *pipelines.notes):
        notes.setdefault(path, {})[note] = None
    if not notes:
        return tuple
    reported = (
        *core.diagnostics,
        *(finding for overlay in overlays.values() for finding in overlay.diagnostics),
    )
    noted: dict[Diagnostic, Diagnostic] = {}
    for path, related in notes.items():
        errors = [
            finding for finding in reported if finding.severity is Severity.ERROR and _is_about(finding, path)
        ]
        cause = next(iter(errors), None)
        if cause is not None:
            shown = sorted(related, key=lambda note: (note.span.path, note.span.line, note.message))
            more = len(shown) - _MAX_NOTES
            if more > 0:
                shown[_MAX_NOTES:] = [
                    Related(f"and {counted(more, 'more place')}, such as", shown[_MAX_NOTES].span)
                ]
            cause_so_far = noted.get(cause, cause)
            noted[cause] = replace(cause_so_far, related=(*cause_so_far.related, *shown))
    return lambda findings: tuple(noted.get(finding, finding) for finding in findings)


_MAX_NOTES: Final = 10


def _is_about(finding: Diagnostic, path: str) -> bool:
    spans = (finding.span, *(related.span for related in finding.related))
    return any(span is not None and span.path == path for span in spans)


def _tables(project: Project, workspace_id: str | None, layered: LayerTables, core: Tables | None) -> Tables:
    tables: dict[str, LayeredTable[Any]] = {}
    for folder in KINDS:
        above: Any = layered.tables[folder]
        covered: Any = layered.covered.get(folder)
        under = core[folder] if core is not None else None
        table = tables[folder] = LayeredTable(above, under, (), covered)
        if folder in _ORDERED:
            first = project.settings.first(workspace_id, table)
            tables[folder] = LayeredTable(above, under, first, covered)
    return MappingProxyType(tables)


_ORDERED: Final = frozenset({"steps", "hyperparameters"})
"""Tables whose order is part of the legacy contract."""


def _view(
    workspace: str | None, tables: Tables, findings: tuple[Diagnostic, ...], before: LoadResult | None
) -> View:
    """Return a view, reusing that of an earlier load with the same tables and findings."""
    if before is not None and (workspace is None or workspace in before.overlays):
        old = before.snapshot.view(workspace)
        if old.tables is tables and old.diagnostics == findings:
            return old
    return View(workspace, tables, findings)


def _about_freezing(
    project: Project,
    core: View,
    views: Mapping[str, View],
    tables: LayerTables,
    overlays: Mapping[str, Overlay],
) -> tuple[Diagnostic, ...]:
    settings = project.settings
    if project.config is None or not settings.freeze:
        return ()
    skipped = {key: overlay.layered.left_out.get("steps", {}) for key, overlay in overlays.items()}
    first = [name for target in settings.freeze for name in target.first]
    names: dict[str, Collection[str]] = {}
    for key, view in {**views, "": core, RESERVED_ID: core}.items():
        left_out = {**tables.left_out["steps"], **skipped.get(key, {})}
        # a skipped step is already reported, so its missing table row is not
        excused = (name for name in first if broken_place(left_out, name, settings) is not None)
        parts = (part for table in (view.steps, view.hyperparameters) for part in (table.below, table.above))
        names[key] = {*chain.from_iterable(parts), *(excused if left_out else ())}  # without any order
    scope = FreezeScope(project.config, project.prefix, settings, names)
    return tuple(catalog.run(catalog.active("freeze", settings.severities), scope))


def _unused_ignores(project: Project, files: Iterable[CheckedFile], used: set[Any]) -> Iterable[Diagnostic]:
    every: dict[Ignore, None] = {}
    for file in files:
        if file.ignores:
            every.update(dict.fromkeys(file.ignores))
            used.update(file.used)
    unused = tuple(ignore for ignore in every if ignore not in used)
    if not unused:
        return ()
    return catalog.run(catalog.active("unused ignore", project.settings.severities), unused)
