"""States with an old Python registry: its tables as layers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from stepwell.check.catalog import RULES
from stepwell.check.file import CheckedFile, check_document
from stepwell.model.layer import Layer, Listed
from stepwell.model.settings import FreezeTarget, Project, Settings
from stepwell.resolve.layout import Layout
from stepwell.resolve.load import LoadResult, PluginDefinitions, assemble, lay_core, lay_overlay
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.document import Document
from stepwell.source.errors import ProjectError
from stepwell.source.merge_patch import patch_between
from stepwell.source.python import HYPERPARAMETERS, LegacyTables, TableRow, read_tables
from stepwell.source.tree import EntryKind, Tree

__all__ = ["find_tables", "load_tables"]

_MODULES: Final = ("step_names.py", "hyperparameter_registry.py", "workspace_registry.py")
_PASSED_OVER: Final = frozenset({"__pycache__", "node_modules", "site-packages"})
_MAX_DEPTH: Final = 32
_NOT_ASKED: Final = RULES.keys() - {"duplicate-definition", "override-without-base"}
"""Rules that do not apply to old tables."""


def find_tables(tree: Tree) -> tuple[str, ...]:
    """Return the modules of an old registry: one for the core and one per workspace.

    Raises:
       ProjectError: the core module is ambiguous.
    """
    found = sorted(path for path in _walk(tree) if _holds_tables(tree, path))
    for module in _MODULES[:2]:
        same = [path for path in found if path.rpartition("/")[2] == module]
        if len(same) > 1:
            shown = ", ".join(same[:5])
            raise ProjectError(
                f"{len(same)} files could be the old table ({shown}): "
                "name the file itself, or REV:PATH in a revision"
            )
    return tuple(found)


def _holds_tables(tree: Tree, path: str) -> bool:
    """Return whether a module has a table or is unreadable."""
    read = _read(tree, path)
    return isinstance(read, Diagnostic) or bool(read.tables or read.diagnostics)


def _walk(tree: Tree) -> Iterator[str]:
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            entries = list(tree.scan(folder))
        except OSError:  # skip unreadable folders
            continue
        if any(entry.name == "pyvenv.cfg" for entry in entries):
            continue
        for name, kind, is_link in entries:
            path = f"{folder}/{name}" if folder else name
            if name.startswith(".") or is_link:
                continue
            if kind is EntryKind.FILE and name in _MODULES:
                yield path
            elif kind is EntryKind.FOLDER and name not in _PASSED_OVER and path.count("/") < _MAX_DEPTH:
                pending.append(path)


def load_tables(
    root: str, tree: Tree, settings: Settings, paths: tuple[str, ...], today: date
) -> tuple[LoadResult, tuple[Diagnostic, ...]]:
    """Load the modules of an old registry as layers; return them with findings about skipped content."""
    tree.expect(paths)
    lost: list[Diagnostic] = []
    core: dict[str, CheckedFile] = {}
    overlays: dict[str, LegacyTables] = {}
    first: list[str] = []
    lenient = _lenient(settings)
    for path in paths:
        read = _read(tree, path)
        if isinstance(read, Diagnostic):
            lost.append(read)
            continue
        lost += read.diagnostics
        if "LOCAL_STEPS" in read.tables or "STEP_OVERRIDES" in read.tables:
            overlays[_workspace_of(read, overlays)] = read
        for table, kind in (("STEP_NAMES", "steps"), (HYPERPARAMETERS, "hyperparameters")):
            for row in _rows(read, table, lost):
                listed = Listed(f"{path}#{kind}/{row.name}", Layer.CORE, None, kind)
                core[listed.path] = check_document(listed, row.document, lenient, today, ())
                first.append(row.name)
    lenient = replace(lenient, freeze=_ordered(settings, tuple(first)))
    project = Project(root, lenient, tree)
    return _layered(project, core, overlays, today, lost), tuple(lost)


def _layered(
    project: Project,
    core: Mapping[str, CheckedFile],
    overlays: Mapping[str, LegacyTables],
    today: date,
    lost: list[Diagnostic],
) -> LoadResult:
    checked = dict(core)
    files = tuple(file.listed for file in core.values())
    below = {file.name: file.authored.data for file in core.values() if file.authored is not None}
    by_workspace: dict[str, tuple[Listed, ...]] = {}
    for one, read in sorted(overlays.items()):
        own: list[Listed] = []
        local_rows = read.tables["LOCAL_STEPS"].rows if "LOCAL_STEPS" in read.tables else ()
        local = {row.name: row.document.data for row in local_rows}
        for table, layer in (("LOCAL_STEPS", Layer.LOCAL), ("STEP_OVERRIDES", Layer.OVERRIDE)):
            for row in _rows(read, table, lost):
                listed = Listed(f"{read.path}#{table}/{row.name}", layer, one, "steps")
                document = row.document
                if layer is Layer.OVERRIDE:
                    document = _patch(document, local.get(row.name, below.get(row.name)))
                checked[listed.path] = check_document(listed, document, project.settings, today, ())
                own.append(listed)
        by_workspace[one] = tuple(own)
    layout = Layout(files, MappingProxyType(by_workspace), MappingProxyType({}), ())
    guests = PluginDefinitions()
    core_layered = lay_core(project, layout, checked, guests)
    laid = {one: lay_overlay(project, layout, one, core_layered, checked) for one in by_workspace}
    return assemble(project, today, layout, checked, core_layered, laid, guests, None)


def _read(tree: Tree, path: str) -> LegacyTables | Diagnostic:
    content = tree.read(path)
    return content if isinstance(content, Diagnostic) else read_tables(path, content)


def _rows(read: LegacyTables, table: str, lost: list[Diagnostic]) -> Iterator[TableRow]:
    for row in read.tables[table].rows if table in read.tables else ():
        lost += row.dropped
        yield row


def _patch(document: Document, base: Mapping[str, Any] | None) -> Document:
    """Return a full row as a merge patch that removes the other optional fields."""
    if base is None:
        return document
    patch = {"name": document.data["name"], **patch_between(base, document.data)}
    return document._replace(data=MappingProxyType(patch))


def _workspace_of(read: LegacyTables, taken: Mapping[str, object]) -> str:
    """Return the workspace declared by a module, or derived from its folder."""
    said = read.metadata.data.get("developer_id") if read.metadata is not None else None
    if isinstance(said, str) and said and said not in taken:
        return said
    parts = os.path.dirname(read.path).split("/")
    passed_over = {"", "src", "registry"}
    named = [part for part in parts if part not in passed_over and not part.endswith("_dev")]
    name = named[-1] if named else "workspace"
    return name if name not in taken else read.path


def _lenient(settings: Settings) -> Settings:
    """Downgrade findings, because the old registry had no rules."""
    return replace(
        settings, severities=MappingProxyType(dict.fromkeys(_NOT_ASKED, "off")), config=None, prefix=()
    )


def _ordered(settings: Settings, first: tuple[str, ...]) -> tuple[FreezeTarget, ...]:
    """Return the tables in source order."""
    targets = settings.freeze or (FreezeTarget("step_names.py"),)
    return tuple(target._replace(first=first) for target in targets)
