"""Reads the sources of an import."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, final

from stepwell.model import WORKSPACE_ID, schema
from stepwell.model.layer import Layer
from stepwell.model.legacy_rows import SUFFIXES, interface_row, is_interface, with_fields, with_known_fields
from stepwell.model.settings import RESERVED_ID
from stepwell.source.data_tables import read_json, read_yaml, table_of
from stepwell.source.diagnostic import Diagnostic, Severity, Span, in_order
from stepwell.source.document import Document
from stepwell.source.legacy_table import (
    HYPERPARAMETERS,
    LEGACY_FIELDS,
    METADATA,
    STEPS,
    TABLES,
    LegacyTables,
    TableRow,
)
from stepwell.source.python import read_tables
from stepwell.source.read import read_bytes, read_text
from stepwell.source.wording import counted
from stepwell.write.migrate.entries import Gathered, PlannedDefinition, in_full, merged, note
from stepwell.write.migrate.pipelines import GRAPH, is_configuration, is_dag, pipeline_entry, read_graphs
from stepwell.write.migrate.python_interfaces import CLASSES, PythonInterfaces

__all__ = ["NoWorkspace", "gather"]

_CONTENT: Final = re.compile("|".join((*TABLES, METADATA, GRAPH, *CLASSES)).encode("ascii"))
_LAYERS: Final = MappingProxyType({"LOCAL_STEPS": Layer.LOCAL, "STEP_OVERRIDES": Layer.OVERRIDE})
_PASSED_OVER: Final = frozenset({"__pycache__", "node_modules"})


@final
class NoWorkspace(Exception):
    """A source contains layers of an unknown workspace."""


def gather(paths: tuple[str, ...], workspace: str | None) -> Gathered:
    """Read the sources of an import without running them.

    Args:
       workspace: default workspace of workspace tables.

    Raises:
       NoWorkspace: the workspace of a table is unknown.
    """
    gathering = _Gathering(workspace)
    for path in paths:
        if os.path.isdir(path):
            for inside in _files_below(path, gathering.skipped):
                gathering.take(inside, asked_for=False)
        else:
            gathering.take(path, asked_for=True)
    known = {entry.key for entry in gathering.entries}
    described = tuple(gathering.interfaces.entries(known))
    entries, differing = merged((*gathering.entries, *described))
    return Gathered(
        entries,
        MappingProxyType(gathering.metadata),
        tuple(dict.fromkeys(gathering.order)),
        tuple(gathering.read),
        tuple(gathering.skipped),
        in_order((*gathering.findings, *gathering.interfaces.findings, *differing)),
    )


def _files_below(folder: str, skipped: list[tuple[str, str]]) -> Iterator[str]:
    def cannot_list(error: OSError) -> None:
        reason = (error.strerror or str(error)).lower()
        skipped.append((str(error.filename).replace(os.sep, "/"), f"it cannot be listed: {reason}"))

    for place, folders, files in os.walk(folder, onerror=cannot_list):
        folders[:] = sorted(folder for folder in folders if folder[0] != "." and folder not in _PASSED_OVER)
        for name in sorted(files):
            if name[0] != ".":
                yield os.path.join(place, name).replace(os.sep, "/")


@final
class _Gathering:
    """Pass over the sources."""

    def __init__(self, workspace: str | None) -> None:
        self._workspace = workspace
        self.entries: list[PlannedDefinition] = []
        self.interfaces = PythonInterfaces()
        self.metadata: dict[str, Document] = {}
        self.order: list[str] = []
        self.read: list[tuple[str, str]] = []
        self.skipped: list[tuple[str, str]] = []
        self.findings: list[Diagnostic] = []

    def take(self, path: str, *, asked_for: bool) -> None:
        """Read a file if its kind is supported."""
        kind = _kind_of(path)
        if kind is None:
            self._pass_over(path, "not an importable file", asked_for=asked_for)
            return
        content = read_bytes(os.path.dirname(path) or ".", os.path.basename(path))
        if isinstance(content, Diagnostic):
            self.findings.append(replace(content, span=Span(path)))
            return
        if kind == "python":
            if not asked_for and not _CONTENT.search(content):
                self._pass_over(path, "it has no table", asked_for=False)
            else:
                self._take_python(path, content, asked_for=asked_for)
        elif kind == "json":
            self._take_json(path, content, asked_for=asked_for)
        elif kind == "yaml":
            self._take_yaml(path, content, asked_for=asked_for)
        else:
            self._take_interface(path, content, asked_for=asked_for)

    def _take_python(self, path: str, content: bytes, *, asked_for: bool) -> None:
        tables = read_tables(path, content)
        if isinstance(tables, Diagnostic):
            self.findings.append(tables)
            return
        graphs, findings = read_graphs(path, content) if GRAPH.encode() in content else ((), ())
        self.findings += findings
        for graph in graphs:
            self._take_pipeline(graph)
        self.findings += tables.diagnostics
        if objects := self.interfaces.take(path, content):
            self.read.append((path, ", ".join(objects)))
        if not tables.tables and tables.metadata is None:
            if not tables.diagnostics and not graphs and not objects:
                self._pass_over(path, "it has no table", asked_for=asked_for)
            return
        words: list[str] = []
        owner = self._owner(tables)
        for name, table in tables.tables.items():
            for row in table.rows:
                self.findings += row.dropped
                self.entries.append(self._entry(name, row, owner))
            if name == STEPS:
                self.order += [row.name for row in table.rows]
            words.append(f"{name} with {counted(len(table.rows), 'row')}")
        if tables.metadata is not None and owner is not None:
            self.metadata[owner] = self._about(tables.metadata, owner)
            words.append(METADATA)
        self.read.append((path, ", ".join(words)))

    def _owner(self, tables: LegacyTables) -> str | None:
        if tables.metadata is None and not _LAYERS.keys() & tables.tables.keys():
            return None
        value = tables.metadata.data.get("developer_id") if tables.metadata is not None else None
        owner = self._workspace or value
        if not isinstance(owner, str) or owner == RESERVED_ID or not re.fullmatch(WORKSPACE_ID, owner):
            shown = f" (`{owner}` is not a valid id)" if owner is not None else ""
            raise NoWorkspace(f"{tables.path} does not specify its workspace{shown}; use --workspace ID")
        if owner in self.metadata:
            raise NoWorkspace(
                f"{tables.path} is a second source of workspace `{owner}`; import the sources separately"
            )
        return owner

    def _about(self, document: Document, owner: str) -> Document:
        data = {"developer_id": owner}
        known = schema.fields("workspace")
        for key, value in document.data.items():
            if key == "developer_id" and value != owner:
                message = f"`developer_id` is changed to `{owner}` (--workspace)"
                self.findings.append(note("renamed-workspace", message, document, (key,)))
            elif value is not None:
                data[key if key in known or key.startswith("x-") else f"x-{key}"] = value
        return with_fields(document, data, {f"x-{key}": key for key in document.data})

    def _entry(self, table: str, row: TableRow, owner: str | None) -> PlannedDefinition:
        kind = "hyperparameters" if table == HYPERPARAMETERS else "steps"
        expected = _hyperparameter_row(row) if kind == "hyperparameters" else _stated(row.document.data)
        layer = _LAYERS.get(table, Layer.CORE)
        document = self._with_known_fields(kind, row.document)
        return PlannedDefinition(
            kind, layer, owner if layer is not Layer.CORE else None, document, expected, row.remarks
        )

    def _with_known_fields(self, kind: str, document: Document) -> Document:
        known, renamed = with_known_fields(kind[:-1], document)
        for key, new in renamed.items():
            message = f"a {kind[:-1]} has no field `{key}`; it is kept as `{new}`"
            self.findings.append(note("kept-as-own", message, document, (key,)))
        return known

    def _take_json(self, path: str, content: bytes, *, asked_for: bool) -> None:
        document = read_json(path, content)
        if isinstance(document, Diagnostic):
            self.findings.append(document)
        elif is_dag(document) or is_configuration(document):
            self._take_pipeline(document)
        elif not self._take_rows(document):
            self._pass_over(path, "it has no table", asked_for=asked_for)

    def _take_rows(self, document: Document) -> bool:
        """Read a JSON or YAML table, and return whether the document is one."""
        table = table_of(document)
        if table is None:
            return False
        rows = table.tables[STEPS].rows
        self.findings += table.diagnostics
        self.entries += [self._entry(STEPS, row, None) for row in rows]
        self.order += [row.name for row in rows]
        self.read.append((document.path, counted(len(rows), "row")))
        return True

    def _take_yaml(self, path: str, content: bytes, *, asked_for: bool) -> None:
        document = read_yaml(path, content)
        if isinstance(document, Diagnostic):
            if asked_for:
                self.findings.append(document)
            else:
                self._pass_over(path, "not an importable file", asked_for=False)
        elif is_configuration(document):
            self._take_pipeline(document)
        elif not self._take_rows(document):
            self._pass_over(path, "it has neither a table nor a `pipeline_name`", asked_for=asked_for)

    def _take_pipeline(self, document: Document) -> None:
        entry, findings = pipeline_entry(document, self._workspace)
        self.findings += findings
        self.entries.append(entry)
        steps, edges = len(entry.row["steps"]), len(entry.row["edges"])
        self.read.append(
            (document.path, f"a pipeline of {counted(steps, 'step')} and {counted(edges, 'edge')}")
        )

    def _take_interface(self, path: str, content: bytes, *, asked_for: bool) -> None:
        document = read_text(path, content)
        if isinstance(document, Diagnostic):
            self.findings.append(document)
        elif not is_interface(document):
            self._pass_over(path, "it has no `step_type`", asked_for=asked_for)
        else:
            row = interface_row(document)
            if isinstance(row, Diagnostic):
                self.findings.append(row)
            else:
                expected = in_full(row.document.data)
                self.entries.append(
                    PlannedDefinition(
                        "steps", Layer.CORE, None, row.document, expected, row.remarks, row.verbatim
                    )
                )
                self.read.append((path, "an interface"))

    def _pass_over(self, path: str, why: str, *, asked_for: bool) -> None:
        if asked_for:
            help_text = (
                "importable are Python, JSON and YAML tables, *.step.yaml files, graphs (*.dag.json, "
                "PipelineDAG in Python), configurations of pipelines, and folders of them"
            )
            self.findings.append(
                Diagnostic(
                    "nothing-to-import", Severity.ERROR, f"nothing to import: {why}", Span(path), help_text
                )
            )
        else:
            self.skipped.append((path, why))


def _kind_of(path: str) -> str | None:
    if path.endswith(SUFFIXES):
        return "interface"
    return {".py": "python", ".json": "json", ".yaml": "yaml", ".yml": "yaml"}.get(os.path.splitext(path)[1])


def _stated(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: data[key] for key in LEGACY_FIELDS if key in data}


def _hyperparameter_row(row: TableRow) -> dict[str, Any]:
    data = row.document.data
    fields = {key: data[key] for key in ("module_path", "description") if key in data}
    return {"class_name": row.name, "model_type": data.get("model_type"), **fields}
