"""The flow of ``load`` for what changed only: the rest is shared with what was before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stepwell.checking import CheckedFile, check_definition
from stepwell.layering import Replaced, concerned, layer_core, relayer_core
from stepwell.load import Loaded, Overlay, assemble, lay_overlay
from stepwell.relisting import Relisted, relist

__all__ = ["reload"]


def reload(before: Loaded, changed: Iterable[str]) -> Loaded:
    """The same flow for what changed only; what did not change is shared with what was before.

    Args:
        before: an earlier load.
        changed: files and folders that appeared, changed or vanished since, relative to the project.
            Changes of the configuration need a whole ``load``.
    """
    project, hints = before.project, frozenset(changed)
    relisted = relist(project, before.layout, hints)
    checked, replaced = _check_again(before, relisted, hints)
    core = before.core
    new_core = [pair for pair in replaced if _in_core(pair)]
    if new_core:
        core = relayer_core(before.core, new_core, project.settings) or layer_core(
            [checked[listed.path] for listed in relisted.layout.core], project.settings
        )
    touched = concerned(before.core, core)
    overlays: dict[str, Overlay] = {}
    for one in relisted.layout.workspaces:
        old = before.overlays.get(one)
        if old is None or relisted.everything or one in relisted.workspaces or touched(old.layered):
            overlays[one] = lay_overlay(project, relisted.layout, one, core, checked)
        else:
            overlays[one] = old
    return assemble(project, before.today, relisted.layout, checked, core, overlays, before)


def _check_again(
    before: Loaded, relisted: Relisted, hints: frozenset[str]
) -> tuple[Mapping[str, CheckedFile], list[Replaced]]:
    """Every file by path, those that may differ read again, and the ones that do differ."""
    layout = relisted.layout
    affected = list(layout.core) if relisted.core else []
    for one in layout.workspaces if relisted.everything else relisted.workspaces:
        affected += layout.workspaces.get(one, ())
    listed = {file.path: file for file in affected}
    folders = tuple(f"{hint}/" for hint in hints if hint not in listed and hint not in before.checked)
    checked = dict(before.checked)
    replaced: list[Replaced] = []
    for path, file in listed.items():
        old = checked.get(path)
        if old is None or path in hints or path.startswith(folders):
            new = check_definition(before.project, file, before.today)
            if old is None or not _same(old, new):
                checked[path] = new
                replaced.append((old, new))
    groups = {*relisted.workspaces, *([None] if relisted.core else [])}
    for path, gone in before.checked.items():
        if path not in listed and (relisted.everything or gone.listed.workspace in groups):
            del checked[path]
            replaced.append((gone, None))
    return checked, replaced


def _in_core(replaced: Replaced) -> bool:
    file = replaced[0] or replaced[1]
    return file is not None and file.listed.workspace is None


def _same(old: CheckedFile, new: CheckedFile) -> bool:
    """Whether a file that was read again says what it said: then nothing that depends on it moves."""
    if old.source is None or new.source is None:
        return old.source is new.source and old.diagnostics == new.diagnostics
    return old.source.document.text == new.source.document.text
