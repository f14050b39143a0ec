"""Runs of pipelines: what is planned, made in sandboxes, kept by digest and recorded."""

from __future__ import annotations

from stepwell.model.graph import Among, Edge, Node, OutputOf, Pipeline, Stated
from stepwell.run.pipelines.data_manifest import MANIFEST, Manifest, read_manifest
from stepwell.run.pipelines.plan import Plan, PlannedStep, make_plan
from stepwell.run.pipelines.run_database import Record
from stepwell.run.pipelines.run_record import AttemptRecord, RunRecord, StepRecord
from stepwell.run.pipelines.scheduler import run_plan
from stepwell.run.pipelines.selection import Choice, Options
from stepwell.run.pipelines.task import Held, Limits, Outcome, Port, State, Task
from stepwell.run.pipelines.worker import perform

__all__ = [
    "MANIFEST",
    "Among",
    "AttemptRecord",
    "Choice",
    "Edge",
    "Held",
    "Limits",
    "Manifest",
    "Node",
    "Options",
    "Outcome",
    "OutputOf",
    "Pipeline",
    "Plan",
    "PlannedStep",
    "Port",
    "Record",
    "RunRecord",
    "State",
    "Stated",
    "StepRecord",
    "Task",
    "make_plan",
    "perform",
    "read_manifest",
    "run_plan",
]
