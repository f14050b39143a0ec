"""Entries gathered from the sources of an import, with their locations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, final

from stepwell.model.layer import Layer
from stepwell.model.schema import conventions
from stepwell.source.diagnostic import Diagnostic, Related, Severity
from stepwell.source.document import Document
from stepwell.source.legacy_table import LEGACY_FIELDS, Remark

__all__ = [
    "EntryKey",
    "Gathered",
    "PlannedDefinition",
    "conventional",
    "effective",
    "fail",
    "in_full",
    "merged",
    "note",
    "patch_of",
    "without_conventional",
]


_OPTIONAL: Final = (
    "sagemaker_step_type",
    "framework",
    "config_class",
    "builder_step_name",
    "spec_type",
    "priority",
    "environment_tags",
    "compatibility_tags",
    "conflict_resolution_strategy",
)
"""Optional fields of old rows."""


def effective(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a step, including conventional ones."""
    if data.get("sagemaker_step_type") is None:
        return dict(data)
    return {**conventional(data["name"]), **{key: value for key, value in data.items() if value is not None}}


def conventional(name: str) -> dict[str, str]:
    """Return the conventional fields of a legacy step."""
    return {key: f"{name}{convention.suffix}" for key, convention in conventions("step").items()}


def without_conventional(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a step without conventional ones."""
    if data.get("sagemaker_step_type") is None:
        return dict(data)
    known = conventional(data["name"])
    return {key: value for key, value in data.items() if key not in known or value != known[key]}


def patch_of(row: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """Return the patch from a step to an old row that replaced it; only ``name`` if equal.

    Args:
       row: includes ``name``.
    """
    wanted, given = effective(row), effective(base)
    patch: dict[str, Any] = {"name": row["name"]}
    patch.update((key, value) for key, value in row.items() if key != "name" and given.get(key) != value)
    for key in _OPTIONAL:
        left_out = base.get(key) is not None and row.get(key) is None
        if left_out and given.get(key) != wanted.get(key):
            patch[key] = None
    return patch


EntryKey = tuple[str, Layer, str | None, str]
"""Kind, layer, workspace and name."""


@final
@dataclass(frozen=True, slots=True)
class PlannedDefinition:
    """Planned definition.

    Args:
       kind: a key of ``KINDS``.
       workspace: ``None`` for the core.
       document: fields including ``name``, with their locations in the source.
       row: row of the old table, for verification.
    """

    kind: str
    layer: Layer
    workspace: str | None
    document: Document
    row: Mapping[str, Any]
    remarks: tuple[Remark, ...] = ()
    verbatim: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        name: str = self.document.data["name"]
        return name

    @property
    def key(self) -> EntryKey:
        """Return the unique key of the entry."""
        return self.kind, self.layer, self.workspace, self.name


@final
@dataclass(frozen=True, slots=True)
class Gathered:
    """Contents of the sources.

    Args:
       entries: in source order.
       order: names of the old core table in order.
    """

    entries: tuple[PlannedDefinition, ...] = ()
    metadata: Mapping[str, Document] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    read: tuple[tuple[str, str], ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def in_full(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row completed with conventional class names."""
    stated = {key: row[key] for key in LEGACY_FIELDS if row.get(key) is not None}
    return {**(conventional(row["name"]) if "sagemaker_step_type" in stated else {}), **stated}


def merged(
    entries: tuple[PlannedDefinition, ...],
) -> tuple[tuple[PlannedDefinition, ...], tuple[Diagnostic, ...]]:
    """Merge entries of several sources; the first source takes precedence."""
    result: dict[EntryKey, PlannedDefinition] = {}
    findings: list[Diagnostic] = []
    for entry in entries:
        first = result.get(entry.key)
        if first is None:
            result[entry.key] = entry
        else:
            findings += _differences(first, entry)
            result[entry.key] = _together(first, entry)
    return tuple(result.values()), tuple(findings)


def _differences(first: PlannedDefinition, other: PlannedDefinition) -> Iterator[Diagnostic]:
    ours = (
        {**in_full(first.document.data), **first.document.data}
        if first.kind == "steps"
        else first.document.data
    )
    for key, value in other.document.data.items():
        if key in ours and ours[key] != value:
            yield Diagnostic(
                "sources-differ",
                Severity.ERROR,
                f"`{key}` of `{other.name}` differs between two sources, the first is used",
                other.document.value_span((key,)),
                "make the sources agree, or import only one of them",
                (Related("taken from here", first.document.value_span((key,))),),
            )


def _together(first: PlannedDefinition, other: PlannedDefinition) -> PlannedDefinition:
    mine, theirs = first.document, other.document
    known = {**in_full(mine.data), **mine.data} if first.kind == "steps" else mine.data
    added = {key: value for key, value in theirs.data.items() if key not in known}
    if not added:
        return first
    document = Document(mine.path, mine.text, {**mine.data, **added}, mine.locate)
    verbatim = {key: text for key, text in other.verbatim.items() if key in added}
    remarks = tuple(remark for remark in other.remarks if remark.field in added)
    return PlannedDefinition(
        first.kind,
        first.layer,
        first.workspace,
        document,
        first.row,
        (*first.remarks, *remarks),
        {**first.verbatim, **verbatim},
    )


def fail(
    rule: str, message: str, document: Document, pointer: tuple[str | int, ...], help_text: str
) -> Diagnostic:
    """Return the error for content that cannot be converted."""
    return Diagnostic(rule, Severity.ERROR, message, document.key_span(pointer), help_text)


def note(rule: str, message: str, document: Document, pointer: tuple[str | int, ...]) -> Diagnostic:
    """Return the note for content that is converted differently."""
    return Diagnostic(rule, Severity.INFO, message, document.key_span(pointer))
