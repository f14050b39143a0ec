"""A Layout after some paths changed, without listing again what did not."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import final

from stepwell.layout import Layout, lay_out, list_core, list_workspace
from stepwell.model import KINDS
from stepwell.model.layer import Layer, Listed
from stepwell.model.settings import Project
from stepwell.source.read import SUFFIXES
from stepwell.source.tree import EntryKind, Tree

__all__ = ["Relisted", "relist"]


@final
@dataclass(frozen=True, slots=True)
class Relisted:
    """A new Layout, and what may differ in it.

    Args:
        layout: the files as they are now.
        everything: whether any file may differ.
        whole_core: whether any file of the core may differ.
        core: the files of the core, of those that there are, that may differ.
        workspaces: the ids of the workspaces whose files may differ, gone ones included.
    """

    layout: Layout
    everything: bool
    whole_core: bool
    core: tuple[Listed, ...]
    workspaces: frozenset[str]


def relist(project: Project, before: Layout, changed: Iterable[str]) -> Relisted:
    """List again the parts of a project in which paths changed.

    Args:
        project: the project.
        before: its files as they were.
        changed: files and folders that appeared, changed or vanished, relative to the project.
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
    if any(one not in before.workspaces or not _is_folder(project, one) for one in ids):
        return _everything(project)
    again = _core_again(project, before, in_core) if in_core else ()
    layout = before
    if again is None:
        layout = list_core(project, before)
    elif again:
        layout = replace(before, core=_with(before.core, again))
    for one in ids:
        layout = list_workspace(project, layout, one)
    if again is None:
        return Relisted(layout, False, True, layout.core, frozenset(ids))
    return Relisted(layout, False, False, tuple(file for file, there in again if there), frozenset(ids))


def _everything(project: Project) -> Relisted:
    layout = lay_out(project)
    return Relisted(layout, True, True, layout.core, frozenset(layout.workspaces))


def _core_again(
    project: Project, before: Layout, changed: set[str]
) -> tuple[tuple[Listed, bool], ...] | None:
    """The changed files of the core, each with whether it is there; ``None`` when only a listing can tell.

    It cannot be told from a path alone where links, folders, odd names or findings are in play, or two
    names that a file system might take for one.
    """
    core = project.settings.core
    if any(found.span is not None and _within(found.span.path, core) for found in before.diagnostics):
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
    """The same files, sorted, with those that came and without those that went."""
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
    """Whether a path is, or was, a regular file that is reached through visible folders and no link."""
    if any(part.startswith(".") or not part.isprintable() for part in path.split("/")):
        return False
    folder = path.rpartition("/")[0]
    if tree.follow(folder) != (folder, EntryKind.FOLDER):
        return False
    target = tree.follow(path)
    return target.path == path and target.kind in (EntryKind.FILE, None)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")
