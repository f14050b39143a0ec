"""Pipeline runs: plan, sandboxed attempts, content-addressed artifacts and run records."""

from __future__ import annotations

from stepwell.model.graph import Among, Edge, Node, OutputOf, Pipeline, Stated
from stepwell.run.pipelines.data_manifest import MANIFEST, Manifest, read_manifest
from stepwell.run.pipelines.plan import PlannedStep, RunPlan, make_plan
from stepwell.run.pipelines.run_database import RunDatabase
from stepwell.run.pipelines.run_record import AttemptRecord, RunRecord, StepRecord
from stepwell.run.pipelines.scheduler import run_plan
from stepwell.run.pipelines.selection import Options, StepSelection
from stepwell.run.pipelines.task import Artifact, AttemptLimits, AttemptOutcome, Port, StepState, Task
from stepwell.run.pipelines.worker import perform

__all__ = [
    "MANIFEST",
    "Among",
    "Artifact",
    "AttemptLimits",
    "AttemptOutcome",
    "AttemptRecord",
    "Edge",
    "Manifest",
    "Node",
    "Options",
    "OutputOf",
    "Pipeline",
    "PlannedStep",
    "Port",
    "RunDatabase",
    "RunPlan",
    "RunRecord",
    "Stated",
    "StepRecord",
    "StepSelection",
    "StepState",
    "Task",
    "make_plan",
    "perform",
    "read_manifest",
    "run_plan",
]
