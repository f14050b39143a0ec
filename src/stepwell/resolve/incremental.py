"""Incremental ``load``: reprocesses changes only and shares the rest."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar, final

from stepwell.check import catalog
from stepwell.check.file import CheckedFile, check_definition
from stepwell.check.rule import ViewScope
from stepwell.model import KINDS, Definition, StepDefinition
from stepwell.model.layer import Layer, Listed
from stepwell.model.settings import Project, Settings
from stepwell.resolve import collector_paused
from stepwell.resolve.layers import LayerTables, Overlay, add_to_index, deprecated, words_of
from stepwell.resolve.layout import Layout, lay_out, list_core, list_workspace
from stepwell.resolve.load import (
    OF_FREEZING,
    LoadResult,
    ReadCache,
    assemble,
    check_all,
    lay_core,
    lay_overlay,
)
from stepwell.resolve.snapshot import Snapshot
from stepwell.source.diagnostic import Diagnostic, Severity, in_order
from stepwell.source.read import SUFFIXES
from stepwell.source.tree import EntryKind, Tree, read_document

__all__ = [
    "Relisted",
    "Replaced",
    "concerned",
    "last_valid",
    "load_changed",
    "load_like",
    "relayer_core",
    "relist",
    "reload",
]


T = TypeVar("T")

_EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})

Replaced = tuple[CheckedFile | None, CheckedFile | None]
"""One file before and after a change; ``None`` if it does not exist."""


def relayer_core(before: LayerTables, replaced: Iterable[Replaced], settings: Settings) -> LayerTables | None:
    """Return the core's tables after some files changed; ``None`` if a full load is needed."""
    gone = [old for old, _ in replaced if old is not None]
    come = [new for _, new in replaced if new is not None]
    if before.diagnostics or before.used or any(file.diagnostics or file.ignores for file in (*gone, *come)):
        return None
    if any(file.name in before.covered.get(file.listed.kind, _EMPTY) for file in gone):
        return None  # what it hid shows again
    tables = {folder: table.copy() for folder, table in before.tables.items()}  # type: ignore[attr-defined]
    for file in gone:
        del tables[file.listed.kind][file.name]
    fresh: dict[str, dict[str, Definition]] = {folder: {} for folder in KINDS}
    for file in come:
        table = tables[file.listed.kind]
        definition = None if file.authored is None else file.authored.standalone()
        if file.name is None or definition is None or file.name in table:
            return None
        table[file.name] = fresh[file.listed.kind][file.name] = definition
    by_config_class, by_alias = _index_again(before, gone, come)
    for folder, kind in KINDS.items():
        judged = fresh[folder] | deprecated(tables["steps"]) if folder == "steps" else fresh[folder]
        scope = ViewScope(
            kind,
            None,
            tables[folder],
            judged,
            judged,
            (),
            (),
            by_config_class,
            by_alias,
            _EMPTY,
            settings,
        )
        if any(True for _ in catalog.run(catalog.active("view", settings.severities), scope)):
            return None
    frozen = {folder: MappingProxyType(table) for folder, table in tables.items()}
    return LayerTables(
        MappingProxyType(frozen),
        before.left_out,
        (),
        (),
        by_config_class,
        by_alias,
        covered=before.covered,
    )


def _index_again(
    before: LayerTables, gone: Iterable[CheckedFile], come: Iterable[CheckedFile]
) -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, tuple[str, ...]]]:
    by_config_class, by_alias = dict(before.by_config_class), dict(before.by_alias)
    for file in gone:
        step = None if file.authored is None else file.authored.standalone()
        if isinstance(step, StepDefinition):
            for index, words in ((by_config_class, (step.config_class,)), (by_alias, step.aliases)):
                for word in filter(None, words):
                    index[word] = tuple(name for name in index[word] if name != step.name)
    for file in come:
        step = None if file.authored is None else file.authored.standalone()
        if step is not None:
            add_to_index(step, by_config_class, by_alias)
    return by_config_class, by_alias


def concerned(
    before: LayerTables, now: LayerTables, names: frozenset[str] | None = None
) -> Callable[[LayerTables], bool]:
    """Return whether other core tables may change a workspace's tables.

    Args:
        names: the names that may differ, if known.
    """
    if now is before:
        return lambda _: False
    if before.written is not None or now.written is not None:
        return lambda _: True  # rules read what is written, and it may differ anywhere
    words: set[str] = set()
    for folder, table in now.tables.items():
        old = before.tables[folder]
        suspects = old.keys() | table.keys() if names is None else names
        for name in suspects:
            if old.get(name) is table.get(name):
                continue
            words.add(name)
            words.update(*(words_of(item) for item in (old.get(name), table.get(name)) if item is not None))
    return lambda layered: bool(layered.diagnostics or layered.notes) or not words.isdisjoint(layered.words)


@final
class Relisted(NamedTuple):
    """A new Layout and its possible changes.

    Args:
        everything: whether any file may differ.
        whole_core: whether any core file may differ.
        core: existing core files that may differ.
        workspaces: ids of workspaces with possible changes, including removed ones.
    """

    layout: Layout
    everything: bool
    whole_core: bool
    core: tuple[Listed, ...]
    workspaces: frozenset[str]


def relist(project: Project, before: Layout, changed: Iterable[str]) -> Relisted:
    """Update the layout for changed paths.

    Args:
        changed: added, changed or removed files and folders, relative to the project.
    """
    core, base = project.settings.core, project.settings.workspaces
    in_core: set[str] = set()
    ids: set[str] = set()
    for path in changed:
        if _within(core, path) or _within(base, path):
            return _everything(project)
        if path.startswith(f"{core}/"):
            in_core.add(path)
        if path.startswith(f"{base}/"):
            ids.add(path[len(base) + 1 :].partition("/")[0])
    if any(item not in before.workspaces or not _is_folder(project, item) for item in ids):
        return _everything(project)
    again = _core_again(project, before, in_core) if in_core else ()
    layout = before
    if again is None:
        layout = list_core(project, before)
    elif again:
        layout = before._replace(core=_with(before.core, again))
    for item in ids:
        layout = list_workspace(project, layout, item)
    if again is None:
        return Relisted(layout, False, True, layout.core, frozenset(ids))
    return Relisted(layout, False, False, tuple(file for file, there in again if there), frozenset(ids))


def _everything(project: Project) -> Relisted:
    layout = lay_out(project)
    return Relisted(layout, True, True, layout.core, frozenset(layout.workspaces))


def _core_again(
    project: Project, before: Layout, changed: set[str]
) -> tuple[tuple[Listed, bool], ...] | None:
    """Return the changed core files and whether they exist; ``None`` if a listing is needed.

    Paths alone are not sufficient with links, folders, unusual names, findings, or names that a file system
    may treat as equal.
    """
    core = project.settings.core
    if any(finding.span is not None and _within(finding.span.path, core) for finding in before.diagnostics):
        return None
    if len({path.casefold() for path in changed}) < len(changed):
        return None
    again: list[tuple[Listed, bool]] = []
    for path in changed:
        kind = path[len(core) + 1 :].partition("/")[0]
        suffix = path[path.rfind(".") :]
        if kind not in KINDS or suffix not in SUFFIXES or not _is_plain(project.tree, path):
            return None
        file = Listed(path, Layer.CORE, None, kind)
        there = project.tree.follow(path).kind is not None
        if not there and not _is_listed(before.core, file):
            return None  # it may have been a folder
        again.append((file, there))
    return tuple(again)


def _with(files: tuple[Listed, ...], again: Iterable[tuple[Listed, bool]]) -> tuple[Listed, ...]:
    """Return the files, sorted, with added and without removed ones."""
    now = list(files)
    for file, there in again:
        place = bisect_left(now, file)
        listed = place < len(now) and now[place] == file
        if there and not listed:
            now.insert(place, file)
        elif listed and not there:
            del now[place]
    return files if len(now) == len(files) and tuple(now) == files else tuple(now)


def _is_listed(files: tuple[Listed, ...], file: Listed) -> bool:
    place = bisect_left(files, file)
    return place < len(files) and files[place] == file


def _is_folder(project: Project, workspace: str) -> bool:
    return project.tree.follow(f"{project.settings.workspaces}/{workspace}").kind is EntryKind.FOLDER


def _is_plain(tree: Tree, path: str) -> bool:
    """Return whether a path is or was a regular file without hidden folders or links."""
    if any(part.startswith(".") or not part.isprintable() for part in path.split("/")):
        return False
    folder = path.rpartition("/")[0]
    if tree.follow(folder) != (folder, EntryKind.FOLDER):
        return False
    target = tree.follow(path)
    return target.path == path and target.kind in (EntryKind.FILE, None)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def reload(before: LoadResult, changed: Iterable[str]) -> LoadResult:
    """Reload changed files and share everything else.

    Args:
        changed: added, changed or removed files and folders, relative to the project. A changed configuration
            requires a full ``load``.
    """
    return _again(before, before.project, changed)


def load_changed(before: LoadResult, project: Project, changed: Iterable[str]) -> LoadResult:
    """Load another state of a project with known differences.

    Args:
        changed: all files and folders that differ or exist in one state only, relative to the project.
    """
    with collector_paused():
        return _again(before, project, changed)


def _again(before: LoadResult, project: Project, changed: Iterable[str]) -> LoadResult:
    hints = frozenset(changed)
    relisted = relist(project, before.layout, hints)
    checked, replaced = _check_again(before, project, relisted, hints)
    touched = None if relisted.everything else relisted.workspaces
    return _lay_again(before, project, relisted.layout, checked, replaced, touched)


def load_like(before: LoadResult, project: Project, known: ReadCache) -> LoadResult:
    """Load another state of a project and share equal files with an earlier load.

    Args:
        known: returns files of the earlier load that are unchanged.
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
        others = [workspace for workspace in layout.workspaces if workspace not in workspaces]
        workspaces.update(
            other for other in others if not _introduces_itself_so(before, project, layout, other)
        )
        return _lay_again(before, project, layout, checked, replaced, workspaces)


def last_valid(good: LoadResult, seen: LoadResult) -> tuple[LoadResult, tuple[str | None, ...]]:
    """Return the current files with the last valid state of each view that has new errors.

    A new error in the settings affects all views, as do settings that invalidate the core. An invalid core is
    replaced by its last valid state, also below the workspaces.

    Args:
        good: the result for the views so far.

    Returns:
        The result, and the views that keep their state (``None`` is the core).
    """
    errors = _new_errors(good, seen)
    about_all = errors.difference(*seen.own.values())
    core_fails = not errors.isdisjoint(seen.own[None])
    breaks_others = core_fails or not errors.isdisjoint(seen.own[OF_FREEZING])
    if about_all or (breaks_others and good.project.settings != seen.project.settings):
        return good, (None, *good.snapshot.workspaces)
    base = _over_core_of(good, seen) if core_fails else seen
    errors = _new_errors(good, base) if core_fails else errors
    failed = tuple(
        overlay for overlay in base.overlays if errors and not errors.isdisjoint(base.own[overlay])
    )
    kept: tuple[str | None, ...] = (None, *failed) if core_fails else failed
    return (_with_views_of(good, base, failed) if failed else base), kept


def _new_errors(good: LoadResult, seen: LoadResult) -> frozenset[Diagnostic]:
    known = {finding.identity for finding in good.diagnostics}
    errors = (finding for finding in seen.diagnostics if finding.severity is Severity.ERROR)
    return frozenset(error for error in errors if error.identity not in known)


def _over_core_of(good: LoadResult, seen: LoadResult) -> LoadResult:
    """Return the current workspaces over the last valid core."""
    base = f"{seen.project.settings.workspaces}/"
    of_core = {path: file for path, file in good.checked.items() if file.listed.workspace is None}
    above = {path: file for path, file in seen.checked.items() if file.listed.workspace is not None}
    findings = [
        diagnostic
        for diagnostic in good.layout.diagnostics
        if diagnostic.span is None or not diagnostic.span.path.startswith(base)
    ]
    findings += (
        diagnostic
        for diagnostic in seen.layout.diagnostics
        if diagnostic.span and diagnostic.span.path.startswith(base)
    )
    layout = seen.layout._replace(core=good.layout.core, diagnostics=tuple(findings))
    return _lay_again(good, seen.project, layout, {**of_core, **above}, [], None)


def _with_views_of(good: LoadResult, base: LoadResult, failed: Collection[str]) -> LoadResult:
    """Return a result with the views of some workspaces, if they exist, as they were."""

    def mixed(then: Mapping[str, T], now: Mapping[str, T]) -> dict[str, T]:
        ids = sorted(item for item in {*then, *now} if (item in then if item in failed else item in now))
        return {item: then[item] if item in failed else now[item] for item in ids}

    old, new = good.snapshot, base.snapshot
    workspaces = mixed(old.workspaces, new.workspaces)
    views = {workspace: (old if workspace in failed else new).view(workspace) for workspace in workspaces}
    checked = {path: file for path, file in base.checked.items() if file.listed.workspace not in failed}
    checked.update(pair for pair in good.checked.items() if pair[1].listed.workspace in failed)
    own = {
        owner: (good.own.get(owner, ()) if owner in failed else findings)
        for owner, findings in base.own.items()
    }
    replaced = {finding for item in failed for finding in base.own[item]}
    kept = (finding for item in failed for finding in own[item])
    return base.replaced(
        snapshot=Snapshot(new.core, workspaces, views),
        diagnostics=in_order(
            (*(diagnostic for diagnostic in base.diagnostics if diagnostic not in replaced), *kept)
        ),
        layout=base.layout._replace(
            workspaces=MappingProxyType(mixed(good.layout.workspaces, base.layout.workspaces)),
            settings=MappingProxyType(mixed(good.layout.settings, base.layout.settings)),
        ),
        checked=checked,
        overlays=mixed(good.overlays, base.overlays),
        own=own,
    )


def _lay_again(
    before: LoadResult,
    project: Project,
    layout: Layout,
    checked: Mapping[str, CheckedFile],
    replaced: list[Replaced],
    workspaces: Collection[str | None] | None,
) -> LoadResult:
    """Apply layers for everything that differs.

    Args:
        workspaces: ids of workspaces with possible changes; ``None`` for all.
    """
    core, names = before.core, None
    new_core = [pair for pair in replaced if _in_core(pair)]
    if new_core:
        relayered = relayer_core(before.core, new_core, project.settings)
        core = relayered or lay_core(project, layout, checked, before.guests)
        names = _names(new_core) if relayered is not None else None
    touched = concerned(before.core, core, names)
    overlays: dict[str, Overlay] = {}
    for workspace in layout.workspaces:
        old = before.overlays.get(workspace)
        if old is None or workspaces is None or workspace in workspaces or touched(old.layered):
            overlays[workspace] = lay_overlay(project, layout, workspace, core, checked)
        else:
            overlays[workspace] = old
    loaded = assemble(project, before.today, layout, checked, core, overlays, before.guests, before)
    if names is not None:
        now, then = loaded.snapshot.core, before.snapshot.core
        for folder, table in now.tables.items():
            table.differs_in(names, then.tables[folder])
    return loaded


def _check_again(
    before: LoadResult, project: Project, relisted: Relisted, hints: frozenset[str]
) -> tuple[Mapping[str, CheckedFile], list[Replaced]]:
    """Return all files by path after checking those with possible changes, and the changed ones."""
    layout = relisted.layout
    affected = list(relisted.core)
    for workspace in relisted.workspaces:
        affected += layout.workspaces.get(workspace, ())
    listed = {file.path: file for file in affected}
    folders = tuple(f"{hint}/" for hint in hints if hint not in listed and hint not in before.checked)
    checked = dict(before.checked)
    replaced: list[Replaced] = []
    file_rules = catalog.active("file", project.settings.severities)
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


def _suspects(before: LoadResult, relisted: Relisted, hints: frozenset[str]) -> Iterable[str]:
    """Return the files that may be removed."""
    if relisted.everything:
        return before.checked
    own = [
        listed.path
        for workspace in relisted.workspaces
        for listed in before.layout.workspaces.get(workspace, ())
    ]
    if relisted.whole_core:
        own += [listed.path for listed in before.layout.core]
    return {*hints, *own}


def _introduces_itself_so(before: LoadResult, project: Project, layout: Layout, workspace_id: str) -> bool:
    """Return whether the settings of a workspace are unchanged."""
    old, path = before.overlays.get(workspace_id), layout.settings.get(workspace_id)
    if old is None or path != before.layout.settings.get(workspace_id):
        return False
    if path is None:
        return True
    document, known = read_document(project.tree, path), old.workspace.document
    return not isinstance(document, Diagnostic) and known is not None and document.text == known.text


def _names(replaced: Iterable[Replaced]) -> frozenset[str]:
    return frozenset(file.name for pair in replaced for file in pair if file is not None and file.name)


def _in_core(replaced: Replaced) -> bool:
    file = replaced[0] or replaced[1]
    return file is not None and file.listed.workspace is None


def _same(old: CheckedFile, new: CheckedFile) -> bool:
    """Return whether a checked file has the same content, so that nothing depends on it."""
    was, now = old.as_written.source, new.as_written.source
    if was is None or now is None:
        return was is now and old.diagnostics == new.diagnostics
    return was.document.text == now.document.text
