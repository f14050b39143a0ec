"""A run as a page for people: one file, no script, nothing loaded from elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepwell.frontends.render.run.text import log_of, seconds
from stepwell.run.pipelines import Pipeline, RunRecord
from stepwell.source.escape_control import visible

__all__ = ["as_html", "logs_of"]


def as_html(pipeline: Pipeline, record: Mapping[str, Any], logs: Mapping[str, str]) -> str:
    """The page of a run.

    Args:
        record: the output of ``stepwell pipeline run --format json`` as plain data.
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
        **record, logs=logs, drawing=_drawing(pipeline, record["steps"]), bars=_bars(record)
    )


def logs_of(run: RunRecord) -> dict[str, str]:
    """The text of the last log of each step that has one, by its id."""
    paths = {one.node: log_of(run, one) for one in run.steps}
    return {
        node: Path(path).read_text(encoding="utf-8", errors="backslashreplace")
        for node, path in paths.items()
        if path
    }


def _drawing(pipeline: Pipeline, steps: list[Mapping[str, Any]]) -> str:
    """The graph, with how each step ended, how long it took and whose it is."""
    from stepwell.frontends.render.graph import Mark, as_svg  # a run without a report draws nothing
    from stepwell.frontends.render.graph.palette import colour_of_state

    marks: dict[str, Mark] = {}
    for one in steps:
        took = f", {seconds(one['seconds'])}" if one["attempts"] else ""
        whose = f" ({one['developer']})" if one["developer"] else ""
        text = f"{one['state']}{took}{whose}"
        marks[one["id"]] = Mark(one["state"], colour_of_state(one["state"]), text)
    return as_svg(pipeline, marks)


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
