"""Planned files of an import, and the YAML text of definitions."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, final

from stepwell.check.file import CheckedFile
from stepwell.model import schema
from stepwell.model.layer import Layer
from stepwell.model.legacy_rows import UNKNOWN
from stepwell.model.schema import conventions
from stepwell.resolve.load import LoadResult
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.document import Document, freeze, thaw
from stepwell.source.legacy_table import Remark
from stepwell.source.read import read_text
from stepwell.source.tree import EntryKind, Tree
from stepwell.source.yaml_writer import to_yaml
from stepwell.write.migrate.entries import (
    EntryKey,
    Gathered,
    PlannedDefinition,
    effective,
    fail,
    note,
    patch_of,
    without_conventional,
)

__all__ = ["Draft", "PlannedFile", "WriteStatus", "draft", "file_text", "in_schema_order"]

_NOTHING: Final[Mapping[str, str]] = {}


@final
class WriteStatus(Enum):
    """Effect of writing a file."""

    NEW = "new"
    UNCHANGED = "unchanged"
    OVERWRITES = "overwrites"
    EDITED = "edited"


@final
@dataclass(frozen=True, slots=True)
class PlannedFile:
    """Planned file.

    Args:
       path: relative to the project.
       text: new content, or current content if unchanged.
       source: ``None`` for the configuration.
    """

    path: str
    text: str
    status: WriteStatus
    source: Document | None = None


@final
@dataclass(slots=True)
class Draft:
    """Plan under construction."""

    files: dict[str, PlannedFile] = field(default_factory=dict)
    keys: dict[str, EntryKey] = field(default_factory=dict)
    findings: list[Diagnostic] = field(default_factory=list)
    refused: set[EntryKey] = field(default_factory=set)


def draft(tree: Tree, loaded: LoadResult, gathered: Gathered, left_out: Collection[EntryKey]) -> Draft:
    """Plan a file for each entry and each workspace."""
    drafting = _Drafting(tree, loaded)
    wanted = [entry for entry in gathered.entries if entry.key not in left_out]
    for entry in wanted:
        if entry.layer is not Layer.OVERRIDE:
            drafting.define(entry)
    for entry in wanted:
        if entry.layer is Layer.OVERRIDE:
            drafting.override(entry)
    for workspace, document in gathered.metadata.items():
        drafting.describe(workspace, document)
    return drafting.result


@final
class _Drafting:
    def __init__(self, tree: Tree, loaded: LoadResult) -> None:
        self._tree = tree
        self._settings = loaded.project.settings
        self._loaded = loaded
        self._existing: dict[EntryKey, CheckedFile] = {}
        for checked in loaded.checked.values():
            _, layer, workspace, kind = checked.listed
            if checked.source is not None and checked.name is not None:
                self._existing.setdefault((kind, layer, workspace, checked.name), checked)
        self._taken = frozenset(item.listed.path for item in self._existing.values())
        self._planned: dict[EntryKey, Mapping[str, Any]] = {}
        self.result = Draft()

    def define(self, entry: PlannedDefinition) -> None:
        """Add a definition without conventional fields."""
        data = entry.document.data
        stated = without_conventional(data) if entry.kind == "steps" else dict(data)
        self._planned[entry.key] = stated
        existing = self._existing.get(entry.key)
        if existing is not None and existing.source is not None:
            held = existing.source.document.data
            if entry.kind == "steps" and not entry.row:  # only an interface
                stated = data = {key: value for key, value in data.items() if key != "description"}
            there = effective(held) if entry.kind == "steps" else held
            if all(there.get(key) == value for key, value in (*stated.items(), *data.items())):
                self._planned[entry.key] = held
                self._keep(entry, existing.listed.path)
                return
            kept = {key: value for key, value in held.items() if key not in conventions("step")}
            stated = {**kept, **stated}
            self._planned[entry.key] = stated
        self._write(entry, entry.kind[:-1], stated, existing)

    def override(self, entry: PlannedDefinition) -> None:
        """Add the patch for a row that replaced another."""
        base = self._base(entry)
        if base is None:
            message = f"`{entry.name}` overrides a step that does not exist; it becomes a local step"
            self.result.findings.append(note("override-becomes-local", message, entry.document, ("name",)))
            self._write(entry, "step", without_conventional(entry.document.data), None, Layer.LOCAL)
            return
        patch = patch_of(entry.document.data, base)
        if len(patch) == 1:
            message = f"the override of `{entry.name}` changes nothing, so it is not written"
            self.result.findings.append(note("override-changes-nothing", message, entry.document, ("name",)))
            return
        existing = self._existing.get(entry.key)
        if existing is not None and existing.source is not None:
            held = existing.source.document.data
            if all(key in held and held[key] == value for key, value in patch.items()):
                self._keep(entry, existing.listed.path)
                return
        self._write(entry, "step-override", patch, existing)

    def describe(self, workspace: str, document: Document) -> None:
        """Add the settings of a workspace."""
        path = self._loaded.layout.settings.get(workspace)
        data = in_schema_order("workspace", document.data)
        text = file_text(data, schema_path=self._schema("workspace", path or self._workspace_file(workspace)))
        if isinstance(text, Diagnostic):
            self.result.findings.append(fail(text.id, text.message, document, (), "write the file by hand"))
            return
        if path is not None:
            held = self._read_data(path)
            if held is not None and all(held.get(key) == value for key, value in data.items()):
                self._add(PlannedFile(path, self._text(path), WriteStatus.UNCHANGED, document))
                return
        self._add(self._file(path or self._workspace_file(workspace), text, document))

    def _base(self, entry: PlannedDefinition) -> Mapping[str, Any] | None:
        local = (entry.kind, Layer.LOCAL, entry.workspace, entry.name)
        core = (entry.kind, Layer.CORE, None, entry.name)
        for key in (local, core):
            if key in self._planned:
                return self._planned[key]
            held = self._existing.get(key)
            if held is not None and held.authored is not None:
                return held.authored.data
        served = self._loaded.snapshot.core.steps.get(entry.name)
        return served.data if served is not None else None

    def _keep(self, entry: PlannedDefinition, path: str) -> None:
        self.result.keys[path] = entry.key
        self._add(PlannedFile(path, self._text(path), WriteStatus.UNCHANGED, entry.document))

    def _write(
        self,
        entry: PlannedDefinition,
        form: str,
        data: Mapping[str, Any],
        existing: CheckedFile | None,
        layer: Layer | None = None,
    ) -> None:
        path = existing.listed.path if existing is not None else self._free_path(entry, layer or entry.layer)
        if path.endswith(".toml"):
            message = f"`{entry.name}` is defined differently in {path}; TOML files are not rewritten"
            self.result.findings.append(
                fail("exists-as-toml", message, entry.document, ("name",), "edit it by hand")
            )
            self.result.refused.add(entry.key)
            return
        ordered = in_schema_order(form, data)
        verbatim = {key: text for key, text in entry.verbatim.items() if key == UNKNOWN}
        text = file_text(ordered, entry.remarks, verbatim, self._schema(form, path))
        if isinstance(text, Diagnostic):
            message = f"no file can hold `{entry.name}`: {text.message}"
            self.result.findings.append(fail(text.id, message, entry.document, ("name",), "simplify it"))
            self.result.refused.add(entry.key)
            return
        self.result.keys[path] = entry.key
        self._add(self._file(path, text, entry.document))

    def _free_path(self, entry: PlannedDefinition, layer: Layer) -> str:
        folder = self._settings.core
        if layer is not Layer.CORE:
            folder = f"{self._settings.workspaces}/{entry.workspace}/{layer.value}"
        stem = self._settings.naming.stem(entry.name)
        path = f"{folder}/{entry.kind}/{stem}.yaml"
        taken = path in self.result.files or path in self._taken
        return f"{folder}/{entry.kind}/{entry.name}/{stem}.yaml" if taken else path

    def _file(self, path: str, text: str, source: Document) -> PlannedFile:
        if self._tree.follow(path).kind is None:
            return PlannedFile(path, text, WriteStatus.NEW, source)
        same = self._tree.read(path) == text.encode()
        return PlannedFile(path, text, WriteStatus.UNCHANGED if same else WriteStatus.OVERWRITES, source)

    def _add(self, file: PlannedFile) -> None:
        self.result.files[file.path] = file

    def _workspace_file(self, workspace: str) -> str:
        return f"{self._settings.workspaces}/{workspace}/workspace.yaml"

    def _schema(self, form: str, path: str) -> str:
        schema = f"schemas/{form}.schema.json"
        if self._tree.follow(schema).kind is not EntryKind.FILE:
            return ""
        return os.path.relpath(schema, os.path.dirname(path)).replace(os.sep, "/")

    def _text(self, path: str) -> str:
        content = self._tree.read(path)
        return "" if isinstance(content, Diagnostic) else content.decode("utf-8", "replace")

    def _read_data(self, path: str) -> Mapping[str, Any] | None:
        content = self._tree.read(path)
        read = content if isinstance(content, Diagnostic) else read_text(path, content)
        return None if isinstance(read, Diagnostic) else read.data


def in_schema_order(form: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Sort fields in schema order, custom fields last."""
    known = [key for key in schema.fields(form) if key in data]
    return {key: data[key] for key in (*known, *(key for key in data if key not in known))}


def file_text(
    data: Mapping[str, Any],
    remarks: Sequence[Remark] = (),
    verbatim: Mapping[str, str] = _NOTHING,
    schema_path: str = "",
) -> str | Diagnostic:
    """Return the text of a YAML file, or a finding if the fields cannot be represented.

    Args:
       verbatim: YAML text of fields, used if equivalent.
       schema_path: relative path of the schema; empty for none.
    """
    head = f"# yaml-language-server: $schema={schema_path}\n" if schema_path else ""
    for written, notes in ((verbatim, remarks), (_NOTHING, remarks), (_NOTHING, ())):
        text = head + "".join(_pieces(data, notes, written))
        read = read_text("definition.yaml", text.encode())
        if not isinstance(read, Diagnostic) and read.data == freeze(thaw(data)):
            return text
    return read if isinstance(read, Diagnostic) else text


def _pieces(data: Mapping[str, Any], remarks: Sequence[Remark], verbatim: Mapping[str, str]) -> Iterator[str]:
    yield from (_comment(remark.text) for remark in remarks if remark.field not in data)
    for key, value in data.items():
        yield from (_comment(remark.text) for remark in remarks if remark.field == key)
        yield verbatim.get(key) or to_yaml({key: thaw(value)})


def _comment(text: str) -> str:
    shown = "".join(
        item if item.isprintable() or item == "\t" else item.encode("unicode_escape").decode("ascii")
        for item in text
    )
    return f"# {shown}\n"
