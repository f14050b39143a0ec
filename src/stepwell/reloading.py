"""The flow of ``load`` for what changed only: the rest is shared with what was before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from stepwell.check import catalog
from stepwell.check.file import CheckedFile, check_definition
from stepwell.layout import Layout, lay_out
from stepwell.load import Known, Loaded, Overlay, assemble, check_all, collector_paused, lay_core, lay_overlay
from stepwell.model.settings import Project
from stepwell.relayering import Replaced, concerned, relayer_core
from stepwell.relisting import Relisted, relist
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.tree import read_document

__all__ = ["load_changed", "load_like", "reload"]


def reload(before: Loaded, changed: Iterable[str]) -> Loaded:
    """The same flow for what changed only; what did not change is shared with what was before.

    Args:
        before: an earlier load.
        changed: files and folders that appeared, changed or vanished since, relative to the project.
            Changes of the configuration need a whole ``load``.
    """
    return _again(before, before.project, changed)


def load_changed(before: Loaded, project: Project, changed: Iterable[str]) -> Loaded:
    """Read another state of a project of which it is known where it differs.

    Args:
        before: an earlier load, under the same settings and on the same day.
        project: the other state.
        changed: every file and folder below the project's folders that only one of the states has, or
            that differs, relative to the project.
    """
    with collector_paused():
        return _again(before, project, changed)


def _again(before: Loaded, project: Project, changed: Iterable[str]) -> Loaded:
    hints = frozenset(changed)
    relisted = relist(project, before.layout, hints)
    checked, replaced = _check_again(before, project, relisted, hints)
    touched = None if relisted.everything else relisted.workspaces
    return _lay_again(before, project, relisted.layout, checked, replaced, touched)


def load_like(before: Loaded, project: Project, known: Known) -> Loaded:
    """Read another state of a project, sharing with an earlier load whatever both have.

    Args:
        before: an earlier load, under the same settings and on the same day.
        project: the other state.
        known: gives what need not be read again: files of the earlier load.
    """
    with collector_paused():
        layout = lay_out(project)
        checked = check_all(project, layout, before.today, None, known)
        theirs = before.checked
        gone: list[Replaced] = [(old, None) for path, old in theirs.items() if path not in checked]
        came: list[Replaced] = [
            (theirs.get(path), new) for path, new in checked.items() if theirs.get(path) is not new
        ]
        replaced = gone + came
        workspaces = {file.listed.workspace for pair in replaced for file in pair if file is not None}
        others = [one for one in layout.workspaces if one not in workspaces]
        workspaces.update(one for one in others if not _introduces_itself_so(before, project, layout, one))
        return _lay_again(before, project, layout, checked, replaced, workspaces)


def _lay_again(
    before: Loaded,
    project: Project,
    layout: Layout,
    checked: Mapping[str, CheckedFile],
    replaced: list[Replaced],
    workspaces: Collection[str | None] | None,
) -> Loaded:
    """Lay what differs.

    Args:
        before: an earlier load.
        project: the project.
        layout: where its files lie.
        checked: every definition file by path.
        replaced: the files that differ.
        workspaces: the ids of the workspaces whose files may differ; ``None`` for all of them.
    """
    core, names = before.core, None
    new_core = [pair for pair in replaced if _in_core(pair)]
    if new_core:
        relayered = relayer_core(before.core, new_core, project.settings)
        core = relayered or lay_core(project, layout, checked, before.guests)
        names = _names(new_core) if relayered is not None else None
    touched = concerned(before.core, core, names)
    overlays: dict[str, Overlay] = {}
    for one in layout.workspaces:
        old = before.overlays.get(one)
        if old is None or workspaces is None or one in workspaces or touched(old.layered):
            overlays[one] = lay_overlay(project, layout, one, core, checked)
        else:
            overlays[one] = old
    loaded = assemble(project, before.today, layout, checked, core, overlays, before.guests, before)
    if names is not None:
        now, then = loaded.snapshot.core, before.snapshot.core
        for folder, table in now.tables.items():
            table.differs_in(names, then.tables[folder])
    return loaded


def _check_again(
    before: Loaded, project: Project, relisted: Relisted, hints: frozenset[str]
) -> tuple[Mapping[str, CheckedFile], list[Replaced]]:
    """Every file by path, those that may differ read again, and the ones that do differ."""
    layout = relisted.layout
    affected = list(relisted.core)
    for one in layout.workspaces if relisted.everything else relisted.workspaces:
        affected += layout.workspaces.get(one, ())
    listed = {file.path: file for file in affected}
    folders = tuple(f"{hint}/" for hint in hints if hint not in listed and hint not in before.checked)
    checked = dict(before.checked)
    replaced: list[Replaced] = []
    file_rules = catalog.active(catalog.FILE_RULES, project.settings.severities)
    suspected = [path for path in listed if path not in checked or path in hints or path.startswith(folders)]
    project.tree.expect(suspected)
    for path in suspected:
        old, new = checked.get(path), check_definition(project, listed[path], before.today, file_rules)
        if old is None or not _same(old, new):
            checked[path] = new
            replaced.append((old, new))
    gone = [path for path in _suspects(before, relisted, hints) if path not in listed and path in checked]
    replaced += [(checked.pop(path), None) for path in gone]
    return checked, replaced


def _suspects(before: Loaded, relisted: Relisted, hints: frozenset[str]) -> Iterable[str]:
    """The files that may be gone."""
    if relisted.everything:
        return before.checked
    own = [listed.path for one in relisted.workspaces for listed in before.layout.workspaces.get(one, ())]
    if relisted.whole_core:
        own += [listed.path for listed in before.layout.core]
    return {*hints, *own}


def _introduces_itself_so(before: Loaded, project: Project, layout: Layout, one: str) -> bool:
    """Whether the ``workspace.yaml`` of a workspace says what it said, or there is none as before."""
    old, path = before.overlays.get(one), layout.settings.get(one)
    if old is None or path != before.layout.settings.get(one):
        return False
    if path is None:
        return True
    said, known = read_document(project.tree, path), old.workspace.document
    return not isinstance(said, Diagnostic) and known is not None and said.text == known.text


def _names(replaced: Iterable[Replaced]) -> frozenset[str]:
    return frozenset(file.name for pair in replaced for file in pair if file is not None and file.name)


def _in_core(replaced: Replaced) -> bool:
    file = replaced[0] or replaced[1]
    return file is not None and file.listed.workspace is None


def _same(old: CheckedFile, new: CheckedFile) -> bool:
    """Whether a file that was read again says what it said: then nothing that depends on it moves."""
    if old.source is None or new.source is None:
        return old.source is new.source and old.diagnostics == new.diagnostics
    return old.source.document.text == new.source.document.text
