"""A run as a page for people: one file, no script, nothing loaded from elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from stepwell.frontends.render.run.text import log_of, seconds
from stepwell.run.pipelines import RunRecord
from stepwell.source.escape_control import visible

__all__ = ["as_html", "logs_of"]

_WIDTH, _HEIGHT, _ACROSS, _DOWN = 190, 46, 70, 18
"""Of a box in the picture of the graph, and of the room between two, in pixels."""
_LETTERS: Final = 23
"""That fit into a box."""


def as_html(record: Mapping[str, Any], logs: Mapping[str, str]) -> str:
    """The page of a run.

    Args:
        record: the output of ``stepwell pipeline run --format json`` as plain data.
        logs: the text of the last log of each step that has one, by its id.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["visible"] = visible
    environment.filters["seconds"] = seconds
    environment.filters["clock"] = lambda at: time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
    environment.filters["lines"] = lambda text: "\n".join(visible(line) for line in text.splitlines())
    return environment.get_template("report.html.j2").render(
        **record, logs=logs, graph=_graph(record["steps"]), bars=_bars(record)
    )


def logs_of(run: RunRecord) -> dict[str, str]:
    """The text of the last log of each step that has one, by its id."""
    paths = {one.node: log_of(run, one) for one in run.steps}
    return {
        node: Path(path).read_text(encoding="utf-8", errors="backslashreplace")
        for node, path in paths.items()
        if path
    }


def _graph(steps: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Where each box of the picture stands, and the lines between them: a column for each level."""
    level: dict[str, int] = {}
    for one in steps:  # each stands after what it needs
        level[one["id"]] = 1 + max((level[need] for need in one["needs"] if need in level), default=-1)
    rows: dict[int, int] = {}
    boxes: dict[str, dict[str, Any]] = {}
    for one in steps:
        column = level[one["id"]]
        row = rows.get(column, 0)
        rows[column] = row + 1
        name = visible(one["id"])
        boxes[one["id"]] = {
            "x": 10 + column * (_WIDTH + _ACROSS),
            "y": 10 + row * (_HEIGHT + _DOWN),
            "name": name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…",
            "step": one,
        }
    lines = [
        {
            "x1": boxes[need]["x"] + _WIDTH,
            "y1": boxes[need]["y"] + _HEIGHT / 2,
            "x2": boxes[one["id"]]["x"],
            "y2": boxes[one["id"]]["y"] + _HEIGHT / 2,
        }
        for one in steps
        for need in one["needs"]
        if need in boxes
    ]
    return {
        "boxes": list(boxes.values()),
        "lines": lines,
        "box": {"width": _WIDTH, "height": _HEIGHT},
        "width": 20 + (max(level.values(), default=0) + 1) * (_WIDTH + _ACROSS) - _ACROSS,
        "height": 20 + max(rows.values(), default=1) * (_HEIGHT + _DOWN) - _DOWN,
    }


def _bars(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every attempt as a stretch of the time from the first to the last, in hundredths."""
    attempts = [
        (one, each) for one in record["steps"] for each in one["attempts"] if each["ended"] is not None
    ]
    if not attempts:
        return []
    began = min(each["began"] for _, each in attempts)
    whole = max(max(each["ended"] for _, each in attempts) - began, 1e-9)
    bars: dict[str, dict[str, Any]] = {}
    for one, each in attempts:
        row = bars.setdefault(one["id"], {"id": one["id"], "state": one["state"], "stretches": []})
        row["stretches"].append(
            {
                "left": round(100 * (each["began"] - began) / whole, 3),
                "width": max(0.2, round(100 * (each["ended"] - each["began"]) / whole, 3)),
                "state": each["state"],
                "seconds": each["ended"] - each["began"],
            }
        )
    return list(bars.values())
