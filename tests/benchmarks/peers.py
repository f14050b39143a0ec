"""Peers of Stepwell: the same work without it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

__all__ = ["SCHEMAS", "Overlay", "bare_module", "copy_rows", "copy_tables", "naive_load"]

SCHEMAS: Final = Path(__file__).resolve().parents[2] / "schemas"

Row = Mapping[str, Any]


@dataclass(slots=True)
class NaiveRegistry:
    """What the naive way keeps and what it found.

    Args:
        accepted: the data of each accepted file, by path.
        rejected: the paths of the others.
    """

    accepted: dict[str, Any] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


def naive_load(root: str) -> NaiveRegistry:
    """Read every definition with PyYAML's C loader and validate it with one reused jsonschema validator."""
    # An optional library of jsonschema, for formats that no schema here has, takes seconds to import.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    import jsonschema
    import yaml

    def validator(name: str) -> Any:
        schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
        return jsonschema.Draft202012Validator(schema)

    step, override, workspace = validator("step"), validator("step-override"), validator("workspace")
    registry = NaiveRegistry()
    for top in ("registry.d", "workspaces"):
        for folder, folders, files in os.walk(f"{root}/{top}"):
            folders.sort()
            form = override if "/override/" in folder else step
            for name in sorted(files):
                path = f"{folder}/{name}"
                try:
                    with open(path, "rb") as file:
                        data = yaml.load(file, Loader=yaml.CSafeLoader)
                except yaml.YAMLError:
                    registry.refused.append(os.path.relpath(path, root))
                    continue
                if (workspace if name == "workspace.yaml" else form).is_valid(data):
                    registry.accepted[path] = data
                else:
                    registry.refused.append(os.path.relpath(path, root))
    return registry


@dataclass(frozen=True, slots=True)
class Overlay:
    """Definitions of one workspace above the core, as plain data.

    Args:
        local: complete definitions.
        override: what changes.
    """

    local: Sequence[Row]
    override: Sequence[Row]


def copy_tables(core: Iterable[Row], overlays: Iterable[Overlay]) -> list[dict[str, Row]]:
    """A table for each workspace: a copy of the core's ``dict``, whose rows all tables share."""
    table = {row["name"]: row for row in core}
    return [_overlaid(dict(table), overlay) for overlay in overlays]


def copy_rows(core: Iterable[Row], overlays: Iterable[Overlay]) -> list[dict[str, Row]]:
    """The same with separate rows for each workspace, so that changing one table changes no other."""
    table = {row["name"]: row for row in core}
    return [_overlaid({name: dict(row) for name, row in table.items()}, overlay) for overlay in overlays]


def _overlaid(table: dict[str, Row], overlay: Overlay) -> dict[str, Row]:
    for row in overlay.local:
        table[row["name"]] = row
    for patch in overlay.override:
        table[patch["name"]] = {**table[patch["name"]], **patch}
    return table


def bare_module(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """A module of literals and nothing else, one entry a line."""
    return "\n".join(f"{name} = {_literal(table, '')}" for name, table in tables.items()) + "\n"


def _literal(value: Any, indent: str) -> str:
    if not isinstance(value, Mapping):
        return repr(value)
    inner = indent + "    "
    rows = "".join(f"{inner}{key!r}: {_literal(item, inner)},\n" for key, item in value.items())
    return f"{{\n{rows}{indent}}}"
