"""Workflows: files of steps that are run one after the other, each by a step type of the registry.

``checking`` reads a file and holds it against the types' schemas; ``running`` runs it with an executor and
keeps a record. The rest is what step types need that see prompts, expressions and answers of other steps:
the names below are for them.
"""

from __future__ import annotations

from stepwell.workflows.expressions import BadExpression, evaluate, render
from stepwell.workflows.flow import Flow, Setting, StepFailed, Turn, seen
from stepwell.workflows.given import data_from
from stepwell.workflows.inside import OutsideFolder, inside, read_inside
from stepwell.workflows.prompts import Prompt, compose, shortened
from stepwell.workflows.stepping import applies, faults, nested, run_steps, text_of

__all__ = [
    "BadExpression",
    "Flow",
    "OutsideFolder",
    "Prompt",
    "Setting",
    "StepFailed",
    "Turn",
    "applies",
    "compose",
    "data_from",
    "evaluate",
    "faults",
    "inside",
    "nested",
    "read_inside",
    "render",
    "run_steps",
    "seen",
    "shortened",
    "text_of",
]
