"""States with an old registry: Python, YAML and JSON tables and interface files as layers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from stepwell.check.catalog import RULES
from stepwell.check.file import CheckedFile, check_document
from stepwell.model import legacy_rows
from stepwell.model.layer import Layer, Listed
from stepwell.model.settings import FreezeTarget, Project, Settings
from stepwell.resolve.layout import Layout
from stepwell.resolve.load import LoadResult, assemble, lay_core, lay_overlay
from stepwell.resolve.plugins import PluginDefinitions
from stepwell.source.data_tables import read_json, read_yaml, table_of
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.document import Document
from stepwell.source.errors import ProjectError
from stepwell.source.legacy_table import (
    HYPERPARAMETERS,
    LEGACY_FIELDS,
    STEPS,
    TABLES,
    LegacyTables,
    Table,
    TableRow,
)
from stepwell.source.merge_patch import patch_between
from stepwell.source.python import read_tables
from stepwell.source.tree import EntryKind, Tree, read_document

__all__ = ["LOOKED_FOR", "find_tables", "load_tables", "read_table", "source_files", "tables_at"]

LOOKED_FOR: Final = (
    f"Python modules that assign {', '.join(TABLES)}, YAML and JSON tables with their fields, "
    "and *.step.yaml files"
)
"""Files of an old registry, for messages."""

_LAYERS: Final = MappingProxyType({"LOCAL_STEPS": Layer.LOCAL, "STEP_OVERRIDES": Layer.OVERRIDE})
_USUAL_NAMES: Final = ("step_names", "hyperparameter_registry", "workspace_registry")
_DATA: Final = (".yaml", ".yml", ".json")
_ROW: Final = tuple(field.encode("ascii") for field in LEGACY_FIELDS[:-1])
_NAMES: Final = tuple(table.encode("ascii") for table in TABLES)
_OF_TESTS: Final = frozenset({"test", "tests"})
_PASSED_OVER: Final = frozenset({"__pycache__", "node_modules", "site-packages"})
_MAX_DEPTH: Final = 32
_NOT_ASKED: Final = RULES.keys() - {"duplicate-definition", "override-without-base"}
"""Rules that do not apply to old tables."""


def find_tables(tree: Tree) -> tuple[str, ...]:
    """Return the files of an old registry: the tables of the core and of workspaces, and interface files.

    A table with rows precedes modules that build theirs at run time, a file with the usual name precedes
    others, and a Python table precedes YAML and JSON. Without a table, dicts with complete rows under other
    names belong to the registry. Files in folders of tests do not.

    Raises:
       ProjectError: the core table is ambiguous.
    """
    paths = [path for path in sorted(source_files(tree)) if _OF_TESTS.isdisjoint(path.split("/")[:-1])]
    read = {path: tables for path in paths if (tables := _candidate(tree, path)) is not None}
    chosen = {path for path in read if path.endswith(legacy_rows.SUFFIXES)}
    chosen |= {path for path, tables in read.items() if _names(tables) & _LAYERS.keys()}
    for table in (STEPS, HYPERPARAMETERS):
        having = [path for path in read if table in _names(read[path])]
        only = _only([path for path in having if not path.endswith(legacy_rows.SUFFIXES)])
        if table == STEPS and not only:
            only = [
                path for path, tables in read.items() if isinstance(tables, LegacyTables) and tables.others
            ]
        chosen.update(only)
    return tuple(sorted(chosen or _only([path for path in read if path.endswith(".py")])))


def _only(paths: list[str]) -> list[str]:
    """Return the path of highest precedence, if any.

    Raises:
       ProjectError: there are several.
    """
    ranks = {path: (not _is_usual(path), not path.endswith(".py")) for path in paths}
    same = [path for path in paths if ranks[path] == min(ranks.values())]
    if len(same) > 1:
        shown = ", ".join(same[:5])
        raise ProjectError(
            f"{len(same)} files could be the old table ({shown}): "
            "name the file itself, REV:PATH in a revision, or --base-table and --head-table"
        )
    return same


def tables_at(tree: Tree, path: str) -> tuple[str, ...]:
    """Return the table at a path, or the interface files in a folder; empty if there are none."""
    if tree.follow(path).kind is EntryKind.FOLDER:
        inside = (file for file in sorted(source_files(tree, path)) if file.endswith(legacy_rows.SUFFIXES))
        return tuple(file for file in inside if _candidate(tree, file) is not None)
    return (path,) if _candidate(tree, path) is not None else ()


def _is_usual(path: str) -> bool:
    return path.rpartition("/")[2].partition(".")[0] in _USUAL_NAMES


def _names(read: LegacyTables | Diagnostic) -> frozenset[str]:
    """Return the names of the tables with rows."""
    tables = {} if isinstance(read, Diagnostic) else read.tables
    return frozenset(name for name, table in tables.items() if table.rows)


def _others(read: LegacyTables | Diagnostic) -> tuple[Table, ...]:
    return () if isinstance(read, Diagnostic) else tuple(read.others.values())


def _candidate(tree: Tree, path: str) -> LegacyTables | Diagnostic | None:
    """Return the tables of a file; unreadable files count if they are Python modules or interface files."""
    content = tree.read(path)
    if isinstance(content, Diagnostic):
        return content if _is_usual(path) else None
    has_fields = (field in content for field in _ROW)
    if path.endswith(".py"):
        may_have_table = any(name in content for name in _NAMES) or all(has_fields)
    else:
        may_have_table = path.endswith(legacy_rows.SUFFIXES) or any(has_fields)
    if not may_have_table:
        return None
    read = read_table(tree, path)
    if isinstance(read, Diagnostic):
        return None if path.endswith(_DATA) and not path.endswith(legacy_rows.SUFFIXES) else read
    return read if read is not None and (read.tables or read.others or read.diagnostics) else None


def read_table(tree: Tree, path: str) -> LegacyTables | Diagnostic | None:
    """Read a file of an old registry; ``None`` if it contains no table."""
    if path.endswith(legacy_rows.SUFFIXES):
        document = read_document(tree, path)
        if isinstance(document, Diagnostic):
            return document
        if not legacy_rows.is_interface(document):
            return None
        row = legacy_rows.interface_row(document)
        if isinstance(row, Diagnostic):
            return row
        table = Table(STEPS, (row,), document.key_span(("step_type",)))
        return LegacyTables(path, MappingProxyType({STEPS: table}))
    content = tree.read(path)
    if isinstance(content, Diagnostic):
        return content
    if path.endswith(".py"):
        return read_tables(path, content)
    if not path.endswith(_DATA):
        return None
    data = read_json(path, content) if path.endswith(".json") else read_yaml(path, content)
    return data if isinstance(data, Diagnostic) else table_of(data)


def source_files(tree: Tree, start: str = "") -> Iterator[str]:
    """Yield the Python, YAML and JSON files below a folder, without hidden ones and installed packages."""
    pending = [start]
    while pending:
        folder = pending.pop()
        try:
            entries = list(tree.scan(folder))
        except OSError:  # skip unreadable folders
            continue
        if any(entry.name == "pyvenv.cfg" for entry in entries):
            continue
        files: list[str] = []
        for name, kind, is_link in entries:
            path = f"{folder}/{name}" if folder else name
            if name.startswith(".") or is_link:
                continue
            if kind is EntryKind.FILE and name.endswith((".py", *_DATA)):
                files.append(path)
            elif kind is EntryKind.FOLDER and name not in _PASSED_OVER and path.count("/") < _MAX_DEPTH:
                pending.append(path)
        tree.expect(files)
        yield from files


def load_tables(
    root: str, tree: Tree, settings: Settings, paths: tuple[str, ...], today: date
) -> tuple[LoadResult, tuple[Diagnostic, ...]]:
    """Load the files of an old registry as layers; return them with findings about skipped content."""
    tree.expect(paths)
    lost: list[Diagnostic] = []
    rows: dict[tuple[str, str], tuple[str, TableRow]] = {}
    overlays: dict[str, LegacyTables] = {}
    first: list[str] = []
    lenient = _lenient(settings)
    for path in sorted(paths, key=lambda path: path.endswith(legacy_rows.SUFFIXES)):
        read = read_table(tree, path)
        if read is None or isinstance(read, Diagnostic):
            lost += [] if read is None else [read]
            continue
        lost += read.diagnostics
        if read.tables.keys() & _LAYERS.keys():
            overlays[_workspace_of(read, overlays)] = read
        others = () if STEPS in _names(read) else _others(read)
        tables = [(table, "steps") for table in (read.tables.get(STEPS), *others)]
        for table, kind in (*tables, (read.tables.get(HYPERPARAMETERS), "hyperparameters")):
            for row in _rows(table, kind, lost):
                taken = rows.get((kind, row.name))
                rows[kind, row.name] = (path, row) if taken is None else (taken[0], _joined(taken[1], row))
                if not path.endswith(legacy_rows.SUFFIXES):
                    first.append(row.name)
    core: dict[str, CheckedFile] = {}
    for (kind, name), (path, row) in rows.items():
        listed = Listed(f"{path}#{kind}/{name}", Layer.CORE, None, kind)
        core[listed.path] = check_document(listed, row.document, lenient, today, ())
    lenient = replace(lenient, freeze=_ordered(settings, tuple(first)))
    project = Project(root, lenient, tree)
    return _layered(project, core, overlays, today, lost), tuple(lost)


def _joined(first: TableRow, other: TableRow) -> TableRow:
    """Return a row with the fields that only an interface file of the step has."""
    data = MappingProxyType({**other.document.data, **first.document.data})
    return replace(first, document=first.document._replace(data=data))


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
    for workspace, read in sorted(overlays.items()):
        listed_here: list[Listed] = []
        local_rows = read.tables["LOCAL_STEPS"].rows if "LOCAL_STEPS" in read.tables else ()
        local = {row.name: row.document.data for row in local_rows}
        for table, layer in _LAYERS.items():
            for row in _rows(read.tables.get(table), "steps", lost):
                listed = Listed(f"{read.path}#{table}/{row.name}", layer, workspace, "steps")
                document = row.document
                if layer is Layer.OVERRIDE:
                    document = _patch(document, local.get(row.name, below.get(row.name)))
                checked[listed.path] = check_document(listed, document, project.settings, today, ())
                listed_here.append(listed)
        by_workspace[workspace] = tuple(listed_here)
    layout = Layout(files, MappingProxyType(by_workspace), MappingProxyType({}), ())
    guests = PluginDefinitions()
    core_layered = lay_core(project, layout, checked, guests)
    laid = {name: lay_overlay(project, layout, name, core_layered, checked) for name in by_workspace}
    return assemble(project, today, layout, checked, core_layered, laid, guests, None)


def _rows(table: Table | None, kind: str, lost: list[Diagnostic]) -> Iterator[TableRow]:
    for row in table.rows if table is not None else ():
        lost += row.dropped
        document, _ = legacy_rows.with_known_fields(kind[:-1], row.document)
        yield replace(row, document=document)


def _patch(document: Document, base: Mapping[str, Any] | None) -> Document:
    """Return a full row as a merge patch that removes the other optional fields."""
    if base is None:
        return document
    patch = {"name": document.data["name"], **patch_between(base, document.data)}
    return document._replace(data=MappingProxyType(patch))


def _workspace_of(read: LegacyTables, taken: Mapping[str, object]) -> str:
    """Return the workspace declared by a module, or derived from its folder."""
    value = read.metadata.data.get("developer_id") if read.metadata is not None else None
    if isinstance(value, str) and value and value not in taken:
        return value
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
