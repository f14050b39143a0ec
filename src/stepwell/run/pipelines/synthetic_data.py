"""Deterministic synthetic data for inputs, generated from the interface."""

from __future__ import annotations

import csv
import json
import os
import random
from collections.abc import Mapping
from typing import Any, Final

from stepwell.run.pipelines.artifacts import ENDINGS, has_parquet
from stepwell.run.pipelines.sandbox import is_file_path
from stepwell.run.pipelines.task import Port

__all__ = ["make_up"]

_ROWS: Final = 50
_COLUMNS: Final = {"id": "integer", "x1": "number", "x2": "number", "label": "boolean"}
"""Columns of a table whose columns are not declared."""
_FORMAT_OF: Final = {ending: form for form, ending in ENDINGS.items()}
_TABLES: Final = ("data", "table", "csv", "processing", "training", "predictions")


def make_up(folder: str, port: Port, kind: str) -> str:
    """Write synthetic data for an input and return its path.

    Args:
        folder: absolute target folder.
        port: declared content of the input.
        kind: ``type`` in the interface; without declared content, tabular types become CSV files,
            hyperparameters a JSON file, and everything else a text file.
    """
    chance = random.Random(f"{port.name} {port.path}")  # noqa: S311 - deterministic synthetic data
    content: Mapping[str, Any] = json.loads(port.content or "{}")
    ending = os.path.splitext(port.path)[1] if is_file_path(port.path) else ""
    form = content.get("format") or _FORMAT_OF.get(ending, "")
    if not form and not ending:
        form = "csv" if any(word in kind.lower() for word in _TABLES) else ""
        form = "json" if "hyperparameter" in kind.lower() else form
    place = os.path.join(folder, port.name)
    for channel in port.channels or ("",):
        below = os.path.join(place, channel) if channel else place
        os.makedirs(below, exist_ok=True)
        name = os.path.basename(port.path) if ending else _name(content, form)
        _WRITE.get(form, _text)(os.path.join(below, name), content, chance)
    return place


def _name(content: Mapping[str, Any], form: str) -> str:
    wanted = str(content.get("files", ""))
    if wanted and not set("*?[]") & set(wanted):
        return wanted
    ending = os.path.splitext(wanted)[1] if wanted else ""
    return f"made_up{ending or ENDINGS.get(form, '.txt')}"


def _csv(path: str, content: Mapping[str, Any], chance: random.Random) -> None:
    columns = content.get("columns") or _COLUMNS
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for number in range(max(_ROWS, content.get("min_rows", 0))):
            writer.writerow(_cell(kind, number, chance) for kind in columns.values())


def _json(path: str, content: Mapping[str, Any], chance: random.Random) -> None:
    with open(path, "w", encoding="utf-8") as file:
        json.dump(_fields(content, 0, chance), file)


def _json_lines(path: str, content: Mapping[str, Any], chance: random.Random) -> None:
    with open(path, "w", encoding="utf-8") as file:
        for number in range(max(_ROWS, content.get("min_rows", 0))):
            file.write(json.dumps(_fields(content, number, chance)) + "\n")


def _parquet(path: str, content: Mapping[str, Any], chance: random.Random) -> None:
    if not has_parquet():
        raise ModuleNotFoundError("synthetic Parquet needs `pyarrow`: pip install 'stepwell[data]'")
    import pyarrow
    from pyarrow import parquet

    columns = content.get("columns") or _COLUMNS
    rows = max(_ROWS, content.get("min_rows", 0))
    table = {name: [_value(kind, number, chance) for number in range(rows)] for name, kind in columns.items()}
    parquet.write_table(pyarrow.table(table), path)


def _text(path: str, content: Mapping[str, Any], _: random.Random) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write("synthetic data by stepwell\n" * max(1, content.get("min_rows", 1)))


_WRITE: Final = {"csv": _csv, "json": _json, "jsonl": _json_lines, "parquet": _parquet}


def _fields(content: Mapping[str, Any], number: int, chance: random.Random) -> Any:
    schema = content.get("schema")
    value = {} if schema is None else _fitting(schema, chance, 0)
    columns = content.get("columns") or {}
    if columns and isinstance(value, dict):
        for name, kind in columns.items():
            value.setdefault(name, _value(kind, number, chance))
    return value


def _value(kind: str, number: int, chance: random.Random) -> Any:
    if kind == "integer":
        return number
    if kind == "number":
        return round(chance.uniform(0, 1), 4)  # valid as a score and as an amount
    if kind == "boolean":
        return chance.random() < 0.5
    return f"text {number}"


def _cell(kind: str, number: int, chance: random.Random) -> Any:
    value = _value(kind, number, chance)
    return int(value) if isinstance(value, bool) else value


def _fitting(schema: Any, chance: random.Random, depth: int) -> Any:
    """Return a value that matches most schemas; the result is validated before use."""
    if not isinstance(schema, dict) or depth > 16:
        return None
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for key in ("enum", "examples"):
        if schema.get(key):
            return schema[key][0]
    kind = schema.get("type", "object" if "properties" in schema else "null")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        wanted = schema.get("required", ())
        known = schema.get("properties", {})
        names = dict.fromkeys((*wanted, *known))
        return {name: _fitting(known.get(name, {"type": "string"}), chance, depth + 1) for name in names}
    if kind == "array":
        return [
            _fitting(schema.get("items", {"type": "integer"}), chance, depth + 1)
            for _ in range(max(1, schema.get("minItems", 1)))
        ]
    if kind in ("number", "integer"):
        low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
        high = schema.get("maximum", schema.get("exclusiveMaximum", low + 2) - 1)
        return low if kind == "integer" or high < low else round(chance.uniform(low, high), 4)
    if kind == "string":
        return "synthetic".ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength", 1000)]
    return {"boolean": True, "null": None}.get(kind)
