"""Runs of pipelines: what is planned, made in sandboxes, kept by digest and recorded."""

from __future__ import annotations

from stepwell.pipelines.runs.driving import Choice, Options, run_plan
from stepwell.pipelines.runs.manifest import MANIFEST, Manifest, read_manifest
from stepwell.pipelines.runs.performing import perform
from stepwell.pipelines.runs.planning import Plan, PlannedStep, make_plan
from stepwell.pipelines.runs.record import Record
from stepwell.pipelines.runs.recorded import AttemptRecord, RunRecord, StepRecord
from stepwell.pipelines.runs.task import Held, Limits, Outcome, Port, State, Task

__all__ = [
    "MANIFEST",
    "AttemptRecord",
    "Choice",
    "Held",
    "Limits",
    "Manifest",
    "Options",
    "Outcome",
    "Plan",
    "PlannedStep",
    "Port",
    "Record",
    "RunRecord",
    "State",
    "StepRecord",
    "Task",
    "make_plan",
    "perform",
    "read_manifest",
    "run_plan",
]
