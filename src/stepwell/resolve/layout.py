"""Locates the definition files of a project and reports misplaced ones."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple, final

from stepwell.model import KINDS, WORKSPACE_ID
from stepwell.model.definition import is_reserved
from stepwell.model.layer import Layer, Listed
from stepwell.model.settings import RESERVED_ID, Project
from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.read import SUFFIXES
from stepwell.source.spelling import closest, suggest
from stepwell.source.tree import EntryKind, Folder, Tree

__all__ = ["LAYOUT_IDS", "Layout", "lay_out", "list_core", "list_folder", "list_workspace"]

LAYOUT_IDS: Final = (
    "misplaced-file",
    "outside-project",
    "unreadable-file",
    "folder-named-like-file",
    "invalid-workspace-id",
    "reserved-name",
    "two-workspace-files",
)
"""Ids of all findings about the file layout."""

_MAX_DEPTH: Final = 32
_FOLDER_FORM: Final = "the folder `{}/`"
_WORKSPACE_STEM: Final = "workspace"


@final
class Layout(NamedTuple):
    """All files of a project that Stepwell reads, sorted by path.

    Args:
        workspaces: definition files by workspace id, sorted.
        settings: path of the workspace file by workspace id.
        diagnostics: unreadable and misplaced files.
    """

    core: tuple[Listed, ...]
    workspaces: MappingProxyType[str, tuple[Listed, ...]]
    settings: MappingProxyType[str, str]
    diagnostics: tuple[Diagnostic, ...]


def lay_out(project: Project) -> Layout:
    """List the files of a project in a stable order."""
    walk = _Walk(project.tree)
    core = walk.layer(project.settings.core, Layer.CORE, None)
    workspaces: dict[str, tuple[Listed, ...]] = {}
    settings: dict[str, str] = {}
    for name in walk.workspace_ids(project.settings.workspaces):
        workspaces[name], findings = walk.workspace(project.settings.workspaces, name)
        if findings is not None:
            settings[name] = findings
    return Layout(core, MappingProxyType(workspaces), MappingProxyType(settings), tuple(walk.diagnostics))


def list_core(project: Project, before: Layout) -> Layout:
    """Return the layout with the core listed again."""
    walk = _Walk(project.tree)
    core = walk.layer(project.settings.core, Layer.CORE, None)
    kept = _outside(before, project.settings.core)
    return Layout(core, before.workspaces, before.settings, (*kept, *walk.diagnostics))


def list_workspace(project: Project, before: Layout, workspace_id: str) -> Layout:
    """Return the layout with one workspace listed again."""
    walk = _Walk(project.tree)
    files, findings = walk.workspace(project.settings.workspaces, workspace_id)
    kept = _outside(before, f"{project.settings.workspaces}/{workspace_id}")
    settings = {item: path for item, path in before.settings.items() if item != workspace_id}
    if findings is not None:
        settings[workspace_id] = findings
    workspaces = {**before.workspaces, workspace_id: files}
    return Layout(
        before.core, MappingProxyType(workspaces), MappingProxyType(settings), (*kept, *walk.diagnostics)
    )


def list_folder(folder: str) -> tuple[tuple[tuple[str, str], ...], tuple[Diagnostic, ...]]:
    """List the definition files of a folder outside any project.

    Returns:
        Kind and path of each file, sorted, relative to the folder; and the findings.
    """
    walk = _Walk(Folder(folder))
    kinds = [kind for kind in KINDS if os.path.isdir(f"{folder}/{kind}")]
    files = sorted((kind, path) for kind in kinds for path in walk.below(kind))
    return tuple(files), tuple(walk.diagnostics)


def _outside(layout: Layout, folder: str) -> list[Diagnostic]:
    return [
        finding
        for finding in layout.diagnostics
        if finding.span is None or not f"{finding.span.path}/".startswith(f"{folder}/")
    ]


@final
@dataclass(slots=True)
class _Walk:
    """One traversal of a project's folders."""

    tree: Tree
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def layer(self, base: str, layer: Layer, workspace: str | None) -> tuple[Listed, ...]:
        """Return the files of one layer."""
        files: list[Listed] = []
        for name, is_folder in self.top(base):
            path = f"{base}/{name}"
            if is_folder and name in KINDS:
                files.extend(Listed(file, layer, workspace, name) for file in self.below(path))
            elif is_folder:
                hint = suggest(name, KINDS, form=_FOLDER_FORM) or _KINDS_HELP
                for file in self.below(path):
                    self.misplaced(file, hint)
            elif name in KINDS:
                self._unreadable(path, _NOT_A_FOLDER)
            elif _suffix(name) in SUFFIXES:
                self.misplaced(path, _KINDS_HELP)
        files.sort()
        return tuple(files)

    def workspace_ids(self, base: str) -> list[str]:
        """Return the valid workspace folders by name."""
        ids: list[str] = []
        for name, is_folder in self.top(base):
            if not is_folder:
                if _suffix(name) in SUFFIXES:
                    self.misplaced(f"{base}/{name}", "workspaces are folders")
            elif re.fullmatch(WORKSPACE_ID, name) and name != RESERVED_ID:
                ids.append(name)
            else:
                self.invalid_id(f"{base}/{name}", name)
        return ids

    def workspace(self, base: str, name: str) -> tuple[tuple[Listed, ...], str | None]:
        """Return the files of a workspace and the path of its workspace file."""
        folder = f"{base}/{name}"
        files: list[Listed] = []
        lines: list[str] = []
        for entry, is_folder in self.entries(folder, optional=False):
            path = f"{folder}/{entry}"
            if is_folder and entry in _LAYERS:
                files.extend(self.layer(path, _LAYERS[entry], name))
            elif entry in _LAYERS:
                self._unreadable(path, _NOT_A_FOLDER)
            elif is_folder and (entry in KINDS or closest(entry, _LAYERS)):
                words = suggest(entry, _LAYERS, form=_FOLDER_FORM) or "move it into `local/` or `override/`"
                for file in self.below(path):
                    self.misplaced(file, words)
            elif not is_folder and _suffix(entry) in SUFFIXES and entry.startswith(f"{_WORKSPACE_STEM}."):
                lines.append(path)
        for second in lines[1:]:
            message = f"`{name}` has two workspace files; this one is not read"
            self.diagnostics.append(
                Diagnostic("two-workspace-files", Severity.ERROR, message, Span(second), "keep one")
            )
        return tuple(files), lines[0] if lines else None

    def top(self, folder: str) -> list[tuple[str, bool]]:
        """Return the entries of an optional folder, if it is in the project."""
        target = self.tree.follow(folder)
        if target.path != folder and not self._may_follow(folder):
            return []
        return self.entries(folder, optional=True)

    def entries(self, folder: str, *, optional: bool) -> list[tuple[str, bool]]:
        """Return the visible entries of a folder by name with a folder flag; report unusual ones."""
        entries: list[tuple[str, bool]] = []
        regular, directory = EntryKind.FILE, EntryKind.FOLDER
        try:
            for name, kind, is_link in self.tree.scan(folder):
                if name[0] == ".":
                    continue
                if not name.isprintable():
                    self._unreadable(
                        f"{folder}/{ascii(name)[1:-1]}",
                        "the name contains characters that cannot be displayed",
                    )
                    continue
                if is_link and not self._may_follow(f"{folder}/{name}"):
                    continue
                if is_reserved(name) and (kind is directory or _suffix(name) in SUFFIXES):
                    self._reserved(f"{folder}/{name}", name)
                    continue
                if kind is regular:
                    entries.append((name, False))
                elif kind is directory:
                    entries.append((name, True))
                elif _suffix(name) in SUFFIXES:
                    self._unreadable(f"{folder}/{name}", "this is not a regular file")
        except FileNotFoundError:
            if not optional:
                self._unreadable(folder, "the folder was deleted during the read")
        except NotADirectoryError:
            self._unreadable(folder, _NOT_A_FOLDER)
        except OSError as error:
            self._unreadable(folder, f"cannot read the folder: {(error.strerror or str(error)).lower()}")
        entries.sort()
        return entries

    def misplaced(self, path: str, help_text: str) -> None:
        """Report a definition file in a folder that is not read."""
        message = "definitions are not read from this folder, so the file is ignored"
        self.diagnostics.append(
            Diagnostic("misplaced-file", Severity.WARNING, message, Span(path), help_text)
        )

    def invalid_id(self, path: str, name: str) -> None:
        """Report a folder name that is not a valid workspace id."""
        message = f"`{name}` is not a valid workspace id, so the folder is skipped"
        help_text = "use letters, digits, `_` and `-`, beginning with a letter or a digit"
        if name == RESERVED_ID:
            help_text = "choose another name: `all` means every workspace in `[[freeze]]`"
        self.diagnostics.append(
            Diagnostic("invalid-workspace-id", Severity.ERROR, message, Span(path), help_text)
        )

    def below(self, folder: str) -> Iterator[str]:
        """Yield the definition files in a folder, recursively."""
        pending = [folder]
        while pending:
            here = pending.pop()
            if here.count("/") > _MAX_DEPTH:
                self._unreadable(here, f"folders are nested more than {_MAX_DEPTH} levels deep")
                continue
            for name, is_folder in self.entries(here, optional=False):
                path = f"{here}/{name}"
                suffix = _suffix(name)
                if not is_folder:
                    if suffix in SUFFIXES:
                        yield path
                    elif suffix.lower() in SUFFIXES:
                        self.misplaced(path, f"use a lowercase extension: `{suffix.lower()}`")
                    continue
                if suffix in SUFFIXES:
                    message = "this folder is named like a definition file"
                    help_text = "rename the folder; its files are read"
                    self.diagnostics.append(
                        Diagnostic("folder-named-like-file", Severity.WARNING, message, Span(path), help_text)
                    )
                pending.append(path)

    def _may_follow(self, path: str) -> bool:
        """Return whether a link exists, stays in the project and is not cyclic."""
        target = self.tree.follow(path)
        relevant = _suffix(path) in SUFFIXES or target.kind is EntryKind.FOLDER
        if target.path is None:
            if relevant:
                message = "the link leads outside the project, so it is not followed"
                self.diagnostics.append(
                    Diagnostic(
                        "outside-project", Severity.ERROR, message, Span(path), "copy the file here instead"
                    )
                )
            return False
        if target.kind is None:
            if relevant:
                self._unreadable(path, "the link is broken")
            return False
        above = f"/{path}"[: path.rfind("/") + 1]
        way_up = f"/{target.path}" if target.path else ""
        if target.kind is EntryKind.FOLDER and f"{above}/".startswith(f"{way_up}/"):
            self._unreadable(path, "the link leads to one of its parent folders")
            return False
        return True

    def _reserved(self, path: str, name: str) -> None:
        """Report a name that cannot be checked out on Windows."""
        message = f"Windows reserves the name `{name}`, so it is skipped"
        self.diagnostics.append(Diagnostic("reserved-name", Severity.ERROR, message, Span(path), "rename it"))

    def _unreadable(self, path: str, message: str) -> None:
        self.diagnostics.append(Diagnostic("unreadable-file", Severity.ERROR, message, Span(path)))


_NOT_A_FOLDER: Final = "must be a folder, got a file"
_LAYERS: Final = MappingProxyType({"local": Layer.LOCAL, "override": Layer.OVERRIDE})
_FOLDERS: Final = [f"`{kind}/`" for kind in KINDS]
_KINDS_HELP: Final = f"put definitions in {', '.join(_FOLDERS[:-1])} or {_FOLDERS[-1]}"


def _suffix(name: str) -> str:
    dot = name.rfind(".")
    return name[dot:] if dot > 0 else ""
