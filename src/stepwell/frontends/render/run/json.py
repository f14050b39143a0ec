"""Runs as plain data (``output-pipeline-run.schema.json``, ``output-pipeline-compare.schema.json``)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from stepwell.frontends.render.json import finding
from stepwell.run.pipelines import AttemptRecord, RunRecord, StepRecord
from stepwell.run.pipelines.statistics import StepDifference, developers_of
from stepwell.run.pipelines.worker import LOG
from stepwell.source.diagnostic import Diagnostic

__all__ = ["log_of", "plain_comparison", "plain_run"]


def plain_run(
    run: RunRecord, root: str, findings: Iterable[Diagnostic] = (), *, logs: bool = False
) -> dict[str, Any]:
    """A run as data.

    Args:
        run: which run.
        root: the project's folder; paths are told relative to it.
        findings: what was found before it began.
        logs: whether the text of each step's last log is among it.
    """
    return {
        "version": 1,
        "run": {
            "id": run.id,
            "pipeline": run.pipeline,
            "workspace": run.workspace,
            "engine": run.engine,
            "mode": run.mode,
            "state": run.state.value,
            "parameters": dict(run.parameters),
            "began": run.began,
            "ended": run.ended,
            "folder": _relative(run.folder, root),
        },
        "steps": [_step(run, one, root, logs=logs) for one in run.steps],
        "developers": [
            {
                "developer": one.name or None,
                "steps": one.steps,
                "done": one.done,
                "failed": one.failed,
                "attempts": one.attempts,
                "seconds": round(one.seconds, 3),
            }
            for one in developers_of(run)
        ],
        "diagnostics": [finding(one) for one in findings],
    }


def plain_comparison(
    before: RunRecord, after: RunRecord, differences: Iterable[StepDifference]
) -> dict[str, Any]:
    """What differs between two runs, as data."""
    return {
        "version": 1,
        "pipeline": after.pipeline,
        "before": before.id,
        "after": after.id,
        "steps": [
            {
                "id": one.node,
                "same": one.is_same,
                "states": [None if side is None else side.state.value for side in (one.before, one.after)],
                "seconds": [
                    None if side is None else round(side.seconds, 3) for side in (one.before, one.after)
                ],
                "inputs": list(one.inputs),
                "outputs": list(one.outputs),
                "why": one.why or None,
            }
            for one in differences
        ],
    }


def log_of(run: RunRecord, step: StepRecord) -> str:
    """The path of the log of a step's last attempt; empty where it has none."""
    for one in reversed(step.attempts):
        path = os.path.join(run.folder, one.folder, LOG) if one.folder else ""
        if path and os.path.exists(path):
            return path
    return ""


def _step(run: RunRecord, one: StepRecord, root: str, *, logs: bool) -> dict[str, Any]:
    log = log_of(run, one)
    told = {
        "id": one.node,
        "step": one.step,
        "developer": one.developer or None,
        "needs": list(one.needs),
        "state": one.state.value,
        "seconds": round(one.seconds, 3),
        "fault": one.fault or None,
        "kind": one.kind or None,
        "help": one.help or None,
        "inputs": dict(one.inputs),
        "outputs": [
            {"name": held.name, "digest": held.digest, "bytes": held.bytes, "files": held.files}
            for held in one.outputs
        ],
        "log": _relative(log, root) if log else None,
        "attempts": [_attempt(each) for each in one.attempts],
    }
    if logs:
        told["log_text"] = _text(log) if log else ""
    return told


def _attempt(one: AttemptRecord) -> dict[str, Any]:
    return {
        "number": one.number,
        "state": one.state.value,
        "began": one.began,
        "ended": one.ended,
        "exit_code": one.exit_code,
        "fault": one.fault or None,
        "folder": one.folder or None,
        "worker": one.worker or None,
    }


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="backslashreplace") as file:
        return file.read()


def _relative(path: str, root: str) -> str:
    return os.path.relpath(path, root).replace(os.sep, "/")
