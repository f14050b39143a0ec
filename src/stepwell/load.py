"""From a project to a Snapshot: the whole flow on one page.

list the files ▸ read and check each ▸ lay the core's tables ▸ lay each workspace's over them ▸
collect what was found.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, final

from stepwell import rules
from stepwell.checking import CheckedFile, check_definition, check_workspace_file
from stepwell.diagnostics import Diagnostic, in_order
from stepwell.layering import Layered, layer_core, layer_workspace
from stepwell.layout import Layout, Listed, lay_out
from stepwell.model import Workspace, define_workspace
from stepwell.project import RESERVED_ID, Project
from stepwell.rules import FreezeScope
from stepwell.snapshot import LayeredTable, Snapshot, View

__all__ = ["Loaded", "Progress", "load"]

Progress = Callable[[int, int], None]
"""Called while files are read, with how many are done and how many there are."""


@final
@dataclass(frozen=True, slots=True)
class Loaded:
    """What one load of a project came to.

    Args:
        snapshot: every view; definitions with errors are left out of it.
        diagnostics: everything that was found, in order.
        files: how many files were read.
    """

    snapshot: Snapshot
    diagnostics: tuple[Diagnostic, ...]
    files: int


def load(project: Project, today: date, progress: Progress | None = None) -> Loaded:
    """Read, check and layer a whole project.

    Args:
        project: which one.
        today: the date to hold deprecations against.
        progress: told how far the reading is.
    """
    with _collector_paused():
        return _load(project, today, progress)


def _load(project: Project, today: date, progress: Progress | None) -> Loaded:
    layout = lay_out(project)
    files = _check_all(project, layout, today, progress)
    core_files = [files[listed.path] for listed in layout.core]
    core = layer_core(core_files, project.settings)
    stray = _by_workspace(project, layout)
    about_project = (*project.diagnostics, *rules.check_severities(project), *stray.pop(None, ()))
    core_view = _view(project, None, core, None, in_order((*about_project, *core.diagnostics)))

    found: list[Iterable[Diagnostic]] = [core_view.diagnostics]
    used = set(core.used)
    workspaces: dict[str, Workspace] = {}
    views: dict[str, View] = {}
    for workspace_id, listed_files in layout.workspaces.items():
        workspace, said = _workspace(project, layout, workspace_id)
        own_files = [files[listed.path] for listed in listed_files]
        layered = layer_workspace(core, workspace, own_files, project.settings)
        own = (*said, *stray.pop(workspace_id, ()), *layered.diagnostics)
        workspaces[workspace_id] = workspace
        views[workspace_id] = _view(
            project, workspace_id, layered, core_view, in_order((*core_view.diagnostics, *own))
        )
        used.update(layered.used)
        found.append(own)
    found += stray.values()
    found.append(_about_freezing(project, core_view, views))
    found.append(_unused_ignores(project, files.values(), used))
    return Loaded(
        Snapshot(core_view, workspaces, views),
        in_order(diagnostic for group in found for diagnostic in group),
        len(files) + len(layout.settings) + (project.config is not None),
    )


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Spare the garbage collector the walk over records that have no cycles and that all stay."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _by_workspace(project: Project, layout: Layout) -> dict[str | None, list[Diagnostic]]:
    """The findings of the listing by the workspace that they lie in, ``None`` for all others."""
    base = f"{project.settings.workspaces}/"
    found: dict[str | None, list[Diagnostic]] = {}
    for diagnostic in layout.diagnostics:
        path = diagnostic.span.path if diagnostic.span is not None else ""
        name = path[len(base) :].partition("/")[0] if path.startswith(base) else None
        found.setdefault(name, []).append(diagnostic)
    return found


def _check_all(
    project: Project, layout: Layout, today: date, progress: Progress | None
) -> Mapping[str, CheckedFile]:
    listed: list[Listed] = [*layout.core]
    for files in layout.workspaces.values():
        listed.extend(files)
    checked: dict[str, CheckedFile] = {}
    file_rules = rules.active(rules.FILE_RULES, project.settings.severities)
    for done, file in enumerate(listed):
        if progress is not None and done % 256 == 0:
            progress(done, len(listed))
        checked[file.path] = check_definition(project, file, today, file_rules)
    return checked


def _workspace(
    project: Project, layout: Layout, workspace_id: str
) -> tuple[Workspace, tuple[Diagnostic, ...]]:
    path = layout.settings.get(workspace_id)
    if path is None:
        return define_workspace(workspace_id, None), ()
    return check_workspace_file(project, workspace_id, path)


def _view(
    project: Project,
    workspace_id: str | None,
    layered: Layered,
    core: View | None,
    found: tuple[Diagnostic, ...],
) -> View:
    tables: Mapping[str, Any] = layered.tables
    return View(
        workspace_id,
        LayeredTable(tables["steps"], core.steps if core else None, project.settings.first(workspace_id)),
        LayeredTable(tables["hyperparameters"], core.hyperparameters if core else None, ()),
        found,
    )


def _about_freezing(project: Project, core: View, views: Mapping[str, View]) -> Iterable[Diagnostic]:
    if project.config is None or not project.settings.freeze:
        return ()
    steps = {**{one: view.steps for one, view in views.items()}, "": core.steps, RESERVED_ID: core.steps}
    scope = FreezeScope(project.config, project.prefix, project.settings, steps)
    return rules.run(rules.active(rules.FREEZE_RULES, project.settings.severities), scope)


def _unused_ignores(project: Project, files: Iterable[CheckedFile], used: set[Any]) -> Iterable[Diagnostic]:
    unused = tuple(
        ignore for file in files for ignore in file.ignores if ignore not in used and ignore not in file.used
    )
    return rules.run(rules.active(rules.IGNORE_RULES, project.settings.severities), unused)
