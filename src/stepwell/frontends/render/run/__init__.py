"""Pipeline runs as text, live table and HTML report, a single file without scripts or external resources."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepwell.frontends.render.run.text import comparison_lines, log_of, run_lines, seconds, swap_lines
from stepwell.run.pipelines import Pipeline, RunRecord
from stepwell.run.pipelines.run_record import busy_spans
from stepwell.source.escape_control import visible
from stepwell.source.redaction import without_secrets

__all__ = ["as_html", "comparison_lines", "logs_of", "run_lines", "swap_lines"]


def as_html(pipeline: Pipeline, record: Mapping[str, Any], logs: Mapping[str, str]) -> str:
    """Return the report for a record of ``stepwell pipeline run --format json``."""
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
    report = environment.get_template("report.html.j2").render(
        **record, logs=logs, drawing=_drawing(pipeline, record["steps"]), bars=_bars(record)
    )
    return without_secrets(report)


def logs_of(run: RunRecord) -> dict[str, str]:
    """Return the text of the last log of each step, by step id."""
    paths = {step.node: log_of(run, step) for step in run.steps}
    return {
        node: Path(path).read_text(encoding="utf-8", errors="backslashreplace")
        for node, path in paths.items()
        if path
    }


def _drawing(pipeline: Pipeline, steps: list[Mapping[str, Any]]) -> str:
    """Return the graph with state, duration and workspace of each step."""
    from stepwell.frontends.render.graph import Mark, as_svg  # only needed for reports
    from stepwell.frontends.render.graph.layout import colour_of_state

    marks: dict[str, Mark] = {}
    for step in steps:
        took = f", {seconds(step['seconds'])}" if step["seconds"] else ""
        whose = f" ({step['developer']})" if step["developer"] else ""
        text = f"{step['state']}{took}{whose}"
        marks[step["id"]] = Mark(step["state"], colour_of_state(step["state"]), text)
    return as_svg(pipeline, marks)


def _bars(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every attempt as an interval in percent of the time in which attempts ran."""
    attempts = [
        (item, each) for item in record["steps"] for each in item["attempts"] if each["ended"] is not None
    ]
    if not attempts:
        return []
    spans = busy_spans((each["began"], each["ended"]) for _, each in attempts)

    def busy_until(at: float) -> float:
        return sum(min(max(at - began, 0.0), ended - began) for began, ended in spans)

    whole = max(busy_until(math.inf), 1e-9)
    bars: dict[str, dict[str, Any]] = {}
    for item, each in attempts:
        row = bars.setdefault(item["id"], {"id": item["id"], "state": item["state"], "stretches": []})
        row["stretches"].append(
            {
                "left": round(100 * busy_until(each["began"]) / whole, 3),
                "width": max(0.2, round(100 * (each["ended"] - each["began"]) / whole, 3)),
                "state": each["state"],
                "seconds": each["ended"] - each["began"],
            }
        )
    return list(bars.values())
