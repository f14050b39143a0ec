"""A Layout after some paths changed, without listing again what did not."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

from stepwell.documents import SUFFIXES
from stepwell.layers import Layer
from stepwell.layout import Layout, Listed, lay_out, list_core, list_workspace
from stepwell.model import KINDS
from stepwell.project import Project

__all__ = ["Relisted", "relist"]


@final
@dataclass(frozen=True, slots=True)
class Relisted:
    """A new Layout, and what may differ in it.

    Args:
        layout: the files as they are now.
        everything: whether any file may differ.
        core: whether files of the core may differ.
        workspaces: the ids of the workspaces whose files may differ, gone ones included.
    """

    layout: Layout
    everything: bool
    core: bool
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
        if _within(path, core):
            in_core.add(path)
        elif _within(path, base) and path != base:
            ids.add(path[len(base) + 1 :].partition("/")[0])
        elif _within(core, path) or _within(base, path):
            return Relisted(lay_out(project), everything=True, core=True, workspaces=frozenset())
    layout = _core_again(project, before, in_core) if in_core else before
    if any(os.path.isdir(f"{project.root}/{base}/{one}") != (one in before.workspaces) for one in ids):
        return Relisted(lay_out(project), everything=False, core=bool(in_core), workspaces=frozenset(ids))
    for one in ids & before.workspaces.keys():
        layout = list_workspace(project, layout, one)
    return Relisted(layout, everything=False, core=bool(in_core), workspaces=frozenset(ids))


def _core_again(project: Project, before: Layout, changed: set[str]) -> Layout:
    """The core listed again: whole, unless every change is that of a plain file among listed ones."""
    if any(
        found.span is not None and _within(found.span.path, project.settings.core)
        for found in before.diagnostics
    ):
        return list_core(project, before)
    listed = {file.path: file for file in before.core}
    for path in changed:
        kind = path[len(project.settings.core) + 1 :].partition("/")[0]
        suffix = path[path.rfind(".") :]
        if kind not in KINDS or suffix not in SUFFIXES or not _is_plain(project.root, path):
            return list_core(project, before)
        if os.path.lexists(f"{project.root}/{path}"):
            listed[path] = Listed(path, Layer.CORE, None, kind)
        elif listed.pop(path, None) is None and any(_within(one, path) for one in listed):
            return list_core(project, before)  # it was a folder
    if listed.keys() == {file.path for file in before.core}:
        return before
    core = tuple(sorted(listed.values()))
    return Layout(core, before.workspaces, before.settings, before.diagnostics)


def _is_plain(root: str, path: str) -> bool:
    """Whether a path is, or was, a regular file that is reached through visible folders and no link."""
    if any(part.startswith(".") or not part.isprintable() for part in path.split("/")):
        return False
    full = f"{root}/{path}"
    folder = os.path.dirname(full)
    if os.path.realpath(folder) != folder or not os.path.isdir(folder):
        return False
    try:
        return stat.S_ISREG(os.lstat(full).st_mode)
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")
